// A struct's fields, declared once: parser, validator, JSON Schema and manual come from that.
//
//   struct Config {
//     std::vector<Cidr> whitelist, blacklist;
//     std::string message = "Your IP address is not allowed";
//     int response_code = 403;
//
//     static constexpr auto fields = std::tuple{
//         field("whitelist", &Config::whitelist, "Only these addresses pass.").non_empty(),
//         field("blacklist", &Config::blacklist, "These addresses are refused.").non_empty(),
//         field("message", &Config::message, "Body of the refusal.").length(1, 1024),
//         field("response_code", &Config::response_code, "Its status.").range(403, 404)};
//     static constexpr auto rules = exactly_one_of("whitelist", "blacklist");
//   };
//
//   Result<Config> config = parse<Config>(json);
//
// Members: bool, integers, double, std::string, Secret, Json (anything), enums with EnumNames,
// structs with `fields`, std::optional, std::vector, and maps as std::vector<std::pair<std::string,
// T>> or std::map<std::string, T>; own types by CustomType. The default is what the member
// initialiser says; a std::optional, an empty string, list, map or null Json has none and simply
// stays away. `rules` is one cross-field rule or a std::tuple of them. `static constexpr bool
// closed = true;` refuses unknown fields. A member that is missing in `fields` does not compile.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schema/json_schema.h"
#include "schema/rules.h"
#include "schema/type_info.h"

namespace pylon::schema {

template <class Owner, class Member>
struct Field : RuleWords<Field<Owner, Member>> {
  std::string_view name;
  Member Owner::*member;
  std::string_view manual;

  constexpr Field(std::string_view n, Member Owner::*m, std::string_view text)
      : name(n), member(m), manual(text) {}

  // Limits of the items of an array or the values of a map: .items(each().length(1, 64)).
  constexpr Field items(const ItemWords& words) const {
    Field copy = *this;
    copy.rules.items = words.rules.value;
    return copy;
  }
};

template <class Owner, class Member>
constexpr Field<Owner, Member> field(std::string_view name, Member Owner::*member,
                                     std::string_view manual = {}) {
  return {name, member, manual};
}

// A field that the schema knows (`fragment` is its schema as JSON text) and the struct does not
// keep.
struct IgnoredField {
  std::string_view name;
  std::string_view manual;
  FieldRules rules;
};
constexpr IgnoredField ignored(std::string_view name, std::string_view fragment,
                               std::string_view manual = {}) {
  IgnoredField field{name, manual, {}};
  field.rules.value.fragment = fragment;
  return field;
}

// The words of an enum, in the order of its values from 0:
//   template <> struct EnumNames<Policy> {
//     static constexpr std::string_view names[] = {"a", "b"};
//   };
template <class Enum>
struct EnumNames;

// A type with its own text form: `fragment` (its schema as JSON text), `read` and `write`.
//   template <> struct CustomType<Cidr> {
//     static constexpr std::string_view fragment = R"({"type":"string"})";
//     static Result<Cidr> read(const Json& from);
//     static Json write(const Cidr& value);
//   };
template <class T>
struct CustomType;

template <class T>
concept Described = requires {
  T::fields;
};
template <class T>
concept Custom = requires {
  CustomType<T>::fragment;
};

template <class T>
const StructInfo& struct_info();
template <class T>
const TypeInfo& type_info();

template <class T>
Json schema_of() {
  return schema_of(struct_info<T>());
}

template <class T>
Json to_json(const T& object) {
  return to_json(struct_info<T>(), &object);
}

template <class T>
std::string reference_of() {
  return reference_of(struct_info<T>());
}

template <class T>
std::vector<std::string> encrypted_fields_of() {
  return encrypted_fields_of(struct_info<T>());
}

// The struct's schema, compiled once. A declaration that gives no valid schema ends the program: it
// is a programmer's error that the first test of the struct meets.
const JsonSchema& compiled_once(const StructInfo& type);

template <class T>
const JsonSchema& compiled_schema_of() {
  static const JsonSchema& compiled = compiled_once(struct_info<T>());
  return compiled;
}

// Fills a struct from a value that the schema has accepted and whose defaults are filled in.
template <class T>
Result<T> from_valid(const Json& value) {
  T object;
  if (auto filled = fill(struct_info<T>(), value, &object); !filled) {
    return tl::unexpected(filled.error());
  }
  return object;
}

// Validates (with APISIX's messages), fills defaults and makes the struct.
template <class T>
Result<T> parse(Json value) {
  if (auto message = compiled_schema_of<T>().validate(value)) return fail(std::move(*message));
  return from_valid<T>(value);
}

}  // namespace pylon::schema

#include "schema/fields_impl.h"

// What a declared field may hold: the limits that field(...) collects. See fields.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace pylon::schema {

// Limits of one value. Each is the JSON Schema keyword that its name says.
struct ValueRules {
  static constexpr size_t kMaxChoices = 24;

  std::optional<double> minimum, maximum, exclusive_minimum;
  std::optional<int64_t> min_size, max_size;  // of a string, array or object, by its type
  std::string_view pattern;                   // PCRE
  std::string_view format;
  std::string_view fragment;  // JSON text of the whole schema, instead of the derived one
  std::array<std::string_view, kMaxChoices> choices{};
  size_t choice_count = 0;
  bool unique = false;
};

struct FieldRules {
  ValueRules value;
  ValueRules items;  // of each item of an array or each value of a map
  bool required = false;
  bool encrypted = false;
  bool deprecated = false;
};

// The limits in the words that a declaration uses. `Self` is what is returned, so calls chain.
template <class Self>
struct RuleWords {
  FieldRules rules;

  constexpr Self required() const {
    return with([](FieldRules& r) { r.required = true; });
  }
  constexpr Self range(double lowest, double highest) const {
    return with([=](FieldRules& r) { r.value.minimum = lowest, r.value.maximum = highest; });
  }
  constexpr Self at_least(double lowest) const {
    return with([=](FieldRules& r) { r.value.minimum = lowest; });
  }
  constexpr Self at_most(double highest) const {
    return with([=](FieldRules& r) { r.value.maximum = highest; });
  }
  constexpr Self greater_than(double limit) const {
    return with([=](FieldRules& r) { r.value.exclusive_minimum = limit; });
  }
  // Characters of a string, items of an array, members of a map.
  constexpr Self length(int64_t shortest, int64_t longest) const {
    return with([=](FieldRules& r) { r.value.min_size = shortest, r.value.max_size = longest; });
  }
  constexpr Self min_length(int64_t shortest) const {
    return with([=](FieldRules& r) { r.value.min_size = shortest; });
  }
  constexpr Self max_length(int64_t longest) const {
    return with([=](FieldRules& r) { r.value.max_size = longest; });
  }
  constexpr Self min_items(int64_t fewest) const { return min_length(fewest); }
  constexpr Self max_items(int64_t most) const { return max_length(most); }
  constexpr Self non_empty() const { return min_length(1); }
  constexpr Self unique() const {
    return with([](FieldRules& r) { r.value.unique = true; });
  }
  constexpr Self one_of(std::initializer_list<std::string_view> choices) const {
    return with([=](FieldRules& r) {
      for (std::string_view choice : choices) r.value.choices[r.value.choice_count++] = choice;
    });
  }
  constexpr Self pattern(std::string_view pcre) const {
    return with([=](FieldRules& r) { r.value.pattern = pcre; });
  }
  constexpr Self format(std::string_view name) const {
    return with([=](FieldRules& r) { r.value.format = name; });
  }
  // Stored encrypted by the Admin API.
  constexpr Self encrypted() const {
    return with([](FieldRules& r) { r.encrypted = true; });
  }
  constexpr Self deprecated() const {
    return with([](FieldRules& r) { r.deprecated = true; });
  }
  // For what the words above cannot say: the JSON text of the schema, instead of the derived one
  // (a default included).
  constexpr Self fragment(std::string_view json) const {
    return with([=](FieldRules& r) { r.value.fragment = json; });
  }

 protected:
  template <class Change>
  constexpr Self with(Change change) const {
    Self copy = static_cast<const Self&>(*this);
    change(copy.rules);
    return copy;
  }
};

// each().length(1, 256): limits of the items of an array or the values of a map.
struct ItemWords : RuleWords<ItemWords> {};
constexpr ItemWords each() { return {}; }

// A rule over several fields of a struct.
struct CrossRule {
  enum class Kind { exactly_one_of, at_most_one_of, any_of_required, required_if, fragment };
  static constexpr size_t kMaxNames = 12;

  Kind kind;
  std::array<std::string_view, kMaxNames> names{};
  size_t name_count = 0;
};

template <class... Names>
constexpr CrossRule cross_rule(CrossRule::Kind kind, Names... names) {
  static_assert(sizeof...(Names) <= CrossRule::kMaxNames);
  return {kind, {std::string_view(names)...}, sizeof...(Names)};
}
template <class... Names>
constexpr CrossRule exactly_one_of(Names... names) {  // oneOf [{required:[a]}, ...]
  return cross_rule(CrossRule::Kind::exactly_one_of, names...);
}
template <class... Names>
constexpr CrossRule at_most_one_of(Names... names) {  // not anyOf [{required:[a,b]}, ...]
  return cross_rule(CrossRule::Kind::at_most_one_of, names...);
}
template <class... Names>
constexpr CrossRule any_of_required(Names... names) {  // anyOf [{required:[a]}, ...]
  return cross_rule(CrossRule::Kind::any_of_required, names...);
}
// When `field` is given and equals `value`, the named fields are required.
template <class... Names>
constexpr CrossRule required_if(std::string_view field, std::string_view value, Names... names) {
  return cross_rule(CrossRule::Kind::required_if, field, value, names...);
}
// JSON text whose members are added to the schema of the struct.
constexpr CrossRule schema_fragment(std::string_view json) {
  return cross_rule(CrossRule::Kind::fragment, json);
}

}  // namespace pylon::schema

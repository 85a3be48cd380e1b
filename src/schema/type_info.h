// What the schema code knows of a C++ type at run time: tables of functions, made by fields.h.
//
// Everything that parses, writes or describes values works over these tables, so that it is
// compiled once and a plugin's source only pays for its table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schema/rules.h"

namespace pylon::schema {

struct StructInfo;

struct TypeInfo {
  enum class Kind {
    boolean,
    integer,
    number,
    string,
    enumeration,
    any,
    array,
    map,
    optional,
    structure,
    custom
  };

  Kind kind;
  // The value of an optional, the items of an array, the values of a map.
  const TypeInfo* element = nullptr;

  // Scalars and custom types. `read` gets a value that the schema has accepted.
  Result<void> (*read)(const Json& from, void* to) = nullptr;
  Json (*write)(const void* from) = nullptr;

  // Containers: `add` appends and returns the place to fill (a map also takes the key; an optional
  // becomes filled); `visit` calls back with each key (empty but in a map) and value.
  using Visitor = void (*)(void* context, std::string_view key, const void* value);
  void* (*add)(void* container, std::string_view key) = nullptr;
  void (*clear)(void* container) = nullptr;
  void (*visit)(const void* container, void* context, Visitor visitor) = nullptr;

  const StructInfo& (*structure)() = nullptr;

  std::string_view fragment = {};                      // of a custom type: its schema as JSON text
  std::vector<std::string_view> (*names)() = nullptr;  // of an enumeration, in the order of values
  bool secret = false;
};

struct FieldInfo {
  std::string_view name;
  std::string_view manual;
  const TypeInfo* type;          // null with `place`
  void* (*place)(void* object);  // null: the schema knows the field, the struct does not
  FieldRules rules;
};

struct StructInfo {
  std::vector<FieldInfo> fields;
  std::vector<CrossRule> rules;
  const void* defaults;  // an object as its member initialisers leave it
  bool closed;           // additionalProperties: false
};

Json schema_of(const StructInfo& type);
Json to_json(const StructInfo& type, const void* object);
Result<void> fill(const StructInfo& type, const Json& from, void* object);
std::string reference_of(const StructInfo& type);  // a Markdown table
// Dotted paths of the fields that are stored encrypted.
std::vector<std::string> encrypted_fields_of(const StructInfo& type);
// What an absent field gets; null for none.
Json default_of(const StructInfo& type, const FieldInfo& field);

}  // namespace pylon::schema

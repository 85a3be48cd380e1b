// The compiled form of a JSON Schema: what json_schema_compile.cc makes and json_schema.cc walks.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "base/regex.h"
#include "base/result.h"

namespace pylon::schema {

// Which JSON types `type` allows, as bits. An empty array is an object too, and the other way
// round.
enum TypeBit : uint8_t {
  kObject = 1,
  kArray = 2,
  kString = 4,
  kBoolean = 8,
  kNumber = 16,
  kInteger = 32,
  kNull = 64,
  kTable = 128,  // an object or an array
};

struct SchemaNode {
  using Child = const SchemaNode*;  // null: no such keyword

  struct Property {
    Property(std::string n, Child s) : name(std::move(n)), schema(s) {}

    std::string name;
    Child schema;
    const Json* fallback = nullptr;  // its `default`
    bool required = false;
    Child dependent_schema = nullptr;
    std::vector<std::string> dependent_names;
  };
  struct PatternProperty {
    std::string pattern;
    Regex regex;
    Child schema;
  };
  enum class Extra { allowed, forbidden, checked };  // additionalProperties, additionalItems
  enum class Constant { none, always_true, always_false };
  enum class Format { none, ipv4, ipv6, pattern };

  Constant constant = Constant::none;  // the schema is just true or false
  uint8_t types = 0;                   // 0: any
  bool type_is_list = false;
  std::string type_text;  // as the message quotes it

  bool has_object_rules = false;
  std::vector<Property> properties;  // and required or dependent names that `properties` lacks
  StringSet known_names;
  bool must_be_empty = false;  // "required": []
  std::vector<PatternProperty> pattern_properties;
  Extra extra_properties = Extra::allowed;
  Child extra_property = nullptr;
  std::optional<int64_t> min_properties, max_properties;

  bool has_array_rules = false;
  Constant items_constant = Constant::none;
  Child items = nullptr;
  std::vector<Child> tuple;
  Extra extra_items = Extra::allowed;
  Child extra_item = nullptr;
  std::optional<int64_t> min_items, max_items;
  bool unique_items = false;

  std::optional<int64_t> min_length, max_length;
  std::string pattern;
  Regex regex;
  std::optional<double> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;

  const Json* choices = nullptr;  // enum
  const Json* exact = nullptr;    // const
  std::vector<Child> all_of, any_of, one_of;
  std::string any_of_names;  // of the `required` lists in anyOf, for the message
  Child condition = nullptr, then = nullptr, otherwise = nullptr, negated = nullptr;
  Constant property_names = Constant::none;
  Format format = Format::none;
  std::string format_name;
  Regex format_regex;
  Constant contains_constant = Constant::none;
  Child contains = nullptr;
};

struct CompiledSchema {
  Json document;
  std::deque<SchemaNode> nodes;
  const SchemaNode* root = nullptr;
};

// Compiles compiled.document into compiled.nodes.
Result<void> compile_nodes(CompiledSchema& compiled);

}  // namespace pylon::schema

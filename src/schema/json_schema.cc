#include "schema/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/hash.h"
#include "base/ip.h"
#include "base/strings.h"
#include "schema/lua_text.h"
#include "schema/schema_node.h"

namespace pylon::schema {
namespace {

using Message = std::optional<std::string>;
using Constant = SchemaNode::Constant;
using Extra = SchemaNode::Extra;

// A Lua table without content is an empty object and an empty array at once.
bool is_table(const Json& value) { return value.is_object() || value.is_array(); }
bool is_object(const Json& value) {
  return value.is_object() || (value.is_array() && value.empty());
}
bool is_array(const Json& value) {
  return value.is_array() || (value.is_object() && value.empty());
}

uint8_t types_of(const Json& value) {
  switch (value.type()) {
    case Json::Type::null:
      return kNull;
    case Json::Type::boolean:
      return kBoolean;
    case Json::Type::integer:
      return kNumber | kInteger;
    case Json::Type::number: {
      double number = value.as_double();
      return std::floor(number) == number ? kNumber | kInteger : kNumber;
    }
    case Json::Type::string:
      return kString;
    case Json::Type::array:
      return static_cast<uint8_t>(kTable | kArray | (value.empty() ? kObject : 0));
    case Json::Type::object:
      return static_cast<uint8_t>(kTable | kObject | (value.empty() ? kArray : 0));
  }
  return 0;
}

int64_t characters_in(std::string_view utf8) {
  int64_t count = 0;
  for (char c : utf8) count += (static_cast<uint8_t>(c) & 0xc0) != 0x80;
  return count;
}

class Validator {
 public:
  Message check(const SchemaNode& node, Json& value) {
    if (++depth_ > JsonSchema::kMaxDepth) {
      --depth_;
      return "nested too deeply";
    }
    Message message = check_node(node, value);
    --depth_;
    return message;
  }

 private:
  // One of several ways to be right: why it is not this one is nobody's concern.
  bool fits(const SchemaNode& node, Json& value) {
    ++unheard_;
    bool right = !check(node, value);
    --unheard_;
    return right;
  }

  // A message for whoever asked, made only when somebody will read it.
  template <class... Parts>
  Message told(fmt::format_string<Parts...> text, Parts&&... parts) const {
    if (unheard_ > 0) return std::string();
    return fmt::format(text, std::forward<Parts>(parts)...);
  }

  Message check_node(const SchemaNode& node, Json& value) {
    if (node.constant == Constant::always_true) return {};
    if (node.constant == Constant::always_false) return "expect false always";
    bool string_fits = node.types == 0 || (node.types == kString && !node.type_is_list);
    if (string_fits && value.is_string() && is_secret_reference(value.as_string())) return {};
    if (node.types != 0 && (types_of(value) & node.types) == 0) return wrong_type(node, value);
    if (node.has_object_rules) {
      if (is_object(value)) {
        if (auto message = check_object(node, value)) return message;
      }
      if (node.must_be_empty && !(is_table(value) && value.empty())) {
        return "the input data should be an empty table";
      }
    }
    if (node.has_array_rules) {
      bool done = false;
      if (auto message = check_array(node, value, done); message || done) return message;
    }
    if (value.is_string()) {
      if (auto message = check_string(node, value.as_string())) return message;
    }
    if (value.is_number()) {
      if (auto message = check_number(node, value.as_double())) return message;
    }
    if (node.choices != nullptr && !is_one_of(*node.choices, value)) {
      return "matches none of the enum values";
    }
    return check_combined(node, value);
  }

  Message wrong_type(const SchemaNode& node, const Json& value) const {
    return told("wrong type: expected {}{}, got {}", node.type_is_list ? "one of " : "",
                node.type_text, lua_type_of(value));
  }

  Message check_object(const SchemaNode& node, Json& value) {
    for (const SchemaNode::Property& property : node.properties) {
      if (auto message = check_property(property, value)) return message;
    }
    if (auto message = check_other_properties(node, value)) return message;
    auto size = static_cast<int64_t>(value.size());
    if (node.min_properties && size < *node.min_properties) {
      return told("expect object to have at least {} properties", *node.min_properties);
    }
    if (node.max_properties && size > *node.max_properties) {
      return told("expect object to have at most {} properties", *node.max_properties);
    }
    return {};
  }

  Message check_property(const SchemaNode::Property& property, Json& owner) {
    Json* value = owner.find(property.name);
    if (value == nullptr) {
      if (property.required) return told("property \"{}\" is required", property.name);
      if (property.fallback != nullptr) fill_default(property, owner);
      return {};
    }
    if (property.schema != nullptr) {
      if (auto message = check(*property.schema, *value)) {
        return told("property \"{}\" validation failed: {}", property.name, *message);
      }
    }
    for (const std::string& name : property.dependent_names) {
      if (owner.contains(name)) continue;
      return told("property \"{}\" is required when \"{}\" is set", name, property.name);
    }
    if (property.dependent_schema == nullptr) return {};
    if (auto message = check(*property.dependent_schema, owner)) {
      return told("failed to validate dependent schema for \"{}\": {}", property.name, *message);
    }
    return {};
  }

  static void fill_default(const SchemaNode::Property& property, Json& owner) {
    if (owner.is_array()) owner = Json::object();
    owner.members().emplace_back(property.name, *property.fallback);
  }

  // patternProperties and additionalProperties.
  Message check_other_properties(const SchemaNode& node, Json& value) {
    if (!value.is_object()) return {};
    if (node.pattern_properties.empty() && node.extra_properties == Extra::allowed) return {};
    for (auto& [name, member] : value.members()) {
      bool matched = false;
      for (const SchemaNode::PatternProperty& each : node.pattern_properties) {
        if (!each.regex.matches(name)) continue;
        matched = true;
        if (auto message = check(*each.schema, member)) {
          return told("failed to validate {} (matching {}): {}", name,
                      fmt::format("\"{}\"", each.pattern), *message);
        }
      }
      if (matched || node.extra_properties == Extra::allowed) continue;
      if (node.known_names.contains(name)) continue;
      if (node.extra_properties == Extra::forbidden) {
        return told("additional properties forbidden, found {}", name);
      }
      if (auto message = check(*node.extra_property, member)) {
        return told("failed to validate additional property {}: {}", name, *message);
      }
    }
    return {};
  }

  // `done` is set when `items` is a boolean: then nothing else of the schema is looked at.
  Message check_array(const SchemaNode& node, Json& value, bool& done) {
    if (node.items_constant != Constant::none) {
      done = true;
      bool empty = is_table(value) && value.empty();
      if (node.items_constant == Constant::always_true || empty) return {};
      return "expect false always";
    }
    if (!is_array(value)) return {};
    auto size = static_cast<int64_t>(value.size());
    if (node.min_items && size < *node.min_items) {
      return told("expect array to have at least {} items", *node.min_items);
    }
    if (node.max_items && size > *node.max_items) {
      return told("expect array to have at most {} items", *node.max_items);
    }
    if (!value.is_array()) return {};
    if (auto message = check_items(node, value.items())) return message;
    return node.unique_items ? check_unique(value.items()) : Message();
  }

  Message check_items(const SchemaNode& node, Json::Array& items) {
    size_t fixed = std::min(node.tuple.size(), items.size());
    for (size_t i = 0; i < fixed; ++i) {
      if (auto message = check(*node.tuple[i], items[i])) return failed_item(i, *message);
    }
    if (node.items != nullptr) {
      for (size_t i = 0; i < items.size(); ++i) {
        if (auto message = check(*node.items, items[i])) return failed_item(i, *message);
      }
    }
    if (node.tuple.empty() || items.size() <= fixed) return {};
    if (node.extra_items == Extra::forbidden) return "found unexpected extra items in array";
    if (node.extra_items == Extra::allowed) return {};
    for (size_t i = fixed; i < items.size(); ++i) {
      if (auto message = check(*node.extra_item, items[i])) {
        return told("failed to validate additional item {}: {}", i + 1, *message);
      }
    }
    return {};
  }

  Message failed_item(size_t index, const std::string& message) const {
    return told("failed to validate item {}: {}", index + 1, message);
  }

  // As lists of methods and hosts are.
  static bool are_few_texts(const Json::Array& items) {
    constexpr size_t kFew = 16;
    auto is_text = [](const Json& item) { return item.is_string(); };
    return items.size() <= kFew && std::all_of(items.begin(), items.end(), is_text);
  }

  Message check_unique_texts(const Json::Array& items) const {
    for (size_t i = 1; i < items.size(); ++i) {
      for (size_t before = 0; before < i; ++before) {
        if (items[before].as_string() == items[i].as_string()) return equal_items(before, i);
      }
    }
    return {};
  }

  Message equal_items(size_t first, size_t second) const {
    return told("expected unique items but items {} and {} are equal", first + 1, second + 1);
  }

  // Plain values first, then objects and arrays, as the original looks for them.
  Message check_unique(const Json::Array& items) const {
    if (are_few_texts(items)) return check_unique_texts(items);
    for (bool tables : {false, true}) {
      StringMap<size_t> places;
      for (size_t i = 0; i < items.size(); ++i) {
        if (is_table(items[i]) != tables) continue;
        auto [first, fresh] = places.emplace(items[i].dump_sorted(), i);
        if (fresh) continue;
        return equal_items(first->second, i);
      }
    }
    return {};
  }

  Message check_string(const SchemaNode& node, std::string_view text) const {
    if (node.min_length || node.max_length) {
      int64_t length = characters_in(text);
      if (node.min_length && length < *node.min_length) {
        return told("string too short, expected at least {}, got {}", *node.min_length, length);
      }
      if (node.max_length && length > *node.max_length) {
        return told("string too long, expected at most {}, got {}", *node.max_length, length);
      }
    }
    if (node.pattern.empty() || node.regex.matches(text)) return {};
    return told("failed to match pattern {} with {}", lua_quoted(node.pattern), lua_quoted(text));
  }

  Message check_number(const SchemaNode& node, double value) const {
    auto expected = [&](std::string_view relation, double limit) -> Message {
      return told("expected {} to be {} {}", lua_number(value), relation, lua_number(limit));
    };
    if (node.minimum && value < *node.minimum) return expected("at least", *node.minimum);
    if (node.exclusive_minimum && value <= *node.exclusive_minimum) {
      return expected("greater than", *node.exclusive_minimum);
    }
    if (node.maximum && value > *node.maximum) return expected("at most", *node.maximum);
    if (node.exclusive_maximum && value >= *node.exclusive_maximum) {
      return expected("smaller than", *node.exclusive_maximum);
    }
    if (node.multiple_of && !is_multiple(value, *node.multiple_of)) {
      return expected("a multiple of", *node.multiple_of);
    }
    return {};
  }

  // A fraction is compared with a tolerance: 1.13 / 0.01 is not quite 113.
  static bool is_multiple(double value, double of) {
    if (std::trunc(of) == of) return std::fmod(value, of) == 0;
    double quotient = value / of;
    double rounded = std::floor(quotient + 0.5);
    double tolerance = 1e-12 * (rounded == 0 ? 1 : std::abs(rounded));
    return std::abs(quotient - rounded) <= tolerance;
  }

  static bool is_one_of(const Json& choices, const Json& value) {
    for (const Json& choice : choices.items()) {
      if (choice == value) return true;
    }
    return false;
  }

  Message check_combined(const SchemaNode& node, Json& value) {
    for (size_t i = 0; i < node.all_of.size(); ++i) {
      if (auto message = check(*node.all_of[i], value)) {
        return told("allOf {} failed: {}", i + 1, *message);
      }
    }
    if (!node.any_of.empty()) {
      if (auto message = check_any_of(node, value)) return message;
    }
    if (!node.one_of.empty()) {
      if (auto message = check_one_of(node, value)) return message;
    }
    if (node.condition != nullptr) {
      bool holds = fits(*node.condition, value);
      const SchemaNode* clause = holds ? node.then : node.otherwise;
      if (clause != nullptr && !fits(*clause, value)) {
        return holds ? "then clause did not match" : "else clause did not match";
      }
    }
    if (node.negated != nullptr && fits(*node.negated, value)) {
      return "value wasn't supposed to match schema";
    }
    if (node.property_names == Constant::always_true) return {};
    if (node.property_names == Constant::always_false) {
      if (is_table(value) && value.empty()) return {};
      return "expect false always";
    }
    if (auto message = check_format(node, value)) return message;
    if (node.exact != nullptr && !(*node.exact == value)) return "failed to check const value";
    return check_contains(node, value);
  }

  Message check_any_of(const SchemaNode& node, Json& value) {
    for (const SchemaNode* each : node.any_of) {
      if (fits(*each, value)) return {};
    }
    std::string message = "object matches none of the required";
    if (!node.any_of_names.empty()) message += ": " + node.any_of_names;
    return message;
  }

  Message check_one_of(const SchemaNode& node, Json& value) {
    size_t matched = 0;
    for (size_t i = 1; i <= node.one_of.size(); ++i) {
      if (!fits(*node.one_of[i - 1], value)) continue;
      if (matched != 0) {
        return told("value should match only one schema, but matches both schemas {} and {}",
                    matched, i);
      }
      matched = i;
    }
    if (matched != 0) return {};
    return "value should match only one schema, but matches none";
  }

  static bool has_format(const SchemaNode& node, std::string_view text) {
    if (node.format == SchemaNode::Format::pattern) return node.format_regex.matches(text);
    auto ip = IpAddress::parse(text);
    return ip && ip->is_v4() == (node.format == SchemaNode::Format::ipv4);
  }

  Message check_format(const SchemaNode& node, const Json& value) const {
    if (node.format == SchemaNode::Format::none || !value.is_string()) return {};
    if (has_format(node, value.as_string())) return {};
    return told("expect valid {} format but got: {}", node.format_name, value.as_string());
  }

  Message check_contains(const SchemaNode& node, Json& value) {
    if (node.contains_constant == Constant::always_true) {
      if (value.is_array() && !value.empty()) return {};
      return "check contains: expect array table";
    }
    if (node.contains_constant == Constant::always_false) {
      if (!is_table(value)) return {};
      return "check contains: expect table";
    }
    if (node.contains == nullptr || !is_table(value)) return {};
    if (value.empty()) return "check contains: empty array is invalid";
    if (!value.is_array()) return {};
    for (Json& item : value.items()) {
      if (fits(*node.contains, item)) return {};
    }
    return "failed to check contains";
  }

  size_t depth_ = 0;
  size_t unheard_ = 0;  // how many fits() are under way
};

}  // namespace

std::string_view lua_type_of(const Json& value) {
  switch (value.type()) {
    case Json::Type::null:
      return "userdata";
    case Json::Type::boolean:
      return "boolean";
    case Json::Type::integer:
    case Json::Type::number:
      return "number";
    case Json::Type::string:
      return "string";
    case Json::Type::array:
    case Json::Type::object:
      break;
  }
  return "table";
}

Result<JsonSchema> JsonSchema::compile(Json document) {
  auto compiled = std::make_unique<CompiledSchema>();
  compiled->document = std::move(document);
  if (auto done = compile_nodes(*compiled); !done) return tl::unexpected(done.error());
  return JsonSchema(std::move(compiled));
}

JsonSchema::JsonSchema(std::unique_ptr<CompiledSchema> compiled) : compiled_(std::move(compiled)) {}
JsonSchema::JsonSchema(JsonSchema&&) noexcept = default;
JsonSchema& JsonSchema::operator=(JsonSchema&&) noexcept = default;
JsonSchema::~JsonSchema() = default;

std::optional<std::string> JsonSchema::validate(Json& instance) const {
  return Validator().check(*compiled_->root, instance);
}

const Json& JsonSchema::document() const { return compiled_->document; }

bool is_secret_reference(std::string_view text) {
  return text.starts_with("$secret://") || istarts_with(text, "$env://");
}

}  // namespace pylon::schema

#include <fmt/format.h>

#include <cmath>
#include <tuple>
#include <unordered_map>

#include "base/strings.h"
#include "schema/json_schema.h"
#include "schema/schema_node.h"

namespace pylon::schema {
namespace {

struct TypeName {
  std::string_view name;
  uint8_t bit;
};
constexpr TypeName kTypeNames[] = {
    {"object", kObject}, {"array", kArray},     {"string", kString}, {"boolean", kBoolean},
    {"number", kNumber}, {"integer", kInteger}, {"null", kNull},     {"table", kTable}};

struct FormatPattern {
  std::string_view name;
  std::string_view pattern;
};
constexpr FormatPattern kFormatPatterns[] = {
    {"email", R"(^[A-Za-z0-9_\-.]+@[A-Za-z0-9_\-.]+\.[A-Za-z]{2,4}$)"},
    {"hostname", R"(^[a-zA-Z0-9\-.]+$)"},
    {"uuid", R"(^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$)"},
    {"date", R"(^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$)"},
    {"date-time",
     R"(^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d)"
     R"((\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$)"},
    {"uri", R"(^[a-zA-Z][a-zA-Z0-9+\-.]*:\S*$)"},
};

SchemaNode::Constant constant_of(const Json& value) {
  if (!value.is_bool()) return SchemaNode::Constant::none;
  return value.as_bool() ? SchemaNode::Constant::always_true : SchemaNode::Constant::always_false;
}

std::string join(const Json& texts, std::string_view separator) {
  std::string out;
  for (const Json& text : texts.items()) {
    if (!out.empty()) out += separator;
    out += text.as_string();
  }
  return out;
}

class Compiler {
 public:
  explicit Compiler(CompiledSchema& compiled) : compiled_(compiled) {}

  Result<void> run() {
    compiled_.root = node_for(compiled_.document, 0);
    if (!error_.empty()) return fail(std::move(error_));
    return {};
  }

 private:
  const SchemaNode* stop(std::string message) {
    if (error_.empty()) error_ = std::move(message);
    return nullptr;
  }

  // The node of a schema, compiled once; $ref is followed. The entry is made before its content, so
  // a schema may refer to itself.
  const SchemaNode* node_for(const Json& schema, size_t depth) {
    if (!error_.empty()) return nullptr;
    if (depth > JsonSchema::kMaxDepth) return stop("the schema is nested too deeply");
    const Json* target = resolve(schema);
    if (target == nullptr) return nullptr;
    if (!target->is_bool() && !target->is_object() && !is_empty_array(*target)) {
      return stop(fmt::format("a schema must be an object, not {}", target->dump()));
    }
    auto [known, fresh] = known_.emplace(target, nullptr);
    if (!fresh) return known->second;
    SchemaNode& node = compiled_.nodes.emplace_back();
    known_[target] = &node;
    node.constant = constant_of(*target);
    if (target->is_object()) compile(*target, node, depth + 1);
    return &node;
  }

  static bool is_empty_array(const Json& value) { return value.is_array() && value.empty(); }

  const SchemaNode* child(const Json& schema, std::string_view keyword, size_t depth) {
    const Json* value = schema.find(keyword);
    return value != nullptr ? node_for(*value, depth) : nullptr;
  }

  const Json* resolve(const Json& schema) {
    const Json* at = &schema;
    for (size_t hops = 0; const Json* reference = at->find("$ref"); ++hops) {
      if (!reference->is_string()) break;
      at = hops < 16 ? find_pointer(reference->as_string()) : nullptr;
      if (at == nullptr) {
        stop(fmt::format("reference not found: {}", reference->as_string()));
        return nullptr;
      }
    }
    return at;
  }

  // "#", "#/definitions/x": RFC 6901 inside this document.
  const Json* find_pointer(std::string_view reference) {
    if (!reference.starts_with('#')) return nullptr;
    const Json* at = &compiled_.document;
    if (reference == "#") return at;
    if (reference[1] != '/') return nullptr;
    for (std::string_view part : split(reference.substr(2), '/')) {
      auto decoded = percent_decode(part);
      if (at == nullptr || !decoded) return nullptr;
      at = step(*at, *decoded);
    }
    return at;
  }

  static const Json* step(const Json& from, std::string part) {
    for (size_t at = 0; (at = part.find('~', at)) != std::string::npos; ++at) {
      if (at + 1 < part.size()) part.replace(at, 2, part[at + 1] == '1' ? "/" : "~");
    }
    if (!from.is_array()) return from.find(part);
    auto index = parse_uint(part);
    return index && *index < from.size() ? &from.items()[*index] : nullptr;
  }

  void compile(const Json& schema, SchemaNode& node, size_t depth) {
    compile_type(schema, node);
    compile_object(schema, node, depth);
    compile_array(schema, node, depth);
    compile_string(schema, node);
    compile_number(schema, node);
    compile_combined(schema, node, depth);
  }

  void compile_type(const Json& schema, SchemaNode& node) {
    const Json* type = schema.find("type");
    if (type == nullptr) return;
    node.type_is_list = type->is_array();
    node.type_text = type->is_array() ? join(*type, ", ") : std::string(type->as_string());
    Json::Array names = type->is_array() ? type->items() : Json::Array{*type};
    for (const Json& name : names) {
      uint8_t bit = 0;
      for (const TypeName& each : kTypeNames) {
        if (name.as_string() == each.name) bit = each.bit;
      }
      if (bit == 0) stop(fmt::format("invalid JSON type: {}", name.dump()));
      node.types = static_cast<uint8_t>(node.types | bit);
    }
  }

  void compile_object(const Json& schema, SchemaNode& node, size_t depth) {
    for (std::string_view keyword :
         {"properties", "additionalProperties", "patternProperties", "minProperties",
          "maxProperties", "dependencies", "required"}) {
      if (schema.contains(keyword)) node.has_object_rules = true;
    }
    if (!node.has_object_rules) return;
    if (const Json* properties = schema.find("properties")) {
      for (const auto& [name, property] : properties->members()) {
        add_property(name, property, node, depth);
      }
    }
    if (const Json* required = schema.find("required")) {
      node.must_be_empty = required->empty();
      for (const Json& name : required->items())
        property_of(node, name.as_string()).required = true;
    }
    if (const Json* dependencies = schema.find("dependencies")) {
      for (const auto& [name, needs] : dependencies->members()) {
        add_dependency(name, needs, node, depth);
      }
    }
    if (const Json* patterns = schema.find("patternProperties")) {
      for (const auto& [pattern, property] : patterns->members()) {
        node.pattern_properties.push_back(
            {pattern, compile_regex(pattern), node_for(property, depth)});
      }
    }
    std::tie(node.extra_properties, node.extra_property) =
        extra(schema.find("additionalProperties"), depth);
    node.min_properties = count(schema, "minProperties");
    node.max_properties = count(schema, "maxProperties");
  }

  void add_property(const std::string& name, const Json& schema, SchemaNode& node, size_t depth) {
    SchemaNode::Property property(name, node_for(schema, depth));
    const Json* target = resolve(schema);
    if (target != nullptr) property.fallback = target->find("default");
    if (property.fallback != nullptr && property.fallback->is_null()) property.fallback = nullptr;
    node.known_names.insert(name);
    node.properties.push_back(std::move(property));
  }

  // The entry of a name, made at the end when `properties` has none.
  static SchemaNode::Property& property_of(SchemaNode& node, std::string_view name) {
    for (SchemaNode::Property& property : node.properties) {
      if (property.name == name) return property;
    }
    return node.properties.emplace_back(std::string(name), nullptr);
  }

  void add_dependency(const std::string& name, const Json& needs, SchemaNode& node, size_t depth) {
    if (needs.is_array() && !needs.empty()) {
      SchemaNode::Property& property = property_of(node, name);
      for (const Json& each : needs.items()) {
        property.dependent_names.emplace_back(each.as_string());
      }
    } else {
      const SchemaNode* dependent = node_for(needs, depth);
      property_of(node, name).dependent_schema = dependent;
    }
  }

  std::pair<SchemaNode::Extra, const SchemaNode*> extra(const Json* value, size_t depth) {
    using Extra = SchemaNode::Extra;
    if (value == nullptr || (value->is_bool() && value->as_bool()))
      return {Extra::allowed, nullptr};
    if (value->is_bool()) return {Extra::forbidden, nullptr};
    return {Extra::checked, node_for(*value, depth)};
  }

  void compile_array(const Json& schema, SchemaNode& node, size_t depth) {
    const Json* items = schema.find("items");
    node.min_items = count(schema, "minItems");
    node.max_items = count(schema, "maxItems");
    node.unique_items = flag(schema, "uniqueItems");
    node.has_array_rules =
        items != nullptr || node.min_items || node.max_items || node.unique_items;
    if (items == nullptr) return;
    if (items->is_bool()) {
      node.items_constant = constant_of(*items);
    } else if (items->is_array() && !items->empty()) {
      for (const Json& item : items->items()) node.tuple.push_back(node_for(item, depth));
      std::tie(node.extra_items, node.extra_item) = extra(schema.find("additionalItems"), depth);
    } else {
      node.items = node_for(*items, depth);
    }
  }

  void compile_string(const Json& schema, SchemaNode& node) {
    node.min_length = count(schema, "minLength");
    node.max_length = count(schema, "maxLength");
    if (const Json* pattern = schema.find("pattern")) {
      node.pattern = pattern->as_string();
      node.regex = compile_regex(node.pattern);
    }
    const Json* format = schema.find("format");
    if (format == nullptr) return;
    node.format_name = format->as_string();
    if (node.format_name == "ipv4") node.format = SchemaNode::Format::ipv4;
    if (node.format_name == "ipv6") node.format = SchemaNode::Format::ipv6;
    for (const FormatPattern& each : kFormatPatterns) {
      if (node.format_name != each.name) continue;
      node.format = SchemaNode::Format::pattern;
      node.format_regex = compile_regex(each.pattern);
    }
  }

  Regex compile_regex(std::string_view pattern) {
    auto regex = Regex::compile(pattern);
    if (regex) return std::move(*regex);
    stop(regex.error().message);
    return Regex();
  }

  void compile_number(const Json& schema, SchemaNode& node) {
    node.minimum = number(schema, "minimum");
    node.maximum = number(schema, "maximum");
    node.exclusive_minimum = number(schema, "exclusiveMinimum");
    node.exclusive_maximum = number(schema, "exclusiveMaximum");
    node.multiple_of = number(schema, "multipleOf");
    if (node.multiple_of && *node.multiple_of <= 0) stop("multipleOf must be above 0");
  }

  void compile_combined(const Json& schema, SchemaNode& node, size_t depth) {
    node.choices = schema.find("enum");
    node.exact = schema.find("const");
    node.all_of = children(schema, "allOf", depth);
    node.any_of = children(schema, "anyOf", depth);
    node.one_of = children(schema, "oneOf", depth);
    if (const Json* any = schema.find("anyOf")) node.any_of_names = required_names(*any);
    node.condition = child(schema, "if", depth);
    node.then = child(schema, "then", depth);
    node.otherwise = child(schema, "else", depth);
    node.negated = child(schema, "not", depth);
    if (const Json* names = schema.find("propertyNames")) node.property_names = constant_of(*names);
    if (const Json* contains = schema.find("contains")) {
      node.contains_constant = constant_of(*contains);
      if (!contains->is_bool()) node.contains = node_for(*contains, depth);
    }
  }

  std::vector<const SchemaNode*> children(const Json& schema, std::string_view keyword,
                                          size_t depth) {
    std::vector<const SchemaNode*> nodes;
    if (const Json* list = schema.find(keyword)) {
      for (const Json& each : list->items()) nodes.push_back(node_for(each, depth));
    }
    return nodes;
  }

  static std::string required_names(const Json& any_of) {
    std::string out;
    for (const Json& each : any_of.items()) {
      const Json* required = each.find("required");
      if (required == nullptr) continue;
      if (!out.empty()) out += " or ";
      out += required->dump();
    }
    return out;
  }

  std::optional<int64_t> count(const Json& schema, std::string_view keyword) {
    auto value = number(schema, keyword);
    return value ? std::optional(static_cast<int64_t>(*value)) : std::nullopt;
  }

  std::optional<double> number(const Json& schema, std::string_view keyword) {
    const Json* value = schema.find(keyword);
    if (value == nullptr || value->is_bool()) return std::nullopt;
    if (value->is_number() && std::abs(value->as_double()) < 1e18) return value->as_double();
    stop(fmt::format("{} must be a number, not {}", keyword, value->dump()));
    return std::nullopt;
  }

  static bool flag(const Json& schema, std::string_view keyword) {
    const Json* value = schema.find(keyword);
    return value != nullptr && value->as_bool();
  }

  CompiledSchema& compiled_;
  std::unordered_map<const Json*, const SchemaNode*> known_;
  std::string error_;
};

}  // namespace

Result<void> compile_nodes(CompiledSchema& compiled) { return Compiler(compiled).run(); }

}  // namespace pylon::schema

// From the declared fields to the JSON Schema document and the manual's table.
#include <fmt/format.h>

#include <cstdlib>

#include "schema/type_info.h"

namespace pylon::schema {
namespace {

using Kind = TypeInfo::Kind;

Json parse_fragment(std::string_view text) {
  auto parsed = Json::parse(text);
  if (!parsed) {
    fmt::print(stderr, "bad schema fragment: {}\n{}\n", parsed.error().message, text);
    std::abort();
  }
  return std::move(*parsed);
}

Json number(double value) {
  return static_cast<double>(static_cast<int64_t>(value)) == value
             ? Json(static_cast<int64_t>(value))
             : Json(value);
}

Json names_as_json(const std::string_view* names, size_t count) {
  Json out = Json::array();
  for (size_t i = 0; i < count; ++i) out.push_back(Json(names[i]));
  return out;
}

Json required(const std::string_view* names, size_t count) {
  return Json::object({{"required", names_as_json(names, count)}});
}

void add_sizes(const ValueRules& rules, std::string_view unit, Json& schema) {
  if (rules.min_size) schema[fmt::format("min{}", unit)] = Json(*rules.min_size);
  if (rules.max_size) schema[fmt::format("max{}", unit)] = Json(*rules.max_size);
}

void add_limits(const TypeInfo& type, const ValueRules& rules, Json& schema) {
  if (rules.minimum) schema["minimum"] = number(*rules.minimum);
  if (rules.maximum) schema["maximum"] = number(*rules.maximum);
  if (rules.exclusive_minimum) schema["exclusiveMinimum"] = number(*rules.exclusive_minimum);
  if (!rules.pattern.empty()) schema["pattern"] = Json(rules.pattern);
  if (!rules.format.empty()) schema["format"] = Json(rules.format);
  if (rules.unique) schema["uniqueItems"] = Json(true);
  if (rules.choice_count > 0) {
    schema["enum"] = names_as_json(rules.choices.data(), rules.choice_count);
  }
  if (type.kind == Kind::array) {
    add_sizes(rules, "Items", schema);
  } else if (type.kind == Kind::map || type.kind == Kind::structure) {
    add_sizes(rules, "Properties", schema);
  } else {
    add_sizes(rules, "Length", schema);
  }
}

Json schema_of_value(const TypeInfo& type, const ValueRules& rules, const ValueRules& items);

Json schema_of_type(const TypeInfo& type, const ValueRules& items) {
  switch (type.kind) {
    case Kind::boolean:
      return Json::object({{"type", "boolean"}});
    case Kind::integer:
      return Json::object({{"type", "integer"}});
    case Kind::number:
      return Json::object({{"type", "number"}});
    case Kind::string:
      return Json::object({{"type", "string"}});
    case Kind::enumeration: {
      auto names = type.names();
      return Json::object(
          {{"type", "string"}, {"enum", names_as_json(names.data(), names.size())}});
    }
    case Kind::array:
      return Json::object(
          {{"type", "array"}, {"items", schema_of_value(*type.element, items, {})}});
    case Kind::map: {
      Json schema = Json::object({{"type", "object"}});
      Json value = schema_of_value(*type.element, items, {});
      if (!value.empty()) schema["patternProperties"][".*"] = std::move(value);
      return schema;
    }
    case Kind::structure:
      return schema_of(type.structure());
    case Kind::custom:
      return parse_fragment(type.fragment);
    case Kind::any:
    case Kind::optional:
      break;
  }
  return Json::object();
}

Json schema_of_value(const TypeInfo& type, const ValueRules& rules, const ValueRules& items) {
  if (!rules.fragment.empty()) return parse_fragment(rules.fragment);
  const TypeInfo& inner = type.kind == Kind::optional ? *type.element : type;
  Json schema = schema_of_type(inner, items);
  add_limits(inner, rules, schema);
  return schema;
}

Json schema_of_field(const StructInfo& owner, const FieldInfo& field) {
  const FieldRules& rules = field.rules;
  if (!rules.value.fragment.empty()) return parse_fragment(rules.value.fragment);
  Json schema = schema_of_value(*field.type, rules.value, rules.items);
  if (!field.manual.empty() && !schema.contains("description")) {
    schema["description"] = Json(field.manual);
  }
  if (rules.deprecated) schema["deprecated"] = Json(true);
  Json value = default_of(owner, field);
  if (!rules.required && !value.is_null() && !schema.contains("default")) {
    schema["default"] = std::move(value);
  }
  return schema;
}

// Adds a keyword, under allOf when the struct has it already.
void add_keyword(std::string_view keyword, Json value, Json& schema) {
  if (schema.contains(keyword)) {
    schema["allOf"].push_back(Json::object({{std::string(keyword), std::move(value)}}));
  } else {
    schema[keyword] = std::move(value);
  }
}

Json each_required(const CrossRule& rule) {
  Json out = Json::array();
  for (size_t i = 0; i < rule.name_count; ++i) out.push_back(required(&rule.names[i], 1));
  return out;
}

Json pairs_required(const CrossRule& rule) {
  Json out = Json::array();
  for (size_t i = 0; i < rule.name_count; ++i) {
    for (size_t j = i + 1; j < rule.name_count; ++j) {
      std::string_view pair[] = {rule.names[i], rule.names[j]};
      out.push_back(required(pair, 2));
    }
  }
  return Json::object({{"anyOf", std::move(out)}});
}

void add_required_if(const CrossRule& rule, Json& schema) {
  std::string field(rule.names[0]);
  Json given = Json::object({{field, Json::object({{"const", Json(rule.names[1])}})}});
  Json condition = required(&rule.names[0], 1);
  condition["properties"] = std::move(given);
  Json then = required(&rule.names[2], rule.name_count - 2);
  if (!schema.contains("if")) {
    schema["if"] = std::move(condition);
    schema["then"] = std::move(then);
    return;
  }
  schema["allOf"].push_back(
      Json::object({{"if", std::move(condition)}, {"then", std::move(then)}}));
}

void add_rule(const CrossRule& rule, Json& schema) {
  switch (rule.kind) {
    case CrossRule::Kind::exactly_one_of:
      return add_keyword("oneOf", each_required(rule), schema);
    case CrossRule::Kind::any_of_required:
      return add_keyword("anyOf", each_required(rule), schema);
    case CrossRule::Kind::at_most_one_of:
      return add_keyword("not", pairs_required(rule), schema);
    case CrossRule::Kind::required_if:
      return add_required_if(rule, schema);
    case CrossRule::Kind::fragment: {
      Json fragment = parse_fragment(rule.names[0]);
      for (auto& [keyword, value] : fragment.members()) {
        add_keyword(keyword, std::move(value), schema);
      }
    }
  }
}

std::string limits_in_words(const Json& schema) {
  static constexpr std::string_view kKeywords[] = {
      "enum",          "minimum",       "maximum",    "exclusiveMinimum", "minLength",
      "maxLength",     "minItems",      "maxItems",   "pattern",          "format",
      "minProperties", "maxProperties", "uniqueItems"};
  std::string words;
  for (std::string_view keyword : kKeywords) {
    const Json* value = schema.find(keyword);
    if (value == nullptr) continue;
    if (!words.empty()) words += ", ";
    words += fmt::format("{} {}", keyword, value->dump());
  }
  return words;
}

// A cell of a Markdown table: a bar would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string type_in_words(const Json& schema) {
  const Json* type = schema.find("type");
  if (type == nullptr) return "any";
  std::string words(type->as_string());
  if (const Json* items = schema.find("items"); items != nullptr && words == "array") {
    words += " of " + type_in_words(*items);
  }
  return words;
}

void add_rows(const StructInfo& type, const std::string& prefix, std::string& out) {
  for (const FieldInfo& field : type.fields) {
    Json schema = schema_of_field(type, field);
    const Json* value = schema.find("default");
    std::string name = prefix + std::string(field.name);
    std::string note(field.manual);
    if (field.rules.deprecated) note = "Deprecated. " + note;
    if (field.rules.encrypted) note += " Stored encrypted.";
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", cell(name),
                       cell(type_in_words(schema)), field.rules.required ? "yes" : "no",
                       value != nullptr ? cell("`" + value->dump() + "`") : "",
                       cell(limits_in_words(schema)), cell(note));
    const TypeInfo* inner = field.type;
    std::string path = name;
    while (inner != nullptr && inner->element != nullptr) {
      if (inner->kind == Kind::array) path += "[]";
      if (inner->kind == Kind::map) path += ".*";
      inner = inner->element;
    }
    bool open = inner != nullptr && inner->kind == Kind::structure;
    if (open && field.rules.value.fragment.empty()) add_rows(inner->structure(), path + ".", out);
  }
}

}  // namespace

Json schema_of(const StructInfo& type) {
  Json schema = Json::object({{"type", "object"}});
  Json properties = Json::object();
  Json names = Json::array();
  for (const FieldInfo& field : type.fields) {
    properties.members().emplace_back(std::string(field.name), schema_of_field(type, field));
    if (field.rules.required) names.push_back(Json(field.name));
  }
  schema["properties"] = std::move(properties);
  if (!names.empty()) schema["required"] = std::move(names);
  for (const CrossRule& rule : type.rules) add_rule(rule, schema);
  if (type.closed) schema["additionalProperties"] = Json(false);
  return schema;
}

std::string reference_of(const StructInfo& type) {
  std::string out =
      "| Name | Type | Required | Default | Limits | Meaning |\n| --- | --- | --- | --- | --- | "
      "--- |\n";
  add_rows(type, {}, out);
  return out;
}

}  // namespace pylon::schema

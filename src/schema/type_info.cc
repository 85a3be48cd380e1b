#include "schema/type_info.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "schema/fields_impl.h"

namespace pylon::schema {
namespace {

using Kind = TypeInfo::Kind;

Result<void> fill_value(const TypeInfo& type, const Json& from, void* to);

Result<void> fill_items(const TypeInfo& type, const Json& from, void* to) {
  type.clear(to);
  for (const Json& item : from.items()) {
    if (auto done = fill_value(*type.element, item, type.add(to, {})); !done) return done;
  }
  return {};
}

Result<void> fill_map(const TypeInfo& type, const Json& from, void* to) {
  type.clear(to);
  for (const auto& [key, value] : from.members()) {
    auto done = fill_value(*type.element, value, type.add(to, key));
    if (!done) return fail(fmt::format("property \"{}\": {}", key, done.error().message));
  }
  return {};
}

Result<void> fill_value(const TypeInfo& type, const Json& from, void* to) {
  switch (type.kind) {
    case Kind::optional:
      return fill_value(*type.element, from, type.add(to, {}));
    case Kind::array:
      return fill_items(type, from, to);
    case Kind::map:
      return fill_map(type, from, to);
    case Kind::structure:
      return fill(type.structure(), from, to);
    default:
      return type.read(from, to);
  }
}

Json write_value(const TypeInfo& type, const void* from) {
  switch (type.kind) {
    case Kind::optional: {
      std::pair<const TypeInfo*, Json> context{type.element, Json()};
      type.visit(from, &context, [](void* to, std::string_view, const void* value) {
        auto& [element, json] = *static_cast<std::pair<const TypeInfo*, Json>*>(to);
        json = write_value(*element, value);
      });
      return std::move(context.second);
    }
    case Kind::array:
    case Kind::map: {
      bool map = type.kind == Kind::map;
      std::pair<const TypeInfo*, Json> context{type.element, map ? Json::object() : Json::array()};
      type.visit(from, &context, [](void* to, std::string_view key, const void* value) {
        auto& [element, json] = *static_cast<std::pair<const TypeInfo*, Json>*>(to);
        if (json.is_array()) {
          json.push_back(write_value(*element, value));
        } else {
          json.members().emplace_back(std::string(key), write_value(*element, value));
        }
      });
      return std::move(context.second);
    }
    case Kind::structure:
      return to_json(type.structure(), from);
    default:
      return type.write(from);
  }
}

const void* place_of(const FieldInfo& field, const void* object) {
  return field.place(const_cast<void*>(object));
}

}  // namespace

std::string text_of(const Json& scalar) {
  return scalar.is_number() ? scalar.dump() : std::string(scalar.as_string());
}

Result<int64_t> read_integer(const Json& from, int64_t lowest, int64_t highest) {
  constexpr int64_t kNone = INT64_MIN;
  int64_t value = from.as_int(kNone);
  if (value == kNone || value < lowest || value > highest) {
    return fail(fmt::format("number {} is out of range", from.dump()));
  }
  return value;
}

Result<size_t> read_enum(const Json& from, const std::string_view* names, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (from.as_string() == names[i]) return i;
  }
  return fail(fmt::format("unknown value {}", from.dump()));
}

Result<void> fill(const StructInfo& type, const Json& from, void* object) {
  for (const FieldInfo& field : type.fields) {
    const Json* value = from.find(field.name);
    if (value == nullptr || field.place == nullptr) continue;
    auto done = fill_value(*field.type, *value, field.place(object));
    if (!done) {
      return fail(
          fmt::format("property \"{}\" validation failed: {}", field.name, done.error().message));
    }
  }
  return {};
}

Json to_json(const StructInfo& type, const void* object) {
  Json out = Json::object();
  for (const FieldInfo& field : type.fields) {
    if (field.place == nullptr) continue;
    Json value = write_value(*field.type, place_of(field, object));
    if (value.is_null() || (value.is_object() && value.empty())) continue;
    out.members().emplace_back(std::string(field.name), std::move(value));
  }
  return out;
}

Json default_of(const StructInfo& type, const FieldInfo& field) {
  if (field.place == nullptr || field.type->kind == Kind::structure) return Json();
  Json value = write_value(*field.type, place_of(field, type.defaults));
  bool has_size = value.is_string() || value.is_array() || value.is_object();
  return has_size && value.empty() ? Json() : value;
}

void add_encrypted(const StructInfo& type, const std::string& prefix,
                   std::vector<std::string>& paths) {
  for (const FieldInfo& field : type.fields) {
    if (field.place == nullptr) continue;
    std::string path = prefix + std::string(field.name);
    const TypeInfo* inner = field.type;
    while (inner->element != nullptr) inner = inner->element;
    if (field.rules.encrypted || inner->secret) {
      paths.push_back(path);
    } else if (inner->kind == Kind::structure) {
      add_encrypted(inner->structure(), path + ".", paths);
    }
  }
}

std::vector<std::string> encrypted_fields_of(const StructInfo& type) {
  std::vector<std::string> paths;
  add_encrypted(type, {}, paths);
  return paths;
}

const JsonSchema& compiled_once(const StructInfo& type) {
  auto compiled = JsonSchema::compile(schema_of(type));
  if (!compiled) {
    fmt::print(stderr, "bad field declaration: {}\n", compiled.error().message);
    std::abort();
  }
  return *new JsonSchema(std::move(*compiled));  // lives as long as the program
}

}  // namespace pylon::schema

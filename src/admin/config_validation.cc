#include "admin/config_validation.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "admin/answer.h"
#include "admin/body.h"
#include "admin/checks.h"
#include "base/hash.h"
#include "base/yaml.h"
#include "schema/fields.h"

namespace pylon::admin {

using config::Kind;
using config::ResourceType;
using http::ApiRequest;
using http::ApiResponse;

namespace {

// The collections of a whole configuration; credentials stand among the consumers.
bool has_list(const ResourceType& type) { return type.parent.empty(); }

class Validation {
 public:
  Validation(const plugin::Catalogue& catalogue, const Node& node)
      : catalogue_(catalogue), node_(node), help_(catalogue, nullptr) {}

  void check(const ResourceType& type, const Json& document) {
    std::string version_name = fmt::format("{}_conf_version", type.name);
    const Json* version = document.find(version_name);
    if (version != nullptr && !version->is_number()) {
      errors_.push_back(
          Json::object({{"resource_type", Json(type.name)},
                        {"error", Json(fmt::format("{} must be a number, got {}", version_name,
                                                   schema::lua_type_of(*version)))}}));
    }
    const Json* items = document.find(type.name);
    if (items == nullptr) return;
    StringSet ids;
    for (size_t i = 0; i < items->items().size(); ++i) check_item(type, *items, i, ids);
  }

  const Json& errors() const { return errors_; }

 private:
  void check_item(const ResourceType& type, const Json& items, size_t index, StringSet& ids) {
    const Json& item = items.items()[index];
    auto report = [&](std::string_view message) {
      errors_.push_back(Json::object({{"resource_type", Json(type.name)},
                                      {"resource_id", Json(name_of(item))},
                                      {"index", Json(uint64_t{index})},
                                      {"error", Json(message)}}));
    };
    if (auto checked = check_value(type, item); !checked) report(checked.error().message);
    if (auto duplicate = duplicate_of(type, item, ids)) report(*duplicate);
  }

  static std::string name_of(const Json& item) {
    for (std::string_view member : {"id", "username"}) {
      if (const Json* name = item.find(member)) return schema::text_of(*name);
    }
    return {};
  }

  Result<void> check_value(const ResourceType& type, const Json& item) const {
    const Json* id_member = item.find("id");
    std::string id = id_member != nullptr ? schema::text_of(*id_member) : std::string();
    Json copy = item;
    if (type.kind == Kind::consumer && id.find("/credentials/") != id.npos) {
      const ResourceType& credential = config::resource_type(Kind::credential);
      copy["id"] = Json(id.substr(id.rfind('/') + 1));
      return credential.check(copy, {id, {}, help_});
    }
    std::string manager;
    if (type.kind == Kind::secret) {
      size_t slash = id.find('/');
      if (slash == id.npos) return fail("invalid secret id: " + id);
      manager = id.substr(0, slash);
    }
    if (auto checked = type.check(copy, {id, manager, help_}); !checked) return checked;
    if (type.kind != Kind::consumer) return {};
    const Json* plugins = item.find("plugins");
    std::string_view username = copy.find("username")->as_string();
    return plugins != nullptr ? check_key_owners(*plugins, username, {}, catalogue_, node_)
                              : Result<void>();
  }

  static std::optional<std::string> duplicate_of(const ResourceType& type, const Json& item,
                                                 StringSet& ids) {
    std::string name = name_of(item);
    if (name.empty() || ids.insert(name).second) return std::nullopt;
    std::string_view what = "id";
    if (type.kind == Kind::consumer) what = item.contains("id") ? "credential id" : "username";
    return fmt::format("found duplicate {} {} in {}", what, name, type.name);
  }

  const plugin::Catalogue& catalogue_;
  const Node& node_;
  Checks help_;
  Json errors_ = Json::array();
};

ApiResponse failed_validation(Json errors) {
  return json_answer(400, Json::object({{"error_msg", "Configuration validation failed"},
                                        {"errors", std::move(errors)}}));
}

}  // namespace

ApiResponse validate_resource(std::string_view resource, std::string_view body) {
  const ResourceType* type = config::find_resource_type(resource);
  const schema::JsonSchema* schema = type != nullptr ? type->schema() : nullptr;
  if (schema == nullptr) {
    return error_answer(404, fmt::format("Unsupported resource type: {}", resource));
  }
  if (body.empty()) return error_answer(400, "wrong type: expected object, got nil");
  auto value = parse_body(body);
  if (!value) return std::move(value.error());
  if (auto message = schema->validate(*value)) return error_answer(400, *message);
  return text_answer(200, "");
}

ApiResponse validate_configs(const ApiRequest& request, const plugin::Catalogue& catalogue,
                             const Node& node) {
  if (request.body.empty()) {
    return error_answer(400, "invalid request body: empty request body");
  }
  bool is_yaml = request.field("Content-Type").starts_with("application/yaml");
  auto document = is_yaml ? parse_yaml_body(request.body) : parse_body(request.body);
  if (!document) return std::move(document.error());
  if (!document->is_object() && !document->is_array()) {
    return failed_validation(Json::array({Json::object({{"error", "expected an object"}})}));
  }
  Validation validation(catalogue, node);
  for (const ResourceType& type : config::resource_types()) {
    if (has_list(type)) validation.check(type, *document);
  }
  if (!validation.errors().empty()) return failed_validation(validation.errors());
  return json_answer(200, Json::object());
}

}  // namespace pylon::admin

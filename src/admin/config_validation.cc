#include "admin/config_validation.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "admin/answer.h"
#include "admin/body.h"
#include "admin/checks.h"
#include "base/hash.h"
#include "schema/fields.h"
#include "store/file/document.h"

namespace pylon::admin {

using config::Kind;
using config::Reference;
using config::ResourceType;
using http::ApiRequest;
using http::ApiResponse;
using store::DocumentItem;

namespace {

// The lists of a whole configuration; credentials stand among the consumers.
std::vector<const ResourceType*> listed_types() {
  std::vector<const ResourceType*> types;
  for (const ResourceType& type : config::resource_types()) {
    if (type.parent.empty()) types.push_back(&type);
  }
  return types;
}

const Json::Array& list_of(const ResourceType& type, const Json& document) {
  static const Json::Array kNone;
  const Json* list = document.find(type.name);
  return list != nullptr ? list->items() : kNone;
}

// What can be referred to: the items of the document, and those of the store that it names.
class Known {
 public:
  void add(Kind kind, std::string_view id, const Json& value) { values_[name(kind, id)] = &value; }
  void keep(Kind kind, std::string_view id, Json value) {
    kept_.push_back(std::make_unique<const Json>(std::move(value)));
    add(kind, id, *kept_.back());
  }
  const Json* find(Kind kind, std::string_view id) const {
    auto found = values_.find(name(kind, id));
    return found != values_.end() ? found->second : nullptr;
  }

 private:
  static std::string name(Kind kind, std::string_view id) {
    return fmt::format("{}/{}", static_cast<int>(kind), id);
  }
  StringMap<const Json*> values_;
  std::vector<std::unique_ptr<const Json>> kept_;
};

class Validation {
 public:
  // Without `node`, keys are not compared with those of other consumers; without `known`,
  // references are not looked for.
  Validation(const plugin::Catalogue& catalogue, const Node* node, const Known* known)
      : catalogue_(catalogue), node_(node), known_(known) {}

  void check(const ResourceType& type, const Json& document) {
    check_version(type.name, document);
    StringSet ids;
    const Json::Array& items = list_of(type, document);
    for (size_t i = 0; i < items.size(); ++i) check_item(type, items[i], i, ids);
  }
  void check_version(std::string_view list, const Json& document) {
    std::string version_name = fmt::format("{}_conf_version", list);
    const Json* version = document.find(version_name);
    if (version == nullptr || version->is_number()) return;
    errors_.push_back(
        Json::object({{"resource_type", Json(list)},
                      {"error", Json(fmt::format("{} must be a number, got {}", version_name,
                                                 schema::lua_type_of(*version)))}}));
  }

  const Json& errors() const { return errors_; }
  const Json& warnings() const { return warnings_; }

 private:
  void check_item(const ResourceType& type, const Json& item, size_t index, StringSet& ids) {
    auto told = [&](std::string as, std::string_view message) {
      return Json::object({{"resource_type", Json(type.name)},
                           {"resource_id", Json(name_of(item))},
                           {"index", Json(uint64_t{index})},
                           {std::move(as), Json(message)}});
    };
    std::string warning;
    auto checked = check_value(type, item, index, warning);
    if (!checked) errors_.push_back(told("error", checked.error().message));
    if (!warning.empty()) warnings_.push_back(told("warning", warning));
    if (auto duplicate = duplicate_of(type, item, ids)) {
      errors_.push_back(told("error", *duplicate));
    }
  }

  static std::string name_of(const Json& item) {
    for (std::string_view member : {"id", "username"}) {
      if (const Json* name = item.find(member)) return schema::text_of(*name);
    }
    return {};
  }

  Result<void> check_value(const ResourceType& type, const Json& given, size_t index,
                           std::string& warning) const {
    const Json* modified = given.find("modifiedIndex");
    if (modified != nullptr && !modified->is_integer()) {
      return fail(
          fmt::format("invalid configuration: property \"modifiedIndex\" validation failed: "
                      "wrong type: expected integer, got {}",
                      schema::lua_type_of(*modified)));
    }
    if (type.kind == Kind::secret && name_of(given).find('/') == std::string::npos) {
      return fail("invalid secret id: " + name_of(given));
    }
    Result<DocumentItem> item = store::document_item(type, given, index);
    if (!item) return tl::unexpected(item.error());
    References references = referred_by(*item);
    Checks help(catalogue_, known_ != nullptr ? &references : nullptr);
    Json copy = item->value;
    const ResourceType& its_type = config::resource_type(item->kind);
    auto checked = its_type.check(copy, {item->id, item->parent, help});
    if (!checked) return checked;
    warning = missing_for_plugins(*item);
    const Json* plugins = given.find("plugins");
    bool compares = node_ != nullptr && item->kind == Kind::consumer && plugins != nullptr;
    if (!compares) return {};
    return check_key_owners(*plugins, item->id, {}, catalogue_, owners_known_to(*node_));
  }

  References referred_by(const DocumentItem& item) const {
    References found;
    if (known_ == nullptr) return found;
    for (const Reference& reference : config::references_of(item.kind, item.value)) {
      const Json* value = known_->find(reference.kind, reference.id);
      if (value != nullptr) found.push_back({reference.kind, reference.id, *value});
    }
    return found;
  }

  // What plugins name; the check of the resource itself does not ask for these. It need not be an
  // error: ADC leaves out the upstreams that stand beside a service, and writes them all the same.
  std::string missing_for_plugins(const DocumentItem& item) const {
    const Json* plugins = item.value.find("plugins");
    if (known_ == nullptr || plugins == nullptr) return {};
    Json alone = Json::object({{"plugins", *plugins}});
    for (const Reference& reference : config::references_of(item.kind, alone)) {
      if (known_->find(reference.kind, reference.id) != nullptr) continue;
      std::string_view word = config::resource_type(reference.kind).kind_word;
      return fmt::format("failed to fetch {0} info by {0} id [{1}], response code: 404", word,
                         reference.id);
    }
    return {};
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
  const Node* node_;
  const Known* known_;
  Json errors_ = Json::array();
  Json warnings_ = Json::array();
};

void run(Validation& validation, const Json& document) {
  for (const ResourceType* type : listed_types()) validation.check(*type, document);
  validation.check_version("plugins", document);
}

ApiResponse failed_validation(Json errors) {
  return json_answer(400, Json::object({{"error_msg", "Configuration validation failed"},
                                        {"errors", std::move(errors)}}));
}

void add_items(const Json& document, Known& known, std::vector<Reference>& references) {
  for (const ResourceType* type : listed_types()) {
    const Json::Array& items = list_of(*type, document);
    for (size_t i = 0; i < items.size(); ++i) {
      Result<DocumentItem> item = store::document_item(*type, items[i], i);
      if (!item) continue;
      known.add(item->kind, item->id, items[i]);
      for (Reference& reference : config::references_of(item->kind, item->value)) {
        references.push_back(std::move(reference));
      }
    }
  }
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

async::Task<ApiResponse> validate_configs(const ApiRequest& request, ValidationParts parts) {
  if (request.body.empty()) {
    co_return error_answer(400, "invalid request body: empty request body");
  }
  auto document = parse_document_body(request);
  if (!document) co_return std::move(document.error());
  if (!document->is_object() && !document->is_array()) {
    Json wrong = Json::array();
    wrong.push_back(Json::object({{"error", "expected an object"}}));
    co_return failed_validation(std::move(wrong));
  }
  Known known;
  std::vector<Reference> references;
  add_items(*document, known, references);
  for (const Reference& reference : references) {
    if (known.find(reference.kind, reference.id) != nullptr) continue;
    std::string key = parts.keys.item(config::resource_type(reference.kind), {}, reference.id);
    async::Task<store::Outcome<std::optional<store::Entry>>> getting = parts.store.get(key);
    store::Outcome<std::optional<store::Entry>> entry = co_await getting;
    if (!entry) co_return store_failure(entry.error());
    Result<Json> value = *entry ? Json::parse((*entry)->value) : Result<Json>(fail("none"));
    if (value) known.keep(reference.kind, reference.id, std::move(*value));
  }
  Validation validation(parts.catalogue, &parts.node, &known);
  run(validation, *document);
  if (!validation.errors().empty()) co_return failed_validation(validation.errors());
  Json answer = Json::object();
  if (!validation.warnings().empty()) answer["warnings"] = validation.warnings();
  co_return json_answer(200, answer);
}

std::optional<std::string> first_fault(const Json& document, const plugin::Catalogue& catalogue) {
  Validation validation(catalogue, nullptr, nullptr);
  run(validation, document);
  const Json::Array& errors = validation.errors().items();
  if (errors.empty()) return std::nullopt;
  std::string_view message = errors.front().find("error")->as_string();
  bool of_version = !errors.front().contains("index");
  return std::string(of_version ? message.substr(0, message.find(", got")) : message);
}

}  // namespace pylon::admin

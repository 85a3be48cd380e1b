#include "store/file/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schema/fields.h"

namespace pylon::store {
namespace {

using config::Kind;
using config::ResourceType;

constexpr std::string_view kCredentials = "/credentials/";

std::string text_of_member(const Json& item, std::string_view name) {
  const Json* member = item.find(name);
  return member != nullptr ? schema::text_of(*member) : std::string();
}

std::string id_of(const ResourceType& type, const Json& item, size_t index) {
  std::string id = text_of_member(item, "id");
  bool is_consumer = type.kind == Kind::consumer && id.find(kCredentials) == id.npos;
  if (is_consumer || id.empty()) {
    std::string name = text_of_member(item, "username");
    if (!name.empty()) id = std::move(name);
  }
  return id.empty() ? fmt::format("arr_{}", index + 1) : id;
}

std::string key_of(std::string_view prefix, const ResourceType& type, std::string_view id) {
  return fmt::format("{}/{}/{}", prefix, type.name, id);
}

class Reading {
 public:
  Reading(std::string_view prefix, const ItemCheck& check) : prefix_(prefix), check_(check) {}

  void read_list(const ResourceType& type, const Json& list) {
    if (list.is_null()) return;
    if (!list.is_array()) {
      return fault(fmt::format("{}/{}/", prefix_, type.name), "it should be a list");
    }
    for (size_t i = 0; i < list.items().size(); ++i) read_item(type, list.items()[i], i);
  }

  // The list as it may be used; null when there is none, or it is wrong.
  const Json* plugin_list(const Json* list) {
    if (list == nullptr || list->is_null()) return nullptr;
    bool named = std::all_of(list->items().begin(), list->items().end(), [](const Json& plugin) {
      const Json* name = plugin.find("name");
      return name != nullptr && name->is_string();
    });
    if (list->is_array() && named) return list;
    fault(fmt::format("{}/plugins", prefix_), "it should be a list of {name, stream}");
    return nullptr;
  }

  DesiredState take() { return std::move(state_); }

 private:
  void read_item(const ResourceType& type, const Json& given, size_t index) {
    Result<DocumentItem> item = document_item(type, given, index);
    std::string key = key_of(prefix_, type, item ? item->id : fmt::format("arr_{}", index + 1));
    Result<void> checked = item ? check_(*item) : tl::unexpected(item.error());
    if (!checked) return fault(std::move(key), checked.error().message);
    state_.entries[std::move(key)] = item->value.dump();
  }

  void fault(std::string key, std::string reason) {
    state_.entries.erase(key);
    state_.faults.push_back({std::move(key), std::move(reason)});
  }

  std::string_view prefix_;
  const ItemCheck& check_;
  DesiredState state_;
};

}  // namespace

Result<DocumentItem> document_item(const ResourceType& type, const Json& item, size_t index) {
  if (!item.is_object()) {
    return fail(fmt::format("invalid item data of [{}/{}], val: {}, it should be an object",
                            type.name, index + 1, item.dump().substr(0, 200)));
  }
  DocumentItem out{type.kind, id_of(type, item, index), {}, item};
  out.value.erase("modifiedIndex");
  if (type.kind == Kind::consumer) {
    size_t credentials = out.id.find(kCredentials);
    if (credentials == out.id.npos) return out;
    out.kind = Kind::credential;
    out.parent = out.id.substr(0, credentials);
    out.value["id"] = Json(out.id.substr(credentials + kCredentials.size()));
    return out;
  }
  out.value["id"] = Json(out.id);
  if (type.kind != Kind::secret) return out;
  size_t slash = out.id.find('/');
  if (slash == out.id.npos) return fail("invalid secret id: " + out.id);
  out.parent = out.id.substr(0, slash);
  return out;
}

DesiredState read_document(const Json& document, std::string_view prefix,
                           const PluginListUse& use_plugins, const ItemCheck& check) {
  Reading reading(prefix, check);
  use_plugins(reading.plugin_list(document.find("plugins")));
  for (const ResourceType& type : config::resource_types()) {
    const Json* list = type.parent.empty() ? document.find(type.name) : nullptr;
    if (list != nullptr) reading.read_list(type, *list);
  }
  return reading.take();
}

void fill_empty_plugins(Json& document) {
  if (!document.is_object()) return;
  for (auto& [type, list] : document.members()) {
    if (!list.is_array()) continue;
    for (Json& item : list.items()) {
      Json* plugins = item.find("plugins");
      if (plugins == nullptr || !plugins->is_object()) continue;
      for (auto& [name, conf] : plugins->members()) {
        if (conf.is_null()) conf = Json::object();
      }
    }
  }
}

}  // namespace pylon::store

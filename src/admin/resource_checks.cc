// What may be wrong with a value that is written, in APISIX's order.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "admin/answer.h"
#include "admin/resource_api.h"
#include "schema/fields.h"

namespace pylon::admin {

using config::Kind;
using config::ResourceType;
using store::Compare;
using store::Entry;
using store::Outcome;
using IdRule = ResourceType::IdRule;

namespace {

// In Lua an empty array is an empty object.
void read_empty_array_as_object(Json& value) {
  if (value.is_array() && value.empty()) value = Json::object();
}

// The rules for `id` in path and body. Afterwards both have it, unless the item is posted.
std::optional<std::string> id_fault(Target& target, Json& value, bool needs_id) {
  const ResourceType& type = *target.type;
  if (type.id_rule == IdRule::username || type.id_rule == IdRule::plugin) return std::nullopt;
  std::string own_id = target.id;
  if (type.id_rule == IdRule::managed) own_id = target.parent + "/" + target.id;
  const Json* given = value.find("id");
  if (given == nullptr && own_id.empty()) {
    if (needs_id) return fmt::format("missing {} id", type.kind_word);
    return std::nullopt;
  }
  if (!needs_id) return fmt::format("wrong {} id, do not need it", type.kind_word);
  std::string given_text = given != nullptr ? schema::text_of(*given) : own_id;
  if (own_id.empty()) {
    target.id = given_text;
    return std::nullopt;
  }
  if (given_text != own_id) return fmt::format("wrong {} id", type.kind_word);
  value["id"] = Json(own_id);
  return std::nullopt;
}

}  // namespace

async::Task<ResourceApi::Refusal> ResourceApi::check(Call& call, Json& value, Write write) {
  call.relied_on.clear();
  if (call.target.type->kind == Kind::graphql_cost_decoration) {
    async::Task<Refusal> binding = bind_decoration(call, value);
    Refusal refusal = co_await binding;
    if (refusal) co_return refusal;
  }
  async::Task<Refusal> checking = check_alone(call, value, write);
  Refusal refusal = co_await checking;
  if (refusal) co_return refusal;
  async::Task<Refusal> comparing = check_others(call, value);
  co_return co_await comparing;
}

// Without the other resources, but for those that it refers to.
async::Task<ResourceApi::Refusal> ResourceApi::check_alone(Call& call, Json& value, Write write) {
  const ResourceType& type = *call.target.type;
  read_empty_array_as_object(value);
  if (!value.is_object()) {
    co_return error_answer(400,
                           fmt::format("invalid configuration: wrong type: expected object, got {}",
                                       schema::lua_type_of(value)));
  }
  std::optional<std::string> fault = id_fault(call.target, value, write != Write::post);
  if (fault) co_return error_answer(400, *fault);
  std::optional<std::string> time = config::forbidden_time(value);
  if (time && write != Write::patch) {
    co_return error_answer(400, "the property is forbidden:  " + *time);
  }
  async::Task<Outcome<References>> fetching = fetch_references(call, value);
  Outcome<References> references = co_await fetching;
  if (!references) co_return store_failure(references.error());

  Json copy = value;  // the check fills defaults, which are not stored
  if (parts_.cipher != nullptr) parts_.cipher->decrypt_keys(type.kind, copy);
  Checks help(parts_.catalogue, &*references);
  config::CheckContext context{call.target.id, call.target.parent, help};
  Result<void> checked = type.check(copy, context);
  if (!checked) co_return error_answer(400, checked.error().message);
  if (type.id_rule == IdRule::username) call.target.id = copy.find("username")->as_string();
  co_return std::nullopt;
}

// Plugins may name resources too, but whether those exist is not asked.
async::Task<Outcome<References>> ResourceApi::fetch_references(Call& call, const Json& value) {
  Kind kind = call.target.type->kind;
  Json without_plugins = value;
  without_plugins.erase("plugins");
  References found;
  for (const config::Reference& reference : config::references_of(kind, without_plugins)) {
    std::string key = keys_.item(config::resource_type(reference.kind), {}, reference.id);
    async::Task<Outcome<std::optional<Entry>>> getting = parts_.store.get(key);
    Outcome<std::optional<Entry>> entry = co_await getting;
    if (!entry) co_return tl::unexpected(entry.error());
    if (!*entry) continue;
    // Of these the value counts, too.
    bool same = reference.kind == Kind::ssl || reference.kind == Kind::stream_route;
    call.relied_on.push_back(same ? Compare{std::move(key), (*entry)->mod_revision}
                                  : Compare{std::move(key), 0, Compare::Kind::there});
    Result<Json> parsed = Json::parse((*entry)->value);
    found.push_back({reference.kind, reference.id, parsed ? std::move(*parsed) : Json()});
  }
  co_return found;
}

// The checks that look at other resources of any number.
async::Task<ResourceApi::Refusal> ResourceApi::check_others(Call& call, const Json& value) {
  Kind kind = call.target.type->kind;
  const Json* given = value.find("plugins");
  const Json none = Json::object();
  const Json& plugins = given != nullptr ? *given : none;
  if (kind == Kind::consumer || kind == Kind::credential) {
    Refusal refusal = check_keys(call, plugins);
    if (refusal) co_return refusal;
  }
  if (kind == Kind::credential) {
    async::Task<Refusal> checking = check_parent(call);
    co_return co_await checking;
  }
  if (kind == Kind::global_rule) {
    async::Task<Refusal> checking = check_global_rules(call, plugins);
    co_return co_await checking;
  }
  co_return std::nullopt;
}

// The owners of keys are those that this node knows; what another one writes meanwhile makes it ask
// again.
ResourceApi::Refusal ResourceApi::check_keys(Call& call, const Json& plugins) const {
  bool of_consumer = call.target.type->kind == Kind::consumer;
  std::string_view consumer = of_consumer ? call.target.id : call.target.parent;
  std::string_view credential = of_consumer ? std::string_view() : call.target.id;
  if (!has_keys(plugins, parts_.catalogue)) return std::nullopt;
  int64_t known = parts_.node.known_revision();
  Result<void> owners = check_key_owners(plugins, consumer, credential, parts_.catalogue,
                                         owners_known_to(parts_.node));
  if (!owners) return error_answer(400, owners.error().message);
  std::string collection = keys_.collection(config::resource_type(Kind::consumer), {});
  call.relied_on.push_back({std::move(collection), known, Compare::Kind::unwritten});
  return std::nullopt;
}

// A plugin may be in one global rule only.
async::Task<ResourceApi::Refusal> ResourceApi::check_global_rules(Call& call, const Json& plugins) {
  const std::string& id = call.target.id;
  std::string collection = keys_.collection(config::resource_type(Kind::global_rule), {});
  call.relied_on.push_back({collection, parts_.store.revision(), Compare::Kind::unwritten});
  async::Task<Outcome<std::vector<Entry>>> listing = parts_.store.list(collection);
  Outcome<std::vector<Entry>> rules = co_await listing;
  if (!rules) co_return store_failure(rules.error());
  for (const Entry& rule : *rules) {
    std::string_view other = std::string_view(rule.key).substr(collection.size());
    Result<Json> value = Json::parse(rule.value);
    const Json* theirs = value && other != id ? value->find("plugins") : nullptr;
    if (theirs == nullptr) continue;
    for (const auto& [name, conf] : plugins.members()) {
      if (!theirs->contains(name)) continue;
      co_return error_answer(
          400, fmt::format("plugin '{}' already exists in global rule with id '{}'", name, other));
    }
  }
  co_return std::nullopt;
}

async::Task<ResourceApi::Refusal> ResourceApi::check_parent(Call& call) {
  const ResourceType& parent = *config::find_resource_type(call.target.type->parent);
  std::string key = keys_.item(parent, {}, call.target.parent);
  async::Task<Outcome<std::optional<Entry>>> getting = parts_.store.get(key);
  Outcome<std::optional<Entry>> entry = co_await getting;
  if (!entry) co_return store_failure(entry.error());
  if (!*entry) co_return error_answer(404, fmt::format("{} not found", parent.kind_word));
  call.relied_on.push_back({std::move(key), 0, Compare::Kind::there});
  co_return std::nullopt;
}

// A decoration belongs to the service of its path, and a field is decorated once.
async::Task<ResourceApi::Refusal> ResourceApi::bind_decoration(Call& call, Json& value) {
  const std::string& service = call.target.parent;
  const Json* given = value.find("service_id");
  if (given != nullptr && schema::text_of(*given) != service) {
    co_return error_answer(400, "wrong service_id, it is taken from the path");
  }
  async::Task<Refusal> checking = check_parent(call);
  Refusal refusal = co_await checking;
  if (refusal) co_return refusal;

  std::string collection = keys_.collection(*call.target.type, service);
  call.relied_on.push_back({collection, parts_.store.revision(), Compare::Kind::unwritten});
  async::Task<Outcome<std::vector<Entry>>> listing = parts_.store.list(std::move(collection));
  Outcome<std::vector<Entry>> others = co_await listing;
  if (!others) co_return store_failure(others.error());
  const Json* field = value.find("field_path");
  for (const Entry& entry : *others) {
    Result<Json> other = Json::parse(entry.value);
    std::string_view id = std::string_view(entry.key).substr(entry.key.rfind('/') + 1);
    const Json* theirs = other && id != call.target.id ? other->find("field_path") : nullptr;
    if (theirs == nullptr || field == nullptr || !(*theirs == *field)) continue;
    co_return error_answer(400, fmt::format("field_path {} is already decorated on this service "
                                            "by [{}]",
                                            field->as_string(), id));
  }
  value["service_id"] = Json(service);
  co_return std::nullopt;
}

}  // namespace pylon::admin

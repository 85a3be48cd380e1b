#include "admin/way_back.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "admin/checks.h"
#include "admin/usage.h"
#include "base/json.h"

namespace pylon::admin {

using config::Kind;
using config::ResourceType;
using store::Compare;
using store::Entry;
using store::KeyDifference;
using store::Operation;
using store::Outcome;

namespace {

bool has_children(Kind kind) { return kind == Kind::consumer || kind == Kind::service; }

Json plugins_of(const Json& value) {
  const Json* plugins = value.find("plugins");
  return plugins != nullptr ? *plugins : Json::object();
}

}  // namespace

WayBack::WayBack(const Parts& parts, Differences differences, int64_t revision)
    : parts_(parts), differences_(std::move(differences)), revision_(revision) {}

WayBack::Item WayBack::item_of(std::string_view key) const {
  std::string root = parts_.keys.root();
  std::string_view rest = key.starts_with(root) ? key.substr(root.size()) : "";
  size_t slash = rest.find('/');
  if (slash == rest.npos) return {};
  return {config::find_resource_type(rest.substr(0, slash)), std::string(rest.substr(slash + 1))};
}

const KeyDifference* WayBack::change_of(std::string_view key) const {
  auto found = changed_.find(key);
  return found != changed_.end() ? found->second : nullptr;
}

// One condition for each key, the strictest: etcd takes a limited number of them.
void WayBack::rely_on(const std::string& key, int64_t revision, Compare::Kind kind) {
  auto [place, fresh] = relied_on_keys_.emplace(key, relied_on_.size());
  if (fresh) return relied_on_.push_back({key, revision, kind});
  int64_t& known = relied_on_[place->second].revision;
  known = std::min(known, revision);
}

async::Task<Outcome<void>> WayBack::complete() {
  for (const KeyDifference& one : differences_) changed_.emplace(one.key, &one);
  Differences more;
  for (const KeyDifference& one : differences_) {
    Item item = item_of(one.key);
    bool takes_along =
        item.type != nullptr && has_children(item.type->kind) && !item.is_child() && !one.after;
    if (!takes_along) continue;
    std::string children = one.key + "/";
    rely_on(children, revision_, Compare::Kind::unwritten);
    async::Task<Outcome<std::vector<Entry>>> listing = parts_.store.list(std::move(children));
    Outcome<std::vector<Entry>> held = co_await listing;
    if (!held) co_return tl::unexpected(held.error());
    for (Entry& entry : *held) {
      if (change_of(entry.key) != nullptr) continue;
      more.push_back({std::move(entry.key), std::move(entry.value), std::nullopt});
    }
  }
  std::move(more.begin(), more.end(), std::back_inserter(differences_));
  changed_.clear();
  for (const KeyDifference& one : differences_) changed_.emplace(one.key, &one);
  co_return Outcome<void>{};
}

// ---- what speaks against it

WayBack::Verdict WayBack::why_not() {
  for (const KeyDifference& one : differences_) {
    if (!one.after) continue;
    Verdict looking = missing_reference(one);
    Outcome<std::string> fault = co_await looking;
    if (!fault || !fault->empty()) co_return fault;
    std::string taken = taken_key(one);
    if (!taken.empty()) co_return taken;
  }
  Verdict comparing = taken_plugin();
  Outcome<std::string> fault = co_await comparing;
  if (!fault || !fault->empty()) co_return fault;
  Verdict searching = still_used();
  co_return co_await searching;
}

// Says so when there will be nothing under the key.
WayBack::Verdict WayBack::missing(const KeyDifference& one, const std::string& key) {
  const KeyDifference* other = change_of(key);
  bool there = other != nullptr && other->after;
  if (other == nullptr) {
    async::Task<Outcome<std::optional<Entry>>> getting = parts_.store.get(key);
    Outcome<std::optional<Entry>> held = co_await getting;
    if (!held) co_return tl::unexpected(held.error());
    there = held->has_value();
    if (there) rely_on(key, 0, Compare::Kind::there);
  }
  if (there) co_return std::string();
  co_return fmt::format("{} would refer to {}, which is not there", one.key, key);
}

WayBack::Verdict WayBack::missing_reference(const KeyDifference& one) {
  Item item = item_of(one.key);
  Result<Json> value = Json::parse(*one.after);
  if (item.type == nullptr || !value) co_return std::string();
  std::vector<std::string> keys;
  if (has_children(item.type->kind) && item.is_child()) {
    keys.push_back(parts_.keys.item(*item.type, {}, item.id.substr(0, item.id.find('/'))));
  }
  for (const config::Reference& reference : config::references_of(item.type->kind, *value)) {
    keys.push_back(parts_.keys.item(config::resource_type(reference.kind), {}, reference.id));
  }
  for (const std::string& key : keys) {
    Verdict looking = missing(one, key);
    Outcome<std::string> fault = co_await looking;
    if (!fault || !fault->empty()) co_return fault;
  }
  co_return std::string();
}

// A key that somebody who stays as he is has now.
std::string WayBack::taken_key(const KeyDifference& one) {
  Item item = item_of(one.key);
  Result<Json> value = Json::parse(*one.after);
  if (item.type == nullptr || item.type->kind != Kind::consumer || !value) return {};
  if (parts_.cipher != nullptr) {
    parts_.cipher->decrypt(item.is_child() ? Kind::credential : Kind::consumer, *value);
  }
  Json plugins = plugins_of(*value);
  if (!has_keys(plugins, parts_.catalogue)) return {};
  const ResourceType& consumers = *item.type;
  const ResourceType& credentials = config::resource_type(Kind::credential);
  FindOwner find = owners_known_to(parts_.node);
  auto staying = [&](std::string_view plugin, std::string_view key) -> std::optional<KeyOwner> {
    std::optional<KeyOwner> owner = find(plugin, key);
    if (!owner) return std::nullopt;
    std::string of = owner->credential.empty()
                         ? parts_.keys.item(consumers, {}, owner->consumer)
                         : parts_.keys.item(credentials, owner->consumer, owner->credential);
    return change_of(of) == nullptr ? owner : std::nullopt;
  };
  rely_on(parts_.keys.collection(consumers, {}), parts_.node.known_revision(),
          Compare::Kind::unwritten);
  std::string consumer = item.id.substr(0, item.id.find('/'));
  Result<void> checked = check_key_owners(plugins, consumer, {}, parts_.catalogue, staying);
  return checked ? std::string() : checked.error().message;
}

// A plugin that a global rule which stays as it is has now.
WayBack::Verdict WayBack::taken_plugin() {
  const ResourceType& type = config::resource_type(Kind::global_rule);
  std::string collection = parts_.keys.collection(type, {});
  std::vector<Json> back;
  for (const KeyDifference& one : differences_) {
    if (!one.after || !one.key.starts_with(collection)) continue;
    if (Result<Json> value = Json::parse(*one.after)) back.push_back(plugins_of(*value));
  }
  if (back.empty()) co_return std::string();
  rely_on(collection, revision_, Compare::Kind::unwritten);
  async::Task<Outcome<std::vector<Entry>>> listing = parts_.store.list(collection);
  Outcome<std::vector<Entry>> rules = co_await listing;
  if (!rules) co_return tl::unexpected(rules.error());
  for (const Entry& rule : *rules) {
    Result<Json> value = Json::parse(rule.value);
    if (change_of(rule.key) != nullptr || !value) continue;
    Json theirs = plugins_of(*value);
    for (const Json& plugins : back) {
      for (const auto& [name, conf] : plugins.members()) {
        if (!theirs.contains(name)) continue;
        co_return fmt::format("plugin '{}' already exists in global rule with id '{}'", name,
                              std::string_view(rule.key).substr(collection.size()));
      }
    }
  }
  co_return std::string();
}

// Something that goes and that somebody who stays as he is uses.
WayBack::Verdict WayBack::still_used() {
  std::map<Kind, StringSet> gone;
  for (const KeyDifference& one : differences_) {
    Item item = item_of(one.key);
    if (!one.after && item.type != nullptr) gone[item.type->kind].insert(item.id);
  }
  auto stays = [this](std::string_view key) { return change_of(key) == nullptr; };
  for (const auto& [kind, ids] : gone) {
    auto asking = who_uses(parts_.store, parts_.keys, kind, ids, stays);
    Outcome<std::optional<std::string>> use = co_await asking;
    if (!use) co_return tl::unexpected(use.error());
    if (*use) co_return **use;
    for (const Compare& compare : nobody_else_uses(parts_.keys, kind, revision_)) {
      rely_on(compare.key, compare.revision, compare.kind);
    }
  }
  co_return std::string();
}

// ---- what it is

async::Task<Outcome<store::Transaction>> WayBack::transaction() const {
  store::Transaction transaction;
  for (const KeyDifference& one : differences_) {
    async::Task<Outcome<std::optional<Entry>>> getting = parts_.store.get(one.key);
    Outcome<std::optional<Entry>> held = co_await getting;
    if (!held) co_return tl::unexpected(held.error());
    bool as_seen = held->has_value() == one.before.has_value() &&
                   (!one.before || (*held)->value == *one.before);
    // A revision that cannot be: the transaction then fails as for any other conflict.
    int64_t expected = !as_seen ? -1 : *held ? (*held)->mod_revision : 0;
    transaction.compares.push_back({one.key, expected});
    if (one.after) {
      transaction.operations.push_back({Operation::Kind::put, one.key, *one.after});
    } else {
      transaction.operations.push_back({Operation::Kind::erase, one.key});
    }
  }
  transaction.compares.insert(transaction.compares.end(), relied_on_.begin(), relied_on_.end());
  co_return transaction;
}

}  // namespace pylon::admin

#include "admin/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "store/scan.h"

namespace pylon::admin {
namespace {

using config::Kind;
using store::Entry;
using store::Outcome;

// One way to be used: by a member of the user ("route") or by one of its plugins.
struct Rule {
  Kind used;
  Kind by;
  std::string_view word;  // what the message calls the user
  bool by_field = true;
  bool by_plugin = false;
};

constexpr Rule kRules[] = {
    {Kind::service, Kind::route, "route"},
    {Kind::service, Kind::stream_route, "stream_route"},
    {Kind::upstream, Kind::route, "route", true, true},
    {Kind::upstream, Kind::service, "service", true, true},
    {Kind::upstream, Kind::plugin_config, "plugin_config", false, true},
    {Kind::upstream, Kind::consumer, "consumer", false, true},
    {Kind::upstream, Kind::consumer_group, "consumer_group", false, true},
    {Kind::upstream, Kind::global_rule, "global_rules", false, true},
    {Kind::consumer_group, Kind::consumer, "consumer"},
    {Kind::plugin_config, Kind::route, "route"},
    {Kind::proto, Kind::route, "route", false, true},
    {Kind::proto, Kind::service, "service", false, true},
    {Kind::stream_route, Kind::stream_route, "stream route"},
};

bool refers(Kind by, const Json& value, Kind used, const StringSet& ids) {
  std::vector<config::Reference> references = config::references_of(by, value);
  return std::any_of(references.begin(), references.end(), [&](const config::Reference& reference) {
    return reference.kind == used && ids.contains(reference.id);
  });
}

std::string refusal(const Rule& rule, std::string_view user, bool by_plugin) {
  std::string_view kind_word = config::resource_type(rule.used).kind_word;
  if (rule.used == Kind::service) {
    return fmt::format("can not delete this service directly, {} [{}] is still using it now",
                       rule.word, user);
  }
  if (rule.used == Kind::stream_route) {
    return fmt::format(
        "can not delete this stream route directly, stream route [{}] is still using it as "
        "superior_id",
        user);
  }
  bool tells_plugin = by_plugin && rule.used == Kind::upstream;
  return fmt::format("can not delete this {}, {}{} [{}] is still using it now", kind_word,
                     tells_plugin ? "plugin in " : "", rule.word, user);
}

// The refusal that one stored value gives rise to.
std::optional<std::string> use_by(const Rule& rule, const Entry& entry, const StringSet& ids) {
  auto value = Json::parse(entry.value);
  if (!value) return std::nullopt;
  std::string_view user = std::string_view(entry.key).substr(entry.key.rfind('/') + 1);
  Json plugins = Json::object();
  if (const Json* given = value->find("plugins")) plugins["plugins"] = *given;
  if (rule.by_plugin && refers(rule.by, plugins, rule.used, ids)) return refusal(rule, user, true);
  value->erase("plugins");
  if (rule.by_field && refers(rule.by, *value, rule.used, ids)) return refusal(rule, user, false);
  return std::nullopt;
}

// Of those that belong to the collection; the others are passed over.
std::optional<std::string> first_use(const Rule& rule, const std::vector<Entry>& entries,
                                     std::string_view collection, const StringSet& ids,
                                     const Counts& counts) {
  const config::ResourceType& type = config::resource_type(rule.by);
  for (const Entry& entry : entries) {
    bool of_it = entry.key.starts_with(collection) && Keys::is_direct(type, collection, entry.key);
    if (!of_it) continue;
    if (counts && !counts(entry.key)) continue;
    if (auto refusal = use_by(rule, entry, ids)) return refusal;
  }
  return std::nullopt;
}

}  // namespace

// Collection by collection, of each a few values at a time.
async::Task<Outcome<std::optional<std::string>>> who_uses(store::Store& store, const Keys& keys,
                                                          Kind kind, StringSet ids, Counts counts) {
  for (const Rule& rule : kRules) {
    if (rule.used != kind) continue;
    std::string collection = keys.collection(config::resource_type(rule.by), {});
    store::Scan scan(store, collection);
    for (;;) {
      async::Task<Outcome<std::vector<Entry>>> reading = scan.next();
      Outcome<std::vector<Entry>> entries = co_await reading;
      if (!entries) co_return tl::unexpected(entries.error());
      if (entries->empty()) break;
      if (ids.size() == 1) {
        std::erase_if(*entries, [&](const Entry& entry) {
          return entry.value.find(*ids.begin()) == entry.value.npos;
        });
      }
      std::optional<std::string> refusal = first_use(rule, *entries, collection, ids, counts);
      if (refusal) co_return refusal;
    }
  }
  co_return std::nullopt;
}

async::Task<Outcome<std::optional<std::string>>> first_user(store::Store& store, const Keys& keys,
                                                            Kind kind, std::string id,
                                                            std::vector<std::string> some) {
  if (!some.empty()) {
    async::Task<Outcome<store::EntriesAt>> reading = store.get_all(std::move(some));
    Outcome<store::EntriesAt> found = co_await reading;
    if (!found) co_return tl::unexpected(found.error());
    for (const Rule& rule : kRules) {
      if (rule.used != kind) continue;
      std::string collection = keys.collection(config::resource_type(rule.by), {});
      std::optional<std::string> refusal = first_use(rule, found->entries, collection, {id}, {});
      if (refusal) co_return refusal;
    }
  }
  async::Task<Outcome<std::optional<std::string>>> asking =
      who_uses(store, keys, kind, {std::move(id)});
  co_return co_await asking;
}

std::vector<store::Compare> nobody_else_uses(const Keys& keys, Kind kind, int64_t revision) {
  std::vector<store::Compare> compares;
  for (const Rule& rule : kRules) {
    if (rule.used != kind) continue;
    compares.push_back({keys.collection(config::resource_type(rule.by), {}), revision,
                        store::Compare::Kind::unwritten});
  }
  return compares;
}

}  // namespace pylon::admin

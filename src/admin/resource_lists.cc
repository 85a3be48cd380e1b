// GET of a collection. Nothing here goes through many objects in one turn of the loop.
//
// A page without filters is found by the order of the keys, which the node knows, and only its
// objects are read. A page with filters has to look at every object, some at a time; of these only
// the keys are held. A whole list is made while it is read, in the order of the keys.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "admin/answer.h"
#include "admin/resource_api.h"
#include "store/scan.h"

namespace pylon::admin {

using config::Kind;
using config::ResourceType;
using http::ApiResponse;
using store::Entry;
using store::Outcome;

namespace {

constexpr int kAttempts = 3;

bool matches(const ListQuery& query, const Entry& entry) {
  if (!query.filters()) return true;
  auto value = Json::parse(entry.value);
  return value && query.matches(*value);
}

std::vector<std::string> keys_of(const std::vector<Listed>& items) {
  std::vector<std::string> keys;
  for (const Listed& item : items) keys.push_back(item.key);
  return keys;
}

// The entries are those items, all of them.
bool are(const std::vector<Entry>& entries, const std::vector<Listed>& items) {
  return std::equal(entries.begin(), entries.end(), items.begin(), items.end(),
                    [](const Entry& entry, const Listed& item) {
                      return entry.key == item.key && entry.create_revision == item.create_revision;
                    });
}

// Those of a page, by creation. The others are in no order afterwards.
std::vector<Listed> page_of(std::vector<Listed>& items, const ListQuery& query) {
  auto [from, end] = query.page(items.size());
  auto at = [&](size_t place) { return items.begin() + static_cast<std::ptrdiff_t>(place); };
  auto earlier = [](const Listed& a, const Listed& b) {
    return std::tie(a.create_revision, a.key) < std::tie(b.create_revision, b.key);
  };
  if (from < end) std::nth_element(items.begin(), at(from), items.end(), earlier);
  std::partial_sort(at(from), at(end), items.end(), earlier);
  return {at(from), at(end)};
}

}  // namespace

async::Task<ApiResponse> ResourceApi::get_list(const Call& call) {
  ListQuery query;
  if (v3_) query = ListQuery::read(call.request, call.target.type->kind);
  bool wrong = query.page_size_is_wrong();
  std::string collection = keys_.collection(*call.target.type, call.target.parent);
  Outcome<std::optional<List>> page;
  if (knows_order(call, query) && !wrong) {
    async::Task<Outcome<std::optional<List>>> finding = known_page(call, query);
    page = co_await finding;
    if (!page) co_return store_failure(page.error());
  }
  if (!*page) {
    bool paged = query.pages() && !wrong;
    async::Task<Outcome<List>> scanning =
        paged ? scan_page(call, query, collection) : scan(call, query, collection);
    Outcome<List> found = co_await scanning;
    if (!found) co_return store_failure(found.error());
    *page = std::move(*found);
    // Only APISIX's top-level collections exist while they are empty.
    if (!(*page)->any_key && !call.target.parent.empty()) co_return key_not_found();
  }
  if (wrong) co_return text_answer(400, "page_size must be between 10 and 500");
  co_return list_answer(collection, **page);
}

bool ResourceApi::knows_order(const Call& call, const ListQuery& query) const {
  const ResourceType& type = *call.target.type;
  bool own = type.parent.empty() && type.kind != Kind::secret;
  return own && query.pages() && !query.filters();
}

// The keys of the page are those of the node before and after its values were read, at a revision
// that the node knows: so they were those at that revision. Nothing: the node knows too little, or
// the page changes faster than it can be read.
async::Task<Outcome<std::optional<ResourceApi::List>>> ResourceApi::known_page(
    const Call& call, const ListQuery& query) {
  const ResourceType& type = *call.target.type;
  auto look = [&] {
    auto [from, end] = query.page(parts_.node.listed(type.kind));
    return parts_.node.listed(type.kind, from, end);
  };
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<Listed> wanted = look();
    async::Task<Outcome<store::EntriesAt>> reading = parts_.store.get_all(keys_of(wanted));
    Outcome<store::EntriesAt> found = co_await reading;
    if (!found) co_return tl::unexpected(found.error());
    async::Task<bool> telling = parts_.store.await_told(found->revision);
    bool told = co_await telling;
    if (!told) break;
    if (look() != wanted || !are(found->entries, wanted)) continue;
    List list{.total = parts_.node.listed(type.kind)};
    for (const Entry& entry : found->entries) add_item(type, entry, list);
    co_return list;
  }
  co_return std::nullopt;
}

async::Task<Outcome<ResourceApi::List>> ResourceApi::scan(const Call& call, const ListQuery& query,
                                                          std::string collection) {
  const ResourceType& type = *call.target.type;
  List list;
  store::Scan scan(parts_.store, collection);
  for (;;) {
    async::Task<Outcome<std::vector<Entry>>> reading = scan.next();
    Outcome<std::vector<Entry>> entries = co_await reading;
    if (!entries) co_return tl::unexpected(entries.error());
    if (entries->empty()) co_return list;
    list.any_key = true;
    for (const Entry& entry : *entries) {
      bool wanted = Keys::is_direct(type, collection, entry.key) && matches(query, entry);
      if (!wanted) continue;
      ++list.total;
      add_item(type, entry, list);
    }
  }
}

async::Task<Outcome<ResourceApi::List>> ResourceApi::scan_page(const Call& call,
                                                               const ListQuery& query,
                                                               std::string collection) {
  const ResourceType& type = *call.target.type;
  List list;
  std::vector<Listed> all;
  store::Scan scan(parts_.store, collection);
  for (;;) {
    async::Task<Outcome<std::vector<Entry>>> reading = scan.next();
    Outcome<std::vector<Entry>> entries = co_await reading;
    if (!entries) co_return tl::unexpected(entries.error());
    if (entries->empty()) break;
    list.any_key = true;
    for (const Entry& entry : *entries) {
      bool wanted = Keys::is_direct(type, collection, entry.key) && matches(query, entry);
      if (wanted) all.push_back({entry.key, entry.create_revision});
    }
  }
  list.total = all.size();
  async::Task<Outcome<store::EntriesAt>> reading =
      parts_.store.get_all(keys_of(page_of(all, query)));
  Outcome<store::EntriesAt> found = co_await reading;
  if (!found) co_return tl::unexpected(found.error());
  for (const Entry& entry : found->entries) add_item(type, entry, list);
  co_return list;
}

void ResourceApi::add_item(const ResourceType& type, const Entry& entry, List& list) const {
  if (!list.items.empty()) list.items += ',';
  list.items += item_json(type, entry);
}

ApiResponse ResourceApi::list_answer(std::string_view collection, const List& list) const {
  if (v3_) {
    return raw_json_answer(200,
                           fmt::format(R"({{"total":{},"list":[{}]}})", list.total, list.items));
  }
  std::string_view key = collection.substr(0, collection.size() - 1);
  return raw_json_answer(200, fmt::format(R"({{"count":{},"action":"get","node":{{"key":{},)"
                                          R"("dir":true,"nodes":[{}]}}}})",
                                          list.total, Json(key).dump(), list.items));
}

}  // namespace pylon::admin

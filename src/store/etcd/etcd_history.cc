// What etcd tells about the past: its own versions, until it is compacted.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "store/etcd/etcd_store.h"

namespace pylon::store {

using etcd::Answer;
using etcd::Client;
using etcd::Header;

namespace {

// A stream that says nothing for so long has told the past, when the newest revision is about other
// keys, so that it would not be told. A busy etcd takes its time.
constexpr int64_t kQuietUs = 2'000'000;
constexpr int64_t kPastLimitUs = 10'000'000;

bool is_about(const HistoryQuery& query, std::string_view key) {
  if (!query.excluded_key.empty() && key == query.excluded_key) return false;
  return query.exact ? key == query.prefix : key.starts_with(query.prefix);
}

HistoryChange told(const Change& change) {
  using Action = HistoryChange::Action;
  bool created = change.entry.create_revision == change.entry.mod_revision;
  Action action = change.erased ? Action::erase : created ? Action::create : Action::update;
  return {change.entry.key, action};
}

etcd::RangeQuery range_at(const HistoryQuery& query, int64_t revision) {
  etcd::RangeQuery range = etcd::range_of(query.prefix);
  if (query.exact) range = {.first = query.prefix};
  range.revision = revision;
  return range;
}

Failure not_kept(const Failure& failure, int64_t revision) {
  bool compacted = failure.message.find("compacted") != std::string::npos;
  bool future = failure.message.find("future revision") != std::string::npos;
  if (compacted) {
    return {Failure::Kind::refused, fmt::format("revision {} is not kept any more", revision)};
  }
  if (future) {
    return {Failure::Kind::refused, fmt::format("revision {} is still to come", revision)};
  }
  return failure;
}

}  // namespace

async::Task<Outcome<HistoryPage>> EtcdStore::revisions(HistoryQuery query) {
  async::Task<Outcome<Past>> reading = past();
  Outcome<Past> past = co_await reading;
  if (!past) co_return tl::unexpected(std::move(past.error()));
  std::map<int64_t, std::string> origins(past->origins.begin(), past->origins.end());
  HistoryPage page{.oldest = past->oldest, .newest = past->newest, .total = 0, .revisions = {}};
  for (auto set = past->sets.rbegin(); set != past->sets.rend(); ++set) {
    HistoryRevision revision{.revision = set->revision, .time_us = 0, .origin = {}, .changes = {}};
    for (const Change& change : set->changes) {
      if (is_about(query, change.entry.key)) revision.changes.push_back(told(change));
    }
    if (revision.changes.empty()) continue;
    size_t at = page.total++;
    if (at < query.offset || page.revisions.size() >= query.limit) continue;
    if (auto found = origins.find(set->revision); found != origins.end()) {
      etcd::Authorship authorship = etcd::read_authorship(found->second);
      revision.origin = std::move(authorship.origin);
      revision.time_us = authorship.time_us;
    }
    page.revisions.push_back(std::move(revision));
  }
  co_return page;
}

async::Task<Outcome<std::vector<KeyDifference>>> EtcdStore::differences(int64_t from, int64_t to,
                                                                        HistoryQuery query) {
  std::map<std::string, KeyDifference> found;
  for (int64_t revision : {from, to}) {
    async::Task<Outcome<Listing>> reading = read_once(range_at(query, revision));
    Outcome<Listing> listing = co_await reading;
    if (!listing) co_return tl::unexpected(not_kept(listing.error(), revision));
    bool before = revision == from;
    for (Entry& entry : listing->entries) {
      if (!is_about(query, entry.key)) continue;
      KeyDifference& difference = found[entry.key];
      difference.key = entry.key;
      (before ? difference.before : difference.after) = std::move(entry.value);
    }
  }
  std::vector<KeyDifference> differences;
  for (auto& [key, difference] : found) {
    if (from == to || difference.before == difference.after) continue;
    differences.push_back(std::move(difference));
  }
  co_return differences;
}

async::Task<Outcome<EtcdStore::Past>> EtcdStore::past() {
  async::Task<Answer<Header>> asking = etcd::pulse(*client_, options_.prefix, 0);
  Answer<Header> header = co_await asking;
  if (!header) co_return tl::unexpected(header.error().failure());
  Past past;
  past.newest = newest_ = std::max(newest_, header->revision);
  past.oldest = std::max<int64_t>(1, header->revision - options_.kept_revisions);
  for (bool whole = false; !whole;) {
    async::Task<Outcome<bool>> reading = read_past(past);
    Outcome<bool> read = co_await reading;
    if (!read) co_return tl::unexpected(std::move(read.error()));
    whole = *read;
  }
  co_return past;
}

async::Task<Outcome<bool>> EtcdStore::read_past(Past& past) {
  if (past.oldest >= past.newest) co_return true;
  async::Task<Answer<std::unique_ptr<Client::Stream>>> opening =
      client_->open("/v3/watch", etcd::watch_request(options_.prefix, past.oldest + 1));
  Answer<std::unique_ptr<Client::Stream>> stream = co_await opening;
  if (!stream) co_return tl::unexpected(stream.error().failure());
  int64_t limit_us = loop_.now_us() + kPastLimitUs;
  while (loop_.now_us() < limit_us) {
    async::Task<Client::Stream::Line> waiting = (*stream)->next(loop_.now_us() + kQuietUs);
    Client::Stream::Line line = co_await waiting;
    if (line.got == Client::Stream::Got::silent) co_return true;
    if (line.got == Client::Stream::Got::end) {
      co_return failed(Failure::Kind::unavailable, "etcd: " + line.text);
    }
    Outcome<etcd::WatchMessage> message = etcd::read_watch(line.text);
    if (!message) co_return tl::unexpected(std::move(message.error()));
    if (message->canceled && message->compact_revision > past.oldest) {
      past.oldest = message->compact_revision;
      co_return false;
    }
    if (message->canceled) co_return failed(Failure::Kind::unavailable, "etcd: " + message->reason);
    for (ChangeSet& set : message->sets) {
      if (set.revision > past.newest) co_return true;
      past.sets.push_back(std::move(set));
    }
    std::move(message->origins.begin(), message->origins.end(), std::back_inserter(past.origins));
    bool reached = !past.sets.empty() && past.sets.back().revision == past.newest;
    if (reached) co_return true;
  }
  co_return true;
}

}  // namespace pylon::store

#include "store/etcd/etcd_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/time_text.h"
#include "observe/log.h"
#include "store/file/durable_file.h"

namespace pylon::store {

using etcd::Answer;
using etcd::Client;
using etcd::Header;
using observe::Level;
using observe::log;

namespace {

constexpr size_t kPageKeys = 1000;  // of a first page
constexpr size_t kMostPageKeys = 50'000;
constexpr size_t kPageBytes = 8 << 20;
constexpr int kReadAttempts = 3;              // of a listing that compaction overtakes
constexpr int64_t kFirstPulseMs = 2'000;      // when there is a copy to fall back on
constexpr int64_t kRetryPauseUs = 1'000'000;  // between two attempts at the start
constexpr int64_t kServedPatienceUs = 5'000'000;
constexpr int64_t kFeedPatienceUs = 1'000'000;  // then it is opened anew
constexpr int64_t kTroubleTellUs = 5'000'000;
constexpr int64_t kCopyIntervalUs = 1'000'000;
constexpr int64_t kListingShare = 50;  // a listing takes at most so much less than all the time

void sort_by_creation(std::vector<Entry>& entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.create_revision < b.create_revision;
  });
}

// etcd looks at all that is left of a range for each page of it. Whoever knows the keys cuts the
// range in pieces by them; who does not reads few large pages: of about kPageBytes, going by the
// page before.
size_t next_page_keys(const std::vector<Entry>& page) {
  size_t bytes = 0;
  for (const Entry& entry : page) bytes += entry.key.size() + entry.value.size();
  if (bytes == 0) return kPageKeys;
  return std::clamp(kPageBytes / (bytes / page.size() + 1), kPageKeys, kMostPageKeys);
}

}  // namespace

Result<std::unique_ptr<EtcdStore>> EtcdStore::open(EtcdOptions options, net::Loop& loop,
                                                   const Clock& clock,
                                                   etcd::Client::Resolve resolve) {
  std::unique_ptr<EtcdStore> store(new EtcdStore(std::move(options), loop, clock));
  auto client = Client::make(loop, store->options_.client, std::move(resolve));
  if (!client) return tl::unexpected(client.error());
  store->client_ = std::move(*client);
  etcd::Feed::Owner& owner = *store;
  store->feed_ = std::make_unique<etcd::Feed>(loop, *store->client_, store->options_.prefix,
                                              store->options_.silence_ms, owner);
  return store;
}

EtcdStore::EtcdStore(EtcdOptions options, net::Loop& loop, const Clock& clock)
    : options_(std::move(options)), loop_(loop), clock_(clock) {}

EtcdStore::~EtcdStore() {
  check_ = {};
  finish_copy();
}

void EtcdStore::close() {
  closed_ = true;
  feed_->stop();
  finish_copy();
}

Outcome<void> EtcdStore::reopen() {
  if (!std::exchange(closed_, false)) return {};
  feed_->follow(feed_->seen(), mirror_.cluster_id());
  return {};
}

// ---- reading

async::Task<Outcome<std::optional<Entry>>> EtcdStore::get(std::string key) {
  async::Task<Answer<Json>> asking =
      client_->call("/v3/kv/range", etcd::range_request({.first = key}), Client::Repeat::harmless);
  Answer<Json> answer = co_await asking;
  if (!answer) co_return tl::unexpected(answer.error().failure());
  Outcome<etcd::RangeAnswer> range = etcd::read_range(*answer);
  if (!range) co_return tl::unexpected(std::move(range.error()));
  newest_ = std::max(newest_, range->header.revision);
  std::optional<Entry> entry;
  bool found = !range->entries.empty() && !etcd::is_hidden(key);
  if (found) entry = std::move(range->entries.front());
  co_return entry;
}

async::Task<Outcome<std::vector<Entry>>> EtcdStore::list(std::string prefix) {
  async::Task<Outcome<Listing>> reading = read({.prefix = std::move(prefix)});
  Outcome<Listing> listing = co_await reading;
  if (!listing) co_return tl::unexpected(std::move(listing.error()));
  sort_by_creation(listing->entries);
  co_return std::move(listing->entries);
}

async::Task<Outcome<std::vector<Entry>>> EtcdStore::search(std::string prefix, std::string text,
                                                           int64_t after_revision) {
  async::Task<Outcome<Listing>> reading =
      read({.prefix = std::move(prefix), .after_revision = after_revision});
  Outcome<Listing> listing = co_await reading;
  if (!listing) co_return tl::unexpected(std::move(listing.error()));
  std::vector<Entry> entries = std::move(listing->entries);
  std::erase_if(entries, [&](const Entry& entry) { return entry.value.find(text) == text.npos; });
  sort_by_creation(entries);
  co_return entries;
}

// Again when compaction takes the revision away under the pages.
async::Task<Outcome<EtcdStore::Listing>> EtcdStore::read(Wanted wanted) {
  Outcome<Listing> listing = failed(Failure::Kind::unavailable, "");
  for (int attempt = 0; attempt < kReadAttempts && !listing; ++attempt) {
    etcd::RangeQuery query = etcd::range_of(wanted.prefix);
    query.keys_only = wanted.keys_only;
    query.after_revision = wanted.after_revision;
    bool whole = wanted.prefix == options_.prefix;
    async::Task<Outcome<Listing>> reading =
        read_pages(std::move(query), whole ? mirror_.bounds() : std::vector<std::string>());
    listing = co_await reading;
    bool compacted = !listing && listing.error().message.find("compacted") != std::string::npos;
    if (!compacted) break;
  }
  co_return listing;
}

// Piece by piece, up to each of the bounds and to the end, every piece in as many pages as it
// takes.
async::Task<Outcome<EtcdStore::Listing>> EtcdStore::read_pages(etcd::RangeQuery query,
                                                               std::vector<std::string> bounds) {
  Listing listing;
  query.limit = bounds.empty() ? kPageKeys : 2 * etcd::Mirror::kPieceKeys;
  bounds.push_back(query.end);
  for (auto bound = bounds.begin(); bound != bounds.end();) {
    query.end = *bound;
    async::Task<Answer<Json>> asking =
        client_->call("/v3/kv/range", etcd::range_request(query), Client::Repeat::harmless);
    Answer<Json> answer = co_await asking;
    if (!answer) co_return tl::unexpected(answer.error().failure());
    Outcome<etcd::RangeAnswer> range = etcd::read_range(*answer);
    if (!range) co_return tl::unexpected(std::move(range.error()));
    newest_ = std::max(newest_, range->header.revision);
    if (listing.header.revision == 0) listing.header = range->header;
    if (query.revision == 0) query.revision = range->header.revision;
    bool more = range->more && !range->entries.empty();
    query.first = more ? range->entries.back().key + '\0' : *bound++;
    if (bounds.size() == 1) query.limit = next_page_keys(range->entries);
    for (Entry& entry : range->entries) {
      if (!etcd::is_hidden(entry.key)) listing.entries.push_back(std::move(entry));
    }
  }
  co_return listing;
}

async::Task<Outcome<int64_t>> EtcdStore::load(Visitor visit) {
  bool first = !mirror_.filled();
  async::Task<Outcome<Listing>> reading = first ? first_read() : read({.prefix = options_.prefix});
  Outcome<Listing> listing = co_await reading;
  if (listing) co_return take(std::move(*listing), visit);
  std::optional<int64_t> copied;
  if (first) copied = take_copy(listing.error(), visit);
  if (copied) co_return *copied;
  co_return tl::unexpected(std::move(listing.error()));
}

// At the start: soon, when there is a copy; otherwise patiently.
async::Task<Outcome<EtcdStore::Listing>> EtcdStore::first_read() {
  bool has_copy = !options_.copy_path.empty() && access(options_.copy_path.c_str(), R_OK) == 0;
  for (int attempt = 0;; ++attempt) {
    async::Task<Answer<Header>> asking =
        etcd::pulse(*client_, options_.prefix, has_copy ? kFirstPulseMs : 0);
    Answer<Header> answer = co_await asking;
    if (answer) {
      async::Task<Outcome<Listing>> reading = read({.prefix = options_.prefix});
      Outcome<Listing> listing = co_await reading;
      if (listing || has_copy || attempt >= options_.startup_retries) co_return listing;
    } else if (has_copy || attempt >= options_.startup_retries) {
      co_return tl::unexpected(answer.error().failure());
    }
    net::Waker pause(loop_);
    co_await pause.wait(loop_.now_us() + kRetryPauseUs);
  }
}

int64_t EtcdStore::take(Listing listing, const Visitor& visit) {
  std::vector<etcd::Mirror::Held> held;
  held.reserve(listing.entries.size());
  for (Entry& entry : listing.entries) {
    held.push_back(std::make_shared<const Entry>(std::move(entry)));
  }
  mirror_.replace(held, listing.header.revision, listing.header.cluster_id);
  newest_ = listing.header.revision;
  stand_in_.clear();
  copied_revision_ = 0;
  std::stable_sort(held.begin(), held.end(), [](const auto& a, const auto& b) {
    return a->create_revision < b->create_revision;
  });
  for (const auto& entry : held) visit(*entry);
  return newest_;
}

// The revision of the copy; nothing when there is none to be used.
std::optional<int64_t> EtcdStore::take_copy(const Failure& why, const Visitor& visit) {
  if (options_.copy_path.empty()) return std::nullopt;
  Outcome<std::optional<std::string>> text = read_whole(options_.copy_path);
  if (text && !*text) return std::nullopt;
  Result<etcd::Copy> copy =
      text ? etcd::read_copy(**text) : Result<etcd::Copy>(fail(text.error().message));
  if (!copy) {
    log(Level::error, "the local copy {} is not used: {}", options_.copy_path,
        copy.error().message);
    return std::nullopt;
  }
  stand_in_ = fmt::format(
      "etcd cannot be reached ({}): the local copy of revision {}, saved {}, "
      "is served",
      why.message, copy->revision, http_date(copy->saved_s));
  log(Level::error, "{}", stand_in_);
  mirror_.replace(copy->entries, copy->revision, copy->cluster_id);
  newest_ = copied_revision_ = copy->revision;
  std::stable_sort(copy->entries.begin(), copy->entries.end(), [](const auto& a, const auto& b) {
    return a->create_revision < b->create_revision;
  });
  for (const auto& entry : copy->entries) visit(*entry);
  return newest_;
}

// ---- writing

async::Task<Outcome<Committed>> EtcdStore::transaction(Transaction transaction) {
  if (auto fault = fault_of(transaction)) co_return tl::unexpected(std::move(*fault));
  if (closed_) co_return failed(Failure::Kind::unavailable, "the store is closed");
  async::Task<Outcome<std::vector<int64_t>>> granting = grant(transaction);
  Outcome<std::vector<int64_t>> leases = co_await granting;
  if (!leases) co_return tl::unexpected(std::move(leases.error()));
  etcd::TxnExtras extras{*leases, options_.prefix + std::string(etcd::kOriginKey), {}};
  extras.origin = etcd::write_authorship({transaction.origin, clock_.wall_us()});
  if (transaction.operations.empty()) extras.origin_key.clear();
  async::Task<Answer<Json>> asking =
      client_->call("/v3/kv/txn", etcd::txn_request(transaction, extras), Client::Repeat::never);
  Answer<Json> answer = co_await asking;
  if (!answer) co_return tl::unexpected(answer.error().failure());
  Outcome<etcd::TxnAnswer> txn = etcd::read_txn(*answer, transaction);
  if (!txn) co_return tl::unexpected(std::move(txn.error()));
  newest_ = std::max(newest_, txn->header.revision);
  if (!txn->succeeded) {
    async::Task<void> revoking = revoke(std::move(*leases));
    co_await revoking;
    co_return failed(Failure::Kind::conflict, std::string(kConflictMessage));
  }
  bool changed = false;
  for (size_t i = 0; i < txn->existed.size(); ++i) {
    bool put = transaction.operations[i].kind == Operation::Kind::put;
    changed = changed || put || txn->existed[i] > 0;
  }
  if (changed) {
    async::Task<void> serving = served(txn->header.revision);
    co_await serving;
  }
  co_return Committed{txn->header.revision, std::move(txn->existed)};
}

// A lease for each key that is to expire.
async::Task<Outcome<std::vector<int64_t>>> EtcdStore::grant(const Transaction& transaction) {
  std::vector<int64_t> leases(transaction.operations.size(), 0);
  for (size_t i = 0; i < leases.size(); ++i) {
    if (!transaction.operations[i].ttl_s) continue;
    async::Task<Answer<Json>> asking =
        client_->call("/v3/lease/grant", etcd::grant_request(*transaction.operations[i].ttl_s),
                      Client::Repeat::harmless);
    Answer<Json> answer = co_await asking;
    if (!answer) co_return tl::unexpected(answer.error().failure());
    Outcome<int64_t> lease = etcd::read_lease(*answer);
    if (!lease) co_return tl::unexpected(std::move(lease.error()));
    leases[i] = *lease;
  }
  co_return leases;
}

async::Task<void> EtcdStore::revoke(std::vector<int64_t> leases) {
  for (int64_t lease : leases) {
    if (lease == 0) continue;
    async::Task<Answer<Json>> asking =
        client_->call("/v3/lease/revoke", etcd::revoke_request(lease), Client::Repeat::harmless);
    co_await asking;  // if not now, then it ends by its time
  }
}

// Until our watches were told of it, for a limited time: it is stored in any case.
async::Task<void> EtcdStore::served(int64_t revision) {
  if (!feed_->following()) co_return;
  int64_t deadline_us = loop_.now_us() + kServedPatienceUs;
  async::Task<bool> waiting = feed_->await_seen(revision, loop_.now_us() + kFeedPatienceUs);
  bool seen = co_await waiting;
  if (seen || !feed_->following()) co_return;
  log(Level::warn, "etcd: the watch does not tell revision {}; it is opened anew", revision);
  feed_->reopen();
  async::Task<bool> again = feed_->await_seen(revision, deadline_us);
  co_await again;
}

// ---- watching

std::unique_ptr<Watch> EtcdStore::watch(int64_t after_revision, WatchListener& listener) {
  WatchList::Added added = watches_.add(after_revision, listener);
  watches_.catch_up(added.member, std::vector<ChangeSet>{});  // the feed tells the past too
  bool told = feed_->following() && feed_->seen() <= after_revision;
  if (!told && !closed_) feed_->follow(after_revision, mirror_.cluster_id());
  return std::move(added.watch);
}

void EtcdStore::on_set(const ChangeSet& set) {
  newest_ = std::max(newest_, set.revision);
  mirror_.apply(set);
  watches_.deliver(set);
}

void EtcdStore::on_gap(const std::string& why) {
  for (const WatchList::Handle& member : watches_.interrupt()) {
    watches_.catch_up(member, failed(Failure::Kind::refused, why));
  }
}

void EtcdStore::on_connected() {
  next_check_us_ = next_listing_us_ = 0;  // what happened meanwhile is looked for at once
}

std::optional<std::string> EtcdStore::out_of_touch() const {
  if (!stand_in_.empty()) return stand_in_;
  int64_t for_us = loop_.now_us() - feed_->troubled_since_us();
  if (feed_->trouble().empty() || for_us < kTroubleTellUs) return std::nullopt;
  return fmt::format("etcd has not been reached for {} s: {}", for_us / 1'000'000,
                     feed_->trouble());
}

// ---- by the clock

void EtcdStore::on_timer() {
  if (closed_) return;
  start_check();
  keep_copy();
}

void EtcdStore::start_check() {
  bool due = options_.check_interval_ms != 0 && loop_.now_us() >= next_check_us_;
  if (!due || checking_ || !mirror_.filled() || !feed_->following()) return;
  if (!feed_->trouble().empty()) return;  // the feed says when etcd is back
  next_check_us_ = loop_.now_us() + options_.check_interval_ms * 1000;
  checking_ = true;
  check_ = check();
  check_.start(&EtcdStore::checked, this);
}

void EtcdStore::checked(void* self) { static_cast<EtcdStore*>(self)->checking_ = false; }

// Whether the feed has told all that it should have.
async::Task<void> EtcdStore::check() {
  async::Task<Answer<Header>> asking =
      etcd::pulse(*client_, options_.prefix, options_.check_interval_ms);
  Answer<Header> now = co_await asking;
  if (!now) co_return;
  int64_t patience_us = kFeedPatienceUs / 2;
  async::Task<bool> waiting = feed_->await_seen(now->revision, loop_.now_us() + patience_us);
  bool seen = co_await waiting;
  int64_t began_us = loop_.now_us();
  if (seen && began_us < next_listing_us_) co_return;
  mirror_.begin_comparison();
  async::Task<Outcome<Listing>> reading = read({.prefix = options_.prefix, .keys_only = true});
  Outcome<Listing> listing = co_await reading;
  if (!listing || !feed_->following()) co_return;
  async::Task<bool> catching_up =
      feed_->await_seen(listing->header.revision, loop_.now_us() + patience_us);
  co_await catching_up;
  next_listing_us_ = loop_.now_us() + (loop_.now_us() - began_us) * kListingShare;
  auto difference = mirror_.difference(listing->entries, listing->header.revision);
  if (difference) {
    log(Level::warn, "etcd: the self-check finds that {}", *difference);
    feed_->stop();
    on_gap("the self-check finds that " + *difference);
    co_return;
  }
  stand_in_.clear();
  feed_->advance(listing->header.revision);  // whatever came until then was about other keys
}

bool EtcdStore::copy_is_old() const {
  return !options_.copy_path.empty() && mirror_.filled() && mirror_.revision() != copied_revision_;
}

void EtcdStore::keep_copy() {
  if (loop_.now_us() < next_copy_us_ || writing_.load() || !copy_is_old()) return;
  join_writer();
  next_copy_us_ = loop_.now_us() + kCopyIntervalUs;
  start_writer();
}

// What was changed since the last copy is in it before this side leaves.
void EtcdStore::finish_copy() {
  join_writer();
  if (!copy_is_old()) return;
  start_writer();
  join_writer();
}

void EtcdStore::start_writer() {
  copied_revision_ = mirror_.revision();
  writing_.store(true);
  writer_ = std::thread([this, copy = mirror_.copy(clock_.wall_us() / 1'000'000)] {
    Outcome<void> written = write_durably(options_.copy_path, etcd::write_copy(copy));
    if (!written) log(Level::error, "the local copy: {}", written.error().message);
    writing_.store(false);
  });
}

void EtcdStore::join_writer() {
  if (writer_.joinable()) writer_.join();
}

}  // namespace pylon::store

#include "store/etcd/etcd_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <span>
#include <utility>

#include "base/time_text.h"
#include "observe/log.h"
#include "store/etcd/pager.h"

namespace pylon::store {

using etcd::Answer;
using etcd::Client;
using etcd::Header;
using observe::Level;
using observe::log;

namespace {

constexpr int kReadAttempts = 3;              // of a listing that compaction overtakes
constexpr int64_t kFirstPulseMs = 2'000;      // when there is a copy to fall back on
constexpr int64_t kRetryPauseUs = 1'000'000;  // between two attempts at the start
constexpr int64_t kServedPatienceUs = 5'000'000;
constexpr int64_t kFeedPatienceUs = 1'000'000;  // then it is opened anew
constexpr int64_t kRetryPatienceUs = 100'000;   // for the watch to tell what a write met
constexpr int64_t kToldPatienceUs = 100'000;    // for the watch to tell what a reading has had
constexpr size_t kGets = 100;                   // in a transaction
constexpr int64_t kCheckPatienceUs = kFeedPatienceUs / 2;
constexpr int64_t kTroubleTellUs = 5'000'000;
constexpr size_t kManyKeys = 50'000;   // that are not gone through in one turn of the loop
constexpr int64_t kListingShare = 50;  // a listing takes at most so much less than all the time
constexpr int64_t kPageRest = 3;       // between its pages: so many times what the last one took
constexpr int64_t kLongestRestUs = 250'000;

const std::vector<std::string> kNoBounds;

void sort_by_creation(std::vector<Entry>& entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.create_revision < b.create_revision;
  });
}

void visit_by_creation(std::vector<Entry>& entries, const Store::Visitor& visit) {
  std::vector<std::pair<int64_t, size_t>> order;
  order.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) order.emplace_back(entries[i].create_revision, i);
  std::sort(order.begin(), order.end());
  for (const auto& [revision, i] : order) visit(std::move(entries[i]));
}

// The changes, one after the other, to entries that are in the order of their keys, and remain so.
void apply_all(const std::vector<ChangeSet>& sets, std::vector<Entry>& entries) {
  std::map<std::string_view, const Change*> last;
  for (const ChangeSet& set : sets) {
    for (const Change& change : set.changes) last[change.entry.key] = &change;
  }
  if (last.empty()) return;
  std::vector<Entry> merged;
  merged.reserve(entries.size() + last.size());
  auto next = last.begin();
  auto take_next = [&] {
    if (!next->second->erased) merged.push_back(next->second->entry);
    ++next;
  };
  for (Entry& entry : entries) {
    while (next != last.end() && next->first < entry.key) take_next();
    bool changed = next != last.end() && next->first == entry.key;
    if (changed) {
      take_next();
    } else {
      merged.push_back(std::move(entry));
    }
  }
  while (next != last.end()) take_next();
  entries = std::move(merged);
}

bool is_unwritten(const Compare& compare) { return compare.kind == Compare::Kind::unwritten; }

bool is_compacted(const Failure& failure) {
  return failure.message.find("compacted") != std::string::npos;
}

tl::unexpected<Failure> conflict() {
  return failed(Failure::Kind::conflict, std::string(kConflictMessage));
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
  const EtcdOptions& own = store->options_;
  if (!own.copy_path.empty()) {
    store->copy_ = std::make_unique<etcd::LocalCopy>(own.copy_path, own.prefix, loop);
  }
  return store;
}

EtcdStore::EtcdStore(EtcdOptions options, net::Loop& loop, const Clock& clock)
    : options_(std::move(options)), loop_(loop), clock_(clock), mirror_(options_.prefix) {}

EtcdStore::~EtcdStore() {
  check_ = {};
  if (copy_ != nullptr) copy_->close(now_s());
}

void EtcdStore::close() {
  closed_ = true;
  feed_->stop();
  if (copy_ != nullptr) copy_->close(now_s());
}

Outcome<void> EtcdStore::reopen() {
  if (!std::exchange(closed_, false)) return {};
  if (copy_ != nullptr) copy_->reopen();
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

async::Task<Outcome<EntriesAt>> EtcdStore::get_all(std::vector<std::string> keys) {
  if (keys.empty()) keys.push_back(options_.prefix + std::string(etcd::kOriginKey));
  Outcome<EntriesAt> reading = failed(Failure::Kind::unavailable, "");
  for (int attempt = 0; attempt < kReadAttempts && !reading; ++attempt) {
    async::Task<Outcome<EntriesAt>> asking = get_all_once(keys);
    reading = co_await asking;
    if (!reading && !is_compacted(reading.error())) break;
  }
  co_return reading;
}

// The first transaction says at which revision the others read.
async::Task<Outcome<EntriesAt>> EtcdStore::get_all_once(const std::vector<std::string>& keys) {
  EntriesAt reading;
  for (size_t from = 0; from < keys.size(); from += kGets) {
    std::span<const std::string> some(&keys[from], std::min(kGets, keys.size() - from));
    async::Task<Answer<Json>> asking = client_->call(
        "/v3/kv/txn", etcd::gets_request(some, reading.revision), Client::Repeat::harmless);
    Answer<Json> answer = co_await asking;
    if (!answer) co_return tl::unexpected(answer.error().failure());
    Outcome<etcd::RangeAnswer> gets = etcd::read_gets(*answer);
    if (!gets) co_return tl::unexpected(std::move(gets.error()));
    newest_ = std::max(newest_, gets->header.revision);
    if (reading.revision == 0) reading.revision = gets->header.revision;
    std::move(gets->entries.begin(), gets->entries.end(), std::back_inserter(reading.entries));
  }
  std::erase_if(reading.entries, [](const Entry& entry) { return etcd::is_hidden(entry.key); });
  co_return reading;
}

// Piece by piece, as etcd looks at all that is left of a range.
async::Task<Outcome<std::vector<Entry>>> EtcdStore::list_after(std::string prefix, std::string key,
                                                               size_t limit) {
  etcd::RangeQuery query = etcd::range_of(prefix);
  const std::string end = query.end;
  query.first = std::max(prefix, key) + '\0';
  std::vector<Entry> entries;
  for (;;) {
    const std::vector<std::string>& bounds = mirror_.bounds();
    auto bound = std::upper_bound(bounds.begin(), bounds.end(), query.first);
    bool last = bound == bounds.end() || !bound->starts_with(prefix);
    query.end = last ? end : *bound;
    query.limit = limit - entries.size();
    async::Task<Answer<Json>> asking =
        client_->call("/v3/kv/range", etcd::range_request(query), Client::Repeat::harmless);
    Answer<Json> answer = co_await asking;
    if (!answer) co_return tl::unexpected(answer.error().failure());
    Outcome<etcd::RangeAnswer> range = etcd::read_range(*answer);
    if (!range) co_return tl::unexpected(std::move(range.error()));
    newest_ = std::max(newest_, range->header.revision);
    if (range->more && !range->entries.empty()) {
      query.first = range->entries.back().key + '\0';
      last = false;
    } else {
      query.first = query.end;
    }
    for (Entry& entry : range->entries) {
      if (!etcd::is_hidden(entry.key)) entries.push_back(std::move(entry));
    }
    if (last || entries.size() >= limit) co_return entries;
  }
}

async::Task<bool> EtcdStore::await_told(int64_t revision) {
  bool watched = mirror_.filled() && feed_->following() && feed_->trouble().empty();
  if (!watched) co_return false;
  async::Task<bool> waiting = feed_->await_seen(revision, loop_.now_us() + kToldPatienceUs);
  co_return co_await waiting;
}

async::Task<Outcome<std::vector<Entry>>> EtcdStore::list(std::string prefix) {
  async::Task<Outcome<Listing>> reading = read(etcd::range_of(prefix));
  Outcome<Listing> listing = co_await reading;
  if (!listing) co_return tl::unexpected(std::move(listing.error()));
  sort_by_creation(listing->entries);
  co_return std::move(listing->entries);
}

async::Task<Outcome<std::vector<Entry>>> EtcdStore::search(std::string prefix, std::string text) {
  async::Task<Outcome<Listing>> reading = read(etcd::range_of(prefix));
  Outcome<Listing> listing = co_await reading;
  if (!listing) co_return tl::unexpected(std::move(listing.error()));
  std::vector<Entry> entries = std::move(listing->entries);
  std::erase_if(entries, [&](const Entry& entry) { return entry.value.find(text) == text.npos; });
  sort_by_creation(entries);
  co_return entries;
}

// Again when compaction takes the revision away under the pages.
async::Task<Outcome<EtcdStore::Listing>> EtcdStore::read(etcd::RangeQuery query) {
  Outcome<Listing> listing = failed(Failure::Kind::unavailable, "");
  for (int attempt = 0; attempt < kReadAttempts && !listing; ++attempt) {
    async::Task<Outcome<Listing>> reading = read_once(query);
    listing = co_await reading;
    if (!listing && !is_compacted(listing.error())) break;
  }
  co_return listing;
}

async::Task<Outcome<EtcdStore::Listing>> EtcdStore::read_once(etcd::RangeQuery query) {
  bool whole = query.first == etcd::range_of(options_.prefix).first;
  etcd::Pager pages(*client_, std::move(query), whole ? mirror_.bounds() : kNoBounds);
  Listing listing;
  while (!pages.ended()) {
    async::Task<Outcome<etcd::Pager::Page>> reading = pages.next();
    Outcome<etcd::Pager::Page> page = co_await reading;
    if (!page) co_return tl::unexpected(std::move(page.error()));
    newest_ = std::max(newest_, pages.newest());
    std::move(page->entries.begin(), page->entries.end(), std::back_inserter(listing.entries));
  }
  listing.header = pages.header();
  co_return listing;
}

// ---- everything

// The first time in the order of creation, for which all is gathered; then, when most of it is
// known, as it comes: a change that is lost is no reason to stand still.
async::Task<Outcome<int64_t>> EtcdStore::load(Visitor visit) {
  if (newest_loaded_ != 0) {
    async::Task<Outcome<Header>> reading = read_all(visit);
    Outcome<Header> header = co_await reading;
    if (!header) co_return tl::unexpected(std::move(header.error()));
    co_return newest_loaded_ = header->revision;
  }
  async::Task<Outcome<Listing>> reading = first_read();
  Outcome<Listing> listing = co_await reading;
  if (!listing) co_return tl::unexpected(std::move(listing.error()));
  newest_ = std::max(newest_, listing->header.revision);
  visit_by_creation(listing->entries, visit);
  co_return newest_loaded_ = listing->header.revision;
}

// Each page goes into mirror and copy, too.
async::Task<Outcome<Header>> EtcdStore::read_all(Visitor visit) {
  etcd::Pager pages(*client_, etcd::range_of(options_.prefix), mirror_.bounds());
  mirror_.begin_filling();
  etcd::LocalCopy::Giving giving = copy_ != nullptr ? copy_->begin_pages() : 0;
  while (!pages.ended()) {
    async::Task<Outcome<etcd::Pager::Page>> reading = pages.next();
    Outcome<etcd::Pager::Page> page = co_await reading;
    if (!page) {
      if (copy_ != nullptr) copy_->abandon_pages(giving);
      co_return tl::unexpected(std::move(page.error()));
    }
    newest_ = std::max(newest_, pages.newest());
    for (const Entry& entry : page->entries) mirror_.fill(entry);
    if (copy_ != nullptr) copy_->add_page(giving, page->entries, page->end);
    for (Entry& entry : page->entries) visit(std::move(entry));
    if (copy_ == nullptr) continue;
    async::Task<void> waiting = copy_->room();
    co_await waiting;
  }
  Header header = pages.header();
  mirror_.end_filling(header.revision, header.cluster_id);
  etcd::CopyHead head{header.cluster_id, header.revision, now_s()};
  if (copy_ != nullptr) copy_->end_pages(giving, head);
  stand_in_.clear();
  co_return header;
}

// At the start. With a copy that etcd can tell the changes since, these are all that is read; with
// one and no etcd it is the copy, soon; without one etcd is asked patiently.
async::Task<Outcome<EtcdStore::Listing>> EtcdStore::first_read() {
  async::Task<std::optional<etcd::LocalCopy::Content>> finding = read_copy();
  std::optional<etcd::LocalCopy::Content> copy = co_await finding;
  Failure why;
  for (int attempt = 0;; ++attempt) {
    async::Task<Answer<Header>> asking =
        etcd::pulse(*client_, options_.prefix, copy ? kFirstPulseMs : 0);
    Answer<Header> now = co_await asking;
    if (now && copy) {
      async::Task<bool> catching_up = catch_up(*copy, *now);
      bool caught_up = co_await catching_up;
      if (caught_up) co_return take(std::move(*copy));
    }
    if (now) {
      Listing listing;
      Visitor gather = [&](Entry entry) { listing.entries.push_back(std::move(entry)); };
      async::Task<Outcome<Header>> reading = read_all(gather);
      Outcome<Header> read = co_await reading;
      if (read) {
        listing.header = *read;
        co_return listing;
      }
      why = read.error();
    } else {
      why = now.error().failure();
    }
    if (copy || attempt >= options_.startup_retries) break;
    net::Waker pause(loop_);
    co_await pause.wait(loop_.now_us() + kRetryPauseUs);
  }
  if (!copy) co_return tl::unexpected(std::move(why));
  stand_in_ = fmt::format(
      "etcd cannot be reached ({}): the local copy of revision {}, saved {}, "
      "is served",
      why.message, copy->head.revision, http_date(copy->head.saved_s));
  log(Level::error, "{}", stand_in_);
  co_return take(std::move(*copy));
}

// The mirror is filled with it while the copy's thread reads.
async::Task<std::optional<etcd::LocalCopy::Content>> EtcdStore::read_copy() {
  if (copy_ == nullptr) co_return std::nullopt;
  mirror_.begin_filling();
  auto fill = [this](const std::vector<Entry>& page) {
    for (const Entry& entry : page) mirror_.fill(entry);
  };
  async::Task<Outcome<std::optional<etcd::LocalCopy::Content>>> reading = copy_->read(fill);
  Outcome<std::optional<etcd::LocalCopy::Content>> read = co_await reading;
  if (read && *read) mirror_.end_filling((*read)->head.revision, (*read)->head.cluster_id);
  if (read) co_return std::move(*read);
  log(Level::error, "the local copy {} is not used: {}", copy_->path(), read.error().message);
  co_return std::nullopt;
}

// Applies to copy and mirror what etcd has changed since. False: etcd cannot tell, or it is another
// etcd; both are then as they were.
async::Task<bool> EtcdStore::catch_up(etcd::LocalCopy::Content& copy, const Header& now) {
  bool same = copy.head.cluster_id == now.cluster_id && copy.head.revision <= now.revision;
  if (!same) co_return false;
  Past past{.oldest = copy.head.revision, .newest = now.revision, .sets = {}, .origins = {}};
  async::Task<Outcome<bool>> reading = read_past(past);
  Outcome<bool> told = co_await reading;
  if (!told || !*told) co_return false;
  apply_all(past.sets, copy.entries);
  for (const ChangeSet& set : past.sets) {
    mirror_.apply(set);
    copy_->add(set);
  }
  if (!past.sets.empty()) copy.head.revision = past.sets.back().revision;
  co_return true;
}

// Reading all from etcd, which came to no end, may have emptied the mirror again.
EtcdStore::Listing EtcdStore::take(etcd::LocalCopy::Content copy) {
  if (!mirror_.filled()) {
    mirror_.begin_filling();
    for (const Entry& entry : copy.entries) mirror_.fill(entry);
    mirror_.end_filling(copy.head.revision, copy.head.cluster_id);
  }
  return {{copy.head.cluster_id, copy.head.revision}, std::move(copy.entries)};
}

// ---- writing

async::Task<Outcome<Committed>> EtcdStore::transaction(Transaction transaction) {
  if (auto fault = fault_of(transaction)) co_return tl::unexpected(std::move(*fault));
  if (closed_) co_return failed(Failure::Kind::unavailable, "the store is closed");
  const bool guarded = std::any_of(transaction.compares.begin(), transaction.compares.end(),
                                   [](const Compare& compare) { return is_unwritten(compare); });
  const int64_t told = feed_->seen();
  int64_t newer = guarded ? guard(transaction) : 0;
  if (newer != 0) {
    async::Task<bool> telling = feed_->await_seen(newer, loop_.now_us() + kRetryPatienceUs);
    co_await telling;
    co_return conflict();
  }
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
    if (guarded) {
      async::Task<bool> telling = feed_->await_seen(told + 1, loop_.now_us() + kRetryPatienceUs);
      co_await telling;
    }
    co_return conflict();
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

// etcd would go through all keys of a folder to compare their versions: seconds, where there are a
// million. What this node was told of it is looked up here; what it was not told yet is a
// transaction of another Pylon, which writes the origin. (Others ask nobody before they write,
// and what they write in these few milliseconds is not seen.) Not 0: a compare does not hold, for
// what was written at that revision.
int64_t EtcdStore::guard(Transaction& transaction) const {
  if (!feed_->following() || !feed_->trouble().empty()) return 0;
  for (Compare& compare : transaction.compares) {
    if (!is_unwritten(compare)) continue;
    std::optional<int64_t> newest = mirror_.newest_in(compare.key);
    if (!newest) continue;
    if (*newest > compare.revision) return *newest;
    compare.key = options_.prefix + std::string(etcd::kOriginKey);
    compare.revision = feed_->seen();
  }
  return 0;
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

// Until our watches were told of it, for a limited time: it is stored in any case. After a gap that
// is when everything has been read anew.
async::Task<void> EtcdStore::served(int64_t revision) {
  bool watched = feed_->seen() != 0;
  if (!watched || closed_) co_return;
  int64_t deadline_us = loop_.now_us() + kServedPatienceUs;
  async::Task<bool> waiting = feed_->await_seen(revision, loop_.now_us() + kFeedPatienceUs);
  bool seen = co_await waiting;
  if (seen || closed_) co_return;
  if (feed_->following()) {
    log(Level::warn, "etcd: the watch does not tell revision {}; it is opened anew", revision);
    feed_->reopen();
  }
  async::Task<bool> again = feed_->await_seen(revision, deadline_us);
  co_await again;
}

// ---- watching

std::unique_ptr<Watch> EtcdStore::watch(int64_t after_revision, WatchListener& listener) {
  WatchList::Added added = watches_.add(after_revision, listener);
  watches_.catch_up(added.member, std::vector<ChangeSet>{});  // the feed tells the past too
  int64_t from = after_revision;
  if (mirror_.filled()) from = std::min(from, mirror_.revision());
  bool told = feed_->following() && feed_->seen() <= from;
  if (!told && !closed_) feed_->follow(from, mirror_.cluster_id());
  return std::move(added.watch);
}

void EtcdStore::on_set(const ChangeSet& set) {
  newest_ = std::max(newest_, set.revision);
  bool fresh = mirror_.apply(set);
  if (fresh && copy_ != nullptr) copy_->add(set);
  watches_.deliver(set);
  if (mirror_.lacks_changes()) feed_->stop();
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
  if (copy_ != nullptr) copy_->save(now_s());
}

int64_t EtcdStore::now_s() const { return clock_.wall_us() / 1'000'000; }

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
  async::Task<bool> waiting = feed_->await_seen(now->revision, loop_.now_us() + kCheckPatienceUs);
  bool seen = co_await waiting;
  int64_t began_us = loop_.now_us();
  if (seen && began_us < next_listing_us_) co_return;
  async::Task<std::optional<int64_t>> comparing = compare();
  std::optional<int64_t> revision = co_await comparing;
  if (!revision) co_return;
  int64_t worked_us = loop_.now_us() - began_us - rested_us_;
  next_listing_us_ = loop_.now_us() + worked_us * kListingShare;
  std::optional<std::string> difference = mirror_.end_comparison();
  if (difference) {
    log(Level::warn, "etcd: the self-check finds that {}", *difference);
    feed_->stop();
    on_gap("the self-check finds that " + *difference);
    co_return;
  }
  stand_in_.clear();
  feed_->advance(*revision);  // whatever came until then was about other keys
}

// Holds the mirror against all keys, in pieces with rests between them, as etcd and this thread may
// share their cores with workers; a copy that has fallen behind is given their values, without a
// rest. The revision of the keys; nothing when it came to no end.
async::Task<std::optional<int64_t>> EtcdStore::compare() {
  if (!mirror_.filled()) co_return std::nullopt;  // it is filled at this moment
  const bool give = copy_ != nullptr && copy_->behind();
  etcd::RangeQuery query = etcd::range_of(options_.prefix);
  query.keys_only = !give;
  etcd::Pager pages(*client_, std::move(query), mirror_.bounds());
  mirror_.begin_comparison();
  etcd::LocalCopy::Giving giving = give ? copy_->begin_pages() : 0;
  net::Waker pause(loop_);
  rested_us_ = 0;
  while (!pages.ended()) {
    int64_t asked_us = loop_.now_us();
    async::Task<Outcome<etcd::Pager::Page>> reading = pages.next();
    Outcome<etcd::Pager::Page> page = co_await reading;
    if (!page || !feed_->following() || !mirror_.comparing()) {
      if (give) copy_->abandon_pages(giving);
      co_return std::nullopt;
    }
    mirror_.compare(page->entries, pages.header().revision);
    if (!give) {
      if (pages.ended()) continue;
      int64_t took_us = loop_.now_us() - asked_us;
      int64_t rest_us = std::min(took_us * kPageRest, kLongestRestUs);
      co_await pause.wait(loop_.now_us() + rest_us);
      rested_us_ += rest_us;
      continue;
    }
    copy_->add_page(giving, std::move(page->entries), std::move(page->end));
    async::Task<void> writing = copy_->room();
    co_await writing;
  }
  const Header header = pages.header();
  if (give) copy_->end_pages(giving, {header.cluster_id, header.revision, now_s()});
  async::Task<bool> catching_up =
      feed_->await_seen(header.revision, loop_.now_us() + kCheckPatienceUs);
  co_await catching_up;
  for (size_t part = 0; part < etcd::Mirror::kParts; ++part) {
    mirror_.compare_rest(part);
    if (mirror_.size() > kManyKeys) co_await pause.wait(loop_.now_us());
  }
  if (!feed_->following() || !mirror_.comparing()) co_return std::nullopt;
  co_return header.revision;
}

}  // namespace pylon::store

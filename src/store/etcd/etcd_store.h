// EtcdStore: the configuration in etcd v3, with APISIX's keys and values ("/apisix/routes/1" ->
// JSON), so that both can work on the same etcd.
//
// Reads are linearizable, a transaction is one of etcd's (at most 128 operations, one of them our
// own, unless the server says otherwise), and it is answered when this node's watches have been
// told of it. Expiry is etcd's leases. Never stale: see Feed; and at an interval the keys that etcd
// lists are held against what was told, and a difference is a gap, after which everything is read.
// The last good configuration is kept in a local copy. The first load() takes it and asks etcd only
// for what came later; when etcd cannot be reached it gives the copy as it is, and watches go on
// from its revision when etcd is back.
//
// The history is etcd's own versions, as far back as it has not been compacted, and at most
// `kept_revisions`; each transaction of ours writes its origin along (kOriginKey), changes by
// others have none.
//
// Belongs to the control thread, which it never holds up for long: comparing is done in pieces, and
// the copy is written by a thread of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/loop.h"
#include "store/etcd/client.h"
#include "store/etcd/feed.h"
#include "store/etcd/local_copy.h"
#include "store/etcd/mirror.h"
#include "store/history.h"
#include "store/store.h"
#include "store/watch_list.h"

namespace pylon::store {

struct EtcdOptions {
  etcd::ClientOptions client;
  std::string prefix;                  // of all keys: "/apisix/"
  std::string copy_path;               // empty: no copy is kept
  int64_t silence_ms = 50'000;         // of a watch, until it is opened anew
  int64_t check_interval_ms = 10'000;  // of the self-check; 0: none
  int startup_retries = 2;             // of the first load(), when there is no copy
  int64_t kept_revisions = 1000;       // that the history tells
};

class EtcdStore final : public Store, private History, private etcd::Feed::Owner {
 public:
  // The error is about certificates; whether etcd answers shows later.
  static Result<std::unique_ptr<EtcdStore>> open(EtcdOptions options, net::Loop& loop,
                                                 const Clock& clock, etcd::Client::Resolve resolve);
  ~EtcdStore() override;

  async::Task<Outcome<std::optional<Entry>>> get(std::string key) override;
  async::Task<Outcome<EntriesAt>> get_all(std::vector<std::string> keys) override;
  async::Task<Outcome<std::vector<Entry>>> list_after(std::string prefix, std::string key,
                                                      size_t limit) override;
  async::Task<Outcome<std::vector<Entry>>> list(std::string prefix) override;
  async::Task<Outcome<std::vector<Entry>>> search(std::string prefix, std::string text) override;
  async::Task<Outcome<int64_t>> load(Visitor visit) override;
  async::Task<Outcome<Committed>> transaction(Transaction transaction) override;
  std::unique_ptr<Watch> watch(int64_t after_revision, WatchListener& listener) override;
  async::Task<bool> await_told(int64_t revision) override;
  int64_t revision() const override { return newest_; }
  History* history() override { return this; }
  void on_timer() override;
  std::optional<std::string> out_of_touch() const override;
  void close() override;
  Outcome<void> reopen() override;

 private:
  struct Listing {
    etcd::Header header;
    std::vector<Entry> entries;  // by key
  };

  EtcdStore(EtcdOptions options, net::Loop& loop, const Clock& clock);

  // Changes as etcd still has them.
  struct Past {
    int64_t oldest = 0;
    int64_t newest = 0;
    std::vector<ChangeSet> sets;
    std::vector<std::pair<int64_t, std::string>> origins;
  };

  async::Task<Outcome<HistoryPage>> revisions(HistoryQuery query) override;
  async::Task<Outcome<std::vector<KeyDifference>>> differences(int64_t from, int64_t to,
                                                               HistoryQuery query) override;
  async::Task<Outcome<Past>> past();
  // Adds what comes after `past.oldest`; false: that is compacted, and `oldest` raised.
  async::Task<Outcome<bool>> read_past(Past& past);

  async::Task<Outcome<EntriesAt>> get_all_once(const std::vector<std::string>& keys);
  async::Task<Outcome<Listing>> read(etcd::RangeQuery query);
  async::Task<Outcome<Listing>> read_once(etcd::RangeQuery query);
  async::Task<Outcome<etcd::Header>> read_all(Visitor visit);
  async::Task<Outcome<Listing>> first_read();
  async::Task<std::optional<etcd::LocalCopy::Content>> read_copy();
  async::Task<bool> catch_up(etcd::LocalCopy::Content& copy, const etcd::Header& now);
  Listing take(etcd::LocalCopy::Content copy);
  int64_t guard(Transaction& transaction) const;
  async::Task<Outcome<std::vector<int64_t>>> grant(const Transaction& transaction);
  async::Task<void> revoke(std::vector<int64_t> leases);
  async::Task<void> served(int64_t revision);

  void on_set(const ChangeSet& set) override;
  void on_gap(const std::string& why) override;
  void on_connected() override;

  void start_check();
  static void checked(void* self);
  async::Task<void> check();
  async::Task<std::optional<int64_t>> compare();
  int64_t now_s() const;

  const EtcdOptions options_;
  net::Loop& loop_;
  const Clock& clock_;
  std::unique_ptr<etcd::Client> client_;
  std::unique_ptr<etcd::Feed> feed_;
  etcd::Mirror mirror_;
  std::unique_ptr<etcd::LocalCopy> copy_;  // null: none is kept
  WatchList watches_;
  int64_t newest_ = 0;
  int64_t newest_loaded_ = 0;  // by load(); 0: that is still to come
  std::string stand_in_;       // not empty: the copy is served, and why
  bool closed_ = false;

  async::Task<void> check_;
  bool checking_ = false;
  int64_t next_check_us_ = 0;
  int64_t next_listing_us_ = 0;
  int64_t rested_us_ = 0;  // between the pages of the listing
};

}  // namespace pylon::store

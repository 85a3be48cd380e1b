// Feed: the one watch on etcd. It follows everything under the prefix from a revision on, over as
// many connections as that takes: a stream that breaks, ends, is silent for too long or loses its
// member's leader is opened anew from the last revision that was seen, with the next endpoint.
//
// Before each stream the cluster is asked for its revision: one that is older than what was seen,
// or another cluster, is a gap, and so is compaction. After a gap the feed rests until follow().
// Belongs to one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "net/loop.h"
#include "store/etcd/client.h"
#include "store/store.h"

namespace pylon::store::etcd {

class Feed {
 public:
  class Owner {
   public:
    virtual void on_set(const ChangeSet& set) = 0;
    virtual void on_gap(const std::string& why) = 0;
    virtual void on_connected() = 0;

   protected:
    ~Owner() = default;
  };

  // A stream that says nothing for `silence_ms` is opened anew.
  Feed(net::Loop& loop, Client& client, std::string prefix, int64_t silence_ms, Owner& owner);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // What comes after this revision, soon. `cluster_id` 0: of any cluster.
  void follow(int64_t after_revision, uint64_t cluster_id);
  // On another connection, from where it is.
  void reopen();
  void stop();

  bool following() const { return following_; }
  int64_t seen() const { return seen_; }
  // Everything up to there is known by other means.
  void advance(int64_t revision);

  // Why there is no stream, and since when; empty while there is one.
  const std::string& trouble() const { return trouble_; }
  int64_t troubled_since_us() const { return troubled_since_us_; }

  // Until that revision was seen; false: not until then.
  async::Task<bool> await_seen(int64_t revision, int64_t deadline_us);

 private:
  struct Waiting {
    int64_t revision;
    net::Waker* waker;  // null: nobody waits any more
  };
  struct Ended {
    bool gap = false;
    std::string why;  // empty: nothing is wrong
  };

  static constexpr int64_t kPulseMs = 5'000;
  static constexpr int64_t kFirstPauseMs = 100;
  static constexpr int64_t kLongestPauseMs = 2'000;

  void start_soon();
  static void ended(void*) {}
  async::Task<void> run();
  async::Task<Ended> follow_once();
  async::Task<Ended> read(Client::Stream& stream);
  Ended take(WatchMessage message);
  void mark_trouble(const std::string& why);

  net::Loop& loop_;
  Client& client_;
  std::string prefix_;
  int64_t silence_ms_;
  Owner& owner_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  async::Task<void> task_;
  std::vector<std::shared_ptr<Waiting>> waiting_;
  int64_t seen_ = 0;
  uint64_t cluster_id_ = 0;
  bool following_ = false;
  bool starting_ = false;
  bool connected_ = false;  // the stream of this round has begun
  std::string trouble_;
  int64_t troubled_since_us_ = 0;
};

// The newest revision of the cluster, told by a majority of its members.
async::Task<Answer<Header>> pulse(Client& client, std::string prefix, int64_t timeout_ms);

}  // namespace pylon::store::etcd

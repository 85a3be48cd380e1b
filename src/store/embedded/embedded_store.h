// EmbeddedStore: the store in a SQLite file, for one process. The default.
//
// SQLite runs on a thread of its own, so that an fsync never holds the control thread up. What has
// queued up while one fsync ran shares the next: each transaction keeps its own revision and
// answer, and none is acknowledged before all of them are on the disk.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "store/embedded/file_lock.h"
#include "store/embedded/tables.h"
#include "store/history.h"
#include "store/store.h"
#include "store/watch_list.h"

namespace pylon::store {

struct EmbeddedOptions {
  std::string path;               // its folder is made when missing
  int64_t kept_revisions = 1000;  // of history
  uint64_t max_bytes = 0;         // of the file; 0: the disk decides
  int lock_wait_ms = 0;           // for another process to let go of the store
  int busy_timeout_ms = 2000;     // for a foreign program that has locked the file
  size_t max_queued = 10'000;     // operations; further ones fail at once
};

class EmbeddedStore final : public Store, private History {
 public:
  // Runs a function on the control thread, soon; callable from any thread (Loop::post).
  using Post = std::function<void(std::function<void()>)>;

  // Blocks. The clock is read on the control thread only.
  static Outcome<std::unique_ptr<EmbeddedStore>> open(const EmbeddedOptions& options,
                                                      const Clock& clock, Post post);
  // As close(), and whoever still waits for an answer waits for ever: end those tasks first.
  ~EmbeddedStore() override;

  async::Task<Outcome<std::optional<Entry>>> get(std::string key) override;
  async::Task<Outcome<EntriesAt>> get_all(std::vector<std::string> keys) override;
  async::Task<Outcome<std::vector<Entry>>> list_after(std::string prefix, std::string key,
                                                      size_t limit) override;
  async::Task<Outcome<std::vector<Entry>>> list(std::string prefix) override;
  async::Task<Outcome<std::vector<Entry>>> search(std::string prefix, std::string text) override;
  async::Task<Outcome<int64_t>> load(Visitor visit) override;  // visits on the control thread
  async::Task<Outcome<Committed>> transaction(Transaction transaction) override;
  std::unique_ptr<Watch> watch(int64_t after_revision, WatchListener& listener) override;
  int64_t revision() const override { return revision_; }
  History* history() override { return this; }
  void on_timer() override;
  void close() override;            // blocks while the queue is written
  Outcome<void> reopen() override;  // blocks while another process has the file

 private:
  class Request;
  template <class T>
  class Call;
  class Write;
  class CatchUp;
  class Waiter;
  using Requests = std::vector<std::shared_ptr<Request>>;

  async::Task<Outcome<HistoryPage>> revisions(HistoryQuery query) override;
  async::Task<Outcome<std::vector<KeyDifference>>> differences(int64_t from, int64_t to,
                                                               HistoryQuery query) override;

  EmbeddedStore(const EmbeddedOptions& options, const Clock& clock, Post post);

  Outcome<void> open_file();
  void catch_up(WatchList::Handle member);

  template <class T>
  async::Task<Outcome<T>> ask(std::shared_ptr<Call<T>> call);
  bool enqueue(std::shared_ptr<Request> request);
  std::optional<Failure> try_enqueue(const std::shared_ptr<Request>& request);
  void deliver(const Requests& done);

  // The store thread.
  void run_thread();
  void run_batch(const Requests& batch);
  bool write_together(const Requests& writes);

  const EmbeddedOptions options_;
  const Clock& clock_;
  const Post post_;
  std::unique_ptr<embedded::FileLock> lock_;
  std::unique_ptr<embedded::Tables> tables_;  // the store thread's, once that runs

  int64_t revision_ = 0;  // from here on: the control thread's
  WatchList watches_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // false: messages come too late

  std::mutex mutex_;  // guards queue_ and stopping_
  std::condition_variable wake_;
  Requests queue_;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace pylon::store

// LocalCopy: keeps the local copy up to date (see copy_database.h), on a thread of its own. A
// change costs its rows, and nobody waits for the disk.
//
// What cannot be written, as on a full disk, leaves the copy behind: the configuration of an older
// revision, which is good to start with, as what came later can be asked for. Changes are then
// passed over until everything is given again. What waits to be written is limited, and more of it
// has the same effect.
//
// Belongs to the control thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "async/task.h"
#include "net/loop.h"
#include "store/etcd/copy_database.h"
#include "store/store.h"

namespace pylon::store::etcd {

class LocalCopy {
 public:
  LocalCopy(std::string path, std::string prefix, net::Loop& loop);
  ~LocalCopy();  // as close()
  LocalCopy(const LocalCopy&) = delete;
  LocalCopy& operator=(const LocalCopy&) = delete;

  const std::string& path() const { return path_; }

  struct Content {
    CopyHead head;
    std::vector<Entry> entries;  // by key
  };
  // Nothing: there is none. The failure says why the one that is there cannot be used. What is read
  // is shown page by page meanwhile, in order; it counts only when all of it is good.
  using Show = std::function<void(const std::vector<Entry>& page)>;
  async::Task<Outcome<std::optional<Content>>> read(Show show);

  // A change that has been told; written with the next save(), which is to come about once a
  // second.
  void add(const ChangeSet& set);
  void save(int64_t now_s);
  // It lacks changes and will get no more: everything is to be given.
  bool behind() const { return behind_.load(); }

  // ---- everything, at one revision: begin, each page in order, end or abandon. Whoever begins
  // takes the place of who did before, whose further pages are passed over.
  using Giving = uint64_t;
  Giving begin_pages();
  void add_page(Giving giving, std::vector<Entry> entries, std::string end);
  void end_pages(Giving giving, const CopyHead& head);
  void abandon_pages(Giving giving);
  // Until few pages wait to be written.
  async::Task<void> room();

  // Writes all that waits and lets go of the file; blocks. After that nothing is written until
  // reopen().
  void close(int64_t now_s);
  void reopen();

 private:
  using Job = std::function<void()>;
  static constexpr size_t kMostPages = 8;
  static constexpr size_t kReadKeys = 4096;  // of a page that is read
  static constexpr size_t kMostBytes = 64 << 20;
  static constexpr int64_t kRoomPauseUs = 1'000;

  void enqueue(Job job);
  void stop();

  // The writer's.
  void run();
  struct Reading;
  using Found = Outcome<std::optional<CopyHead>>;
  Outcome<void> open();  // when it is not
  Found read_file(const std::shared_ptr<Reading>& reading);
  void write(const std::vector<ChangeSet>& sets, int64_t saved_s);
  Outcome<void> begin();
  void abandon();
  void judge(const Outcome<void>& done);

  const std::string path_;
  const std::string prefix_;
  net::Loop& loop_;

  std::vector<ChangeSet> added_;
  size_t added_bytes_ = 0;
  Giving giving_ = 0;  // who gives pages; 0: nobody
  Giving last_giving_ = 0;
  bool closed_ = false;

  std::atomic<bool> behind_{true};  // before everything was given
  std::atomic<size_t> pages_{0};    // that wait
  std::atomic<size_t> waiting_bytes_{0};

  std::thread thread_;  // runs while there is something to do it for
  std::mutex mutex_;    // guards jobs_ and stopping_
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;

  // The writer's.
  std::unique_ptr<CopyDatabase> database_;
  bool unusable_ = false;  // the file: another one is made in its place
  bool in_pages_ = false;
  bool passing_over_ = true;  // changes, until everything was given
  bool told_ = false;         // that it is behind
};

}  // namespace pylon::store::etcd

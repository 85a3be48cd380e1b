#include "store/etcd/local_copy.h"

#include <unistd.h>

#include <iterator>
#include <limits>
#include <utility>

#include "net/waker.h"
#include "observe/log.h"

namespace pylon::store::etcd {

using observe::Level;
using observe::log;

namespace {

size_t bytes_of(const ChangeSet& set) {
  size_t bytes = sizeof set;
  for (const Change& change : set.changes) {
    bytes += sizeof change + change.entry.key.size() + change.entry.value.size();
  }
  return bytes;
}

}  // namespace

LocalCopy::LocalCopy(std::string path, std::string prefix, net::Loop& loop)
    : path_(std::move(path)), prefix_(std::move(prefix)), loop_(loop) {}

LocalCopy::~LocalCopy() { stop(); }

// ---- the control thread's side

void LocalCopy::enqueue(Job job) {
  if (closed_) return;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  std::lock_guard guard(mutex_);
  jobs_.push_back(std::move(job));
  wake_.notify_one();
}

// What the control thread and the writer share while the file is read. Control thread, but for the
// pointer to it.
struct LocalCopy::Reading {
  net::Waker* waker;  // null: nobody waits any more
  Show show;
  std::vector<Entry> entries;
  std::optional<Found> found;

  void take(std::vector<Entry> page) {
    if (waker == nullptr) return;
    show(page);
    std::move(page.begin(), page.end(), std::back_inserter(entries));
  }
  void end(Found with) {
    found = std::move(with);
    if (waker != nullptr && waker->waiting()) waker->wake();
  }
};

async::Task<Outcome<std::optional<LocalCopy::Content>>> LocalCopy::read(Show show) {
  net::Waker waker(loop_);
  auto reading = std::make_shared<Reading>(Reading{&waker, std::move(show), {}, {}});
  struct Detach {
    std::shared_ptr<Reading> reading;
    ~Detach() { reading->waker = nullptr; }
  } detach{reading};
  enqueue([this, reading] {
    Found found = read_file(reading);
    loop_.post([reading, found = std::move(found)] { reading->end(found); });
  });
  while (!reading->found) co_await waker.wait(std::numeric_limits<int64_t>::max());
  const Found& found = *reading->found;
  behind_.store(!found || !*found);
  if (!found) co_return tl::unexpected(found.error());
  if (!*found) co_return std::nullopt;
  co_return Content{**found, std::move(reading->entries)};
}

void LocalCopy::add(const ChangeSet& set) {
  if (closed_ || (behind() && giving_ == 0)) return;
  added_bytes_ += bytes_of(set);
  added_.push_back(set);
  if (added_bytes_ + waiting_bytes_.load() <= kMostBytes) return;
  added_.clear();
  added_bytes_ = 0;
  behind_.store(true);
  enqueue([this] {
    judge(failed(Failure::Kind::unavailable, "the disk is too slow for the changes"));
  });
}

void LocalCopy::save(int64_t now_s) {
  if (added_.empty() || giving_ != 0) return;
  size_t bytes = std::exchange(added_bytes_, 0);
  waiting_bytes_ += bytes;
  enqueue([this, sets = std::exchange(added_, {}), now_s, bytes] {
    write(sets, now_s);
    waiting_bytes_ -= bytes;
  });
}

LocalCopy::Giving LocalCopy::begin_pages() {
  giving_ = ++last_giving_;
  enqueue([this] { judge(begin()); });
  return giving_;
}

void LocalCopy::add_page(Giving giving, std::vector<Entry> entries, std::string end) {
  if (closed_ || giving != giving_) return;
  ++pages_;
  enqueue([this, entries = std::move(entries), end = std::move(end)] {
    if (in_pages_) judge(database_->put_page(entries, end));
    --pages_;
  });
}

void LocalCopy::end_pages(Giving giving, const CopyHead& head) {
  if (closed_ || giving != giving_) return;
  giving_ = 0;
  behind_.store(false);
  enqueue([this, head] {
    if (!in_pages_) return behind_.store(true);
    Outcome<void> ended = database_->end_pages(head);
    in_pages_ = false;
    if (!ended) return judge(ended);
    passing_over_ = false;
    if (std::exchange(told_, false)) log(Level::info, "the local copy {} is kept again", path_);
  });
}

void LocalCopy::abandon_pages(Giving giving) {
  if (giving != giving_) return;
  giving_ = 0;
  enqueue([this] { abandon(); });
}

async::Task<void> LocalCopy::room() {
  net::Waker pause(loop_);
  while (!closed_ && pages_.load() > kMostPages) {
    co_await pause.wait(loop_.now_us() + kRoomPauseUs);
  }
}

void LocalCopy::close(int64_t now_s) {
  save(now_s);
  closed_ = true;
  stop();
  database_.reset();
  in_pages_ = false;
  giving_ = 0;
}

void LocalCopy::reopen() { closed_ = false; }

void LocalCopy::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  thread_.join();
  stopping_ = false;
}

// ---- the writer's side

void LocalCopy::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

Outcome<void> LocalCopy::open() {
  if (database_ != nullptr) return {};
  auto opened = CopyDatabase::open(path_, prefix_);
  if (!opened) return tl::unexpected(opened.error());
  database_ = std::move(*opened);
  return {};
}

LocalCopy::Found LocalCopy::read_file(const std::shared_ptr<Reading>& reading) {
  if (access(path_.c_str(), F_OK) != 0) return std::nullopt;
  std::vector<Entry> page;
  auto hand_over = [&] {
    loop_.post(
        [reading, page = std::exchange(page, {})]() mutable { reading->take(std::move(page)); });
  };
  Outcome<CopyHead> read = open().and_then([&] {
    return database_->read([&](Entry entry) {
      page.push_back(std::move(entry));
      if (page.size() == kReadKeys) hand_over();
    });
  });
  hand_over();
  if (!read) {
    judge(tl::unexpected(read.error()));
    return tl::unexpected(read.error());
  }
  if (!database_->filled()) return std::nullopt;
  passing_over_ = false;
  return *read;
}

void LocalCopy::write(const std::vector<ChangeSet>& sets, int64_t saved_s) {
  if (passing_over_) return;
  judge(open().and_then([&] { return database_->apply(sets, saved_s); }));
}

void LocalCopy::abandon() {
  if (std::exchange(in_pages_, false)) database_->abandon();
}

Outcome<void> LocalCopy::begin() {
  abandon();
  if (std::exchange(unusable_, false)) {
    database_.reset();
    CopyDatabase::remove(path_);
  }
  Outcome<void> begun = open().and_then([&] { return database_->begin_pages(); });
  in_pages_ = begun.has_value();
  return begun;
}

void LocalCopy::judge(const Outcome<void>& done) {
  if (done) return;
  in_pages_ = false;
  passing_over_ = true;
  behind_.store(true);
  Failure::Kind kind = done.error().kind;
  unusable_ = kind == Failure::Kind::corrupt || kind == Failure::Kind::refused;
  if (std::exchange(told_, true)) return;
  log(Level::error, "the local copy {} is not kept: {}", path_, done.error().message);
}

}  // namespace pylon::store::etcd

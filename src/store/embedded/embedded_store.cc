#include "store/embedded/embedded_store.h"

#include <algorithm>
#include <coroutine>
#include <filesystem>
#include <system_error>
#include <utility>

namespace pylon::store {

using embedded::Applied;
using embedded::Database;
using embedded::FileLock;
using embedded::TableLimits;
using embedded::Tables;

// One operation on its way: made and finished on the control thread, run on the store thread.
class EmbeddedStore::Request {
 public:
  virtual ~Request() = default;

  virtual bool writes() const { return false; }
  virtual Outcome<void> run(Tables& tables) = 0;  // fails when the database does
  virtual void fail(const Failure& failure) = 0;
  virtual const ChangeSet* changes() const { return nullptr; }  // once it is durable
  virtual void finish(EmbeddedStore&) {
    if (waiting) std::exchange(waiting, {}).resume();
  }

  std::coroutine_handle<> waiting;  // the control thread's; empty when nobody waits any more
};

template <class T>
class EmbeddedStore::Call : public Request {
 public:
  using Work = std::function<Outcome<T>(Tables&)>;

  explicit Call(Work work) : work_(std::move(work)) {}

  Outcome<void> run(Tables& tables) override {
    answer = work_(tables);
    if (!*answer) return tl::unexpected(answer->error());
    return {};
  }
  void fail(const Failure& failure) override { answer = tl::unexpected(failure); }

  std::optional<Outcome<T>> answer;

 private:
  Work work_;
};

class EmbeddedStore::Write final : public Call<Applied> {
 public:
  using Call::Call;

  bool writes() const override { return true; }
  Outcome<void> run(Tables& tables) override {
    Outcome<void> outcome = Call::run(tables);
    bool own_fault = !outcome && (outcome.error().kind == Failure::Kind::conflict ||
                                  outcome.error().kind == Failure::Kind::refused);
    return own_fault ? Outcome<void>() : outcome;
  }
  const ChangeSet* changes() const override {
    bool changed = answer && *answer && !(*answer)->changes.changes.empty();
    return changed ? &(*answer)->changes : nullptr;
  }
};

// Reads what a new watch has missed; nobody awaits it.
class EmbeddedStore::CatchUp final : public Call<std::vector<ChangeSet>> {
 public:
  explicit CatchUp(WatchList::Handle member)
      : Call([from = member->seen_revision](Tables& tables) { return tables.changes_after(from); }),
        member_(std::move(member)) {}

  void finish(EmbeddedStore& store) override { store.watches_.catch_up(member_, *answer); }

 private:
  WatchList::Handle member_;
};

// Where a task waits for its request. A task that is destroyed meanwhile is not resumed.
class EmbeddedStore::Waiter {
 public:
  Waiter(EmbeddedStore& store, std::shared_ptr<Request> request)
      : store_(store), request_(std::move(request)) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { request_->waiting = {}; }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> self) {
    request_->waiting = self;
    return store_.enqueue(request_);
  }
  void await_resume() const noexcept {}

 private:
  EmbeddedStore& store_;
  std::shared_ptr<Request> request_;
};

Outcome<std::unique_ptr<EmbeddedStore>> EmbeddedStore::open(const EmbeddedOptions& options,
                                                            const Clock& clock, Post post) {
  std::unique_ptr<EmbeddedStore> store(new EmbeddedStore(options, clock, std::move(post)));
  if (auto opened = store->open_file(); !opened) return tl::unexpected(opened.error());
  return store;
}

EmbeddedStore::EmbeddedStore(const EmbeddedOptions& options, const Clock& clock, Post post)
    : options_(options), clock_(clock), post_(std::move(post)) {}

Outcome<void> EmbeddedStore::open_file() {
  std::error_code ignored;  // opening the file tells it better
  std::filesystem::create_directories(std::filesystem::path(options_.path).parent_path(), ignored);

  auto lock = FileLock::take(options_.path, options_.lock_wait_ms);
  if (!lock) return tl::unexpected(lock.error());
  auto database = Database::open(options_.path, options_.busy_timeout_ms);
  if (!database) return tl::unexpected(database.error());
  TableLimits limits{options_.kept_revisions, options_.max_bytes};
  auto tables = Tables::open(std::move(*database), limits);
  if (!tables) return tl::unexpected(tables.error());
  lock_ = std::move(*lock);
  tables_ = std::move(*tables);
  revision_ = tables_->revision();
  stopping_ = false;
  thread_ = std::thread([this] { run_thread(); });
  on_timer();  // first of all, what has come to its end meanwhile goes
  return {};
}

Outcome<void> EmbeddedStore::reopen() {
  if (thread_.joinable()) return {};
  if (auto opened = open_file(); !opened) return opened;
  for (const WatchList::Handle& member : watches_.interrupt()) catch_up(member);
  return {};
}

EmbeddedStore::~EmbeddedStore() {
  close();
  *alive_ = false;
}

void EmbeddedStore::close() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  tables_.reset();
  lock_.reset();
}

template <class T>
async::Task<Outcome<T>> EmbeddedStore::ask(std::shared_ptr<Call<T>> call) {
  Waiter waiter(*this, call);
  co_await waiter;
  co_return std::move(*call->answer);
}

async::Task<Outcome<std::optional<Entry>>> EmbeddedStore::get(std::string key) {
  using Answer = std::optional<Entry>;
  return ask(std::make_shared<Call<Answer>>(
      [key = std::move(key)](Tables& tables) { return tables.get(key); }));
}

async::Task<Outcome<EntriesAt>> EmbeddedStore::get_all(std::vector<std::string> keys) {
  return ask(std::make_shared<Call<EntriesAt>>(
      [keys = std::move(keys)](Tables& tables) { return tables.get_all(keys); }));
}

async::Task<Outcome<std::vector<Entry>>> EmbeddedStore::list_after(std::string prefix,
                                                                   std::string key, size_t limit) {
  return ask(std::make_shared<Call<std::vector<Entry>>>(
      [prefix = std::move(prefix), key = std::move(key), limit](Tables& tables) {
        return tables.list_after(prefix, key, limit);
      }));
}

async::Task<Outcome<std::vector<Entry>>> EmbeddedStore::list(std::string prefix) {
  return ask(std::make_shared<Call<std::vector<Entry>>>(
      [prefix = std::move(prefix)](Tables& tables) { return tables.list(prefix, {}); }));
}

async::Task<Outcome<std::vector<Entry>>> EmbeddedStore::search(std::string prefix,
                                                               std::string text) {
  return ask(std::make_shared<Call<std::vector<Entry>>>(
      [prefix = std::move(prefix), text = std::move(text)](Tables& tables) {
        return tables.list(prefix, text);
      }));
}

async::Task<Outcome<HistoryPage>> EmbeddedStore::revisions(HistoryQuery query) {
  return ask(std::make_shared<Call<HistoryPage>>(
      [query = std::move(query)](Tables& tables) { return tables.revisions(query); }));
}

async::Task<Outcome<std::vector<KeyDifference>>> EmbeddedStore::differences(int64_t from,
                                                                            int64_t to,
                                                                            HistoryQuery query) {
  return ask(std::make_shared<Call<std::vector<KeyDifference>>>(
      [from, to, query = std::move(query)](Tables& tables) {
        return tables.differences(from, to, query);
      }));
}

// What has been read is visited while the thread reads on. The answer comes behind all of it.
async::Task<Outcome<int64_t>> EmbeddedStore::load(Visitor visit) {
  constexpr size_t kAtOnce = 4096;
  auto visitor = std::make_shared<Visitor>(std::move(visit));
  auto call = std::make_shared<Call<int64_t>>([this, visitor](Tables& tables) {
    std::vector<Entry> read;
    auto hand_over = [&] {
      post_([visitor, read = std::exchange(read, {})]() mutable {
        if (*visitor == nullptr) return;
        for (Entry& entry : read) (*visitor)(std::move(entry));
      });
    };
    auto revision = tables.load([&](Entry entry) {
      read.push_back(std::move(entry));
      if (read.size() == kAtOnce) hand_over();
    });
    hand_over();
    return revision;
  });
  struct Dismissal {
    Visitor& visitor;
    ~Dismissal() { visitor = nullptr; }  // whoever asked is gone, or has it all
  } dismissal{*visitor};
  async::Task<Outcome<int64_t>> asking = ask(call);
  co_return co_await asking;
}

async::Task<Outcome<Committed>> EmbeddedStore::transaction(Transaction transaction) {
  auto write =
      std::make_shared<Write>([transaction = std::move(transaction), now_us = clock_.wall_us()](
                                  Tables& tables) { return tables.apply(transaction, now_us); });
  Waiter waiter(*this, write);
  co_await waiter;
  if (!*write->answer) co_return tl::unexpected(write->answer->error());
  co_return (*write->answer)->committed;
}

std::unique_ptr<Watch> EmbeddedStore::watch(int64_t after_revision, WatchListener& listener) {
  WatchList::Added added = watches_.add(after_revision, listener);
  catch_up(added.member);
  return std::move(added.watch);
}

void EmbeddedStore::catch_up(WatchList::Handle member) {
  auto request = std::make_shared<CatchUp>(std::move(member));
  if (enqueue(request)) return;
  post_([this, alive = alive_, request] {
    if (*alive) request->finish(*this);
  });
}

void EmbeddedStore::on_timer() {
  enqueue(std::make_shared<Write>(
      [now_us = clock_.wall_us()](Tables& tables) { return tables.expire(now_us); }));
}

// False: the request has failed at once.
bool EmbeddedStore::enqueue(std::shared_ptr<Request> request) {
  std::optional<Failure> failure = try_enqueue(request);
  if (failure) {
    request->fail(*failure);
    return false;
  }
  wake_.notify_one();
  return true;
}

std::optional<Failure> EmbeddedStore::try_enqueue(const std::shared_ptr<Request>& request) {
  std::lock_guard guard(mutex_);
  if (stopping_) return Failure{Failure::Kind::unavailable, "the store is closed"};
  if (queue_.size() >= options_.max_queued) {
    return Failure{Failure::Kind::unavailable, "the store has too many requests waiting"};
  }
  queue_.push_back(request);
  return std::nullopt;
}

void EmbeddedStore::deliver(const Requests& done) {
  std::shared_ptr<bool> alive = alive_;  // a listener or a task may end the store
  for (const auto& request : done) {
    const ChangeSet* changes = request->changes();
    if (changes == nullptr) continue;
    revision_ = std::max(revision_, changes->revision);  // it may have been reopened meanwhile
    watches_.deliver(*changes);
    if (!*alive) return;
  }
  for (const auto& request : done) {
    request->finish(*this);
    if (!*alive) return;
  }
}

void EmbeddedStore::run_thread() {
  for (;;) {
    Requests batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch.swap(queue_);
    }
    run_batch(batch);
    post_([this, alive = alive_, batch = std::move(batch)] {
      if (*alive) deliver(batch);
    });
  }
}

void EmbeddedStore::run_batch(const Requests& batch) {
  Requests writes;
  for (const auto& request : batch) {
    if (request->writes()) writes.push_back(request);
  }
  if (!writes.empty() && !write_together(writes) && writes.size() > 1) {
    for (const auto& write : writes) write_together({write});  // only the guilty one shall fail
  }
  for (const auto& request : batch) {
    if (!request->writes()) request->run(*tables_);
  }
}

// One transaction of the database, one fsync. False: it has failed, and so have all of them.
bool EmbeddedStore::write_together(const Requests& writes) {
  Outcome<void> outcome = tables_->begin();
  for (const auto& write : writes) {
    if (outcome) outcome = write->run(*tables_);
  }
  if (outcome) outcome = tables_->commit();
  if (outcome) return true;
  tables_->roll_back();
  for (const auto& write : writes) write->fail(outcome.error());
  return false;
}

}  // namespace pylon::store

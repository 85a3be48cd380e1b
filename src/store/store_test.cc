// What every store must do: the same tests over all implementations.
#include "store/store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/loop.h"
#include "net/loop_clock.h"
#include "store/embedded/embedded_store.h"
#include "store/etcd/etcd_server_test.h"
#include "store/etcd/etcd_store.h"
#include "store/memory_store.h"
#include "store/pump.h"

namespace pylon::store {
namespace {

constexpr int64_t kKept = 5;  // revisions of history

// A kind of store: opens it, and opens it again with what it has kept.
class Implementation {
 public:
  virtual ~Implementation() = default;
  virtual std::unique_ptr<Store> open(const Clock& clock, Pump& pump) = 0;
  virtual bool survives() const { return false; }
  virtual bool available() const { return true; }
  // Of stores that do not forget by themselves: the changes up to this revision.
  virtual void forget(int64_t /*revision*/) {}
  virtual bool leaves_dropped_writes_open() const { return false; }
  // Of stores whose clock is the world's: lets so much of it pass.
  virtual bool pass(Pump&, int64_t /*seconds*/) { return false; }
};

class MemoryImplementation final : public Implementation {
 public:
  std::unique_ptr<Store> open(const Clock& clock, Pump&) override {
    return std::make_unique<MemoryStore>(clock, kKept);
  }
};

class EmbeddedImplementation final : public Implementation {
 public:
  EmbeddedImplementation() {
    char name[] = "/tmp/pylon-store-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~EmbeddedImplementation() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Store> open(const Clock& clock, Pump& pump) override {
    EmbeddedOptions options{.path = folder_ + "/pylon.db"};
    options.kept_revisions = kKept;
    auto store = EmbeddedStore::open(options, clock, pump.poster());
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  bool survives() const override { return true; }

 private:
  std::string folder_;
};

class EtcdImplementation final : public Implementation {
 public:
  std::unique_ptr<Store> open(const Clock&, Pump& pump) override {
    pump.turn_with([this] { loop_.turn(5); });
    EtcdOptions options;
    options.client.endpoints = {{.https = false, .host = "127.0.0.1", .port = server_->port()}};
    auto store = EtcdStore::open(options, loop_, clock_, nullptr);
    EXPECT_TRUE(store) << store.error().message;
    auto seen = pump.run((*store)->get("/nothing"));  // then it knows the revision
    EXPECT_TRUE(seen) << seen.error().message;
    return std::move(*store);
  }
  bool survives() const override { return true; }
  bool available() const override { return server_ != nullptr; }
  bool leaves_dropped_writes_open() const override { return true; }
  void forget(int64_t revision) override { server_->run("compact " + std::to_string(revision)); }
  bool pass(Pump& pump, int64_t seconds) override {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    pump.run_until([&] { return std::chrono::steady_clock::now() >= until; });
    return true;
  }

 private:
  std::unique_ptr<EtcdServer> server_ =
      EtcdServer::installed() ? std::make_unique<EtcdServer>() : nullptr;
  net::Loop loop_;
  net::LoopClock clock_{loop_};
};

struct Recorder final : WatchListener {
  void on_changes(const ChangeSet& changes) override {
    for (const Change& change : changes.changes) {
      events.push_back(std::to_string(changes.revision) + (change.erased ? " - " : " + ") +
                       change.entry.key + " " + change.entry.value);
    }
  }
  void on_gap(std::string_view why) override { gap = why; }

  std::vector<std::string> events;
  std::string gap;
};

template <class T>
class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!implementation_.available()) GTEST_SKIP() << "etcd is not installed";
    reopen();
  }

  void reopen() {
    store_.reset();
    store_ = implementation_.open(clock_, pump_);
  }

  Committed put(const std::string& key, const std::string& value, PutOptions options = {}) {
    auto done = pump_.run(store_->put(key, value, options));
    EXPECT_TRUE(done) << done.error().message;
    return done.value_or(Committed{});
  }
  Failure put_fails(const std::string& key, const std::string& value, PutOptions options) {
    auto done = pump_.run(store_->put(key, value, options));
    EXPECT_FALSE(done);
    return done ? Failure{} : done.error();
  }
  Committed erase(const std::string& key) {
    return pump_.run(store_->erase(key, Origin{})).value_or(Committed{});
  }
  std::optional<Entry> get(const std::string& key) {
    auto entry = pump_.run(store_->get(key));
    EXPECT_TRUE(entry) << entry.error().message;
    return entry.value_or(std::nullopt);
  }
  std::vector<std::string> keys(const std::string& prefix) {
    auto entries = pump_.run(store_->list(prefix));
    EXPECT_TRUE(entries) << entries.error().message;
    std::vector<std::string> found;
    for (const Entry& entry : entries.value_or(std::vector<Entry>{})) found.push_back(entry.key);
    return found;
  }
  // A second on the clock, and all that follows from it.
  void tick(int64_t seconds = 0) {
    if (!implementation_.pass(pump_, seconds)) clock_.advance_ms(seconds * 1000);
    store_->on_timer();
    get("/nothing");  // comes after what on_timer() has begun
  }

  // Ticks until it is so, for a limited time.
  bool eventually(const std::function<bool()>& condition) {
    auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition() && std::chrono::steady_clock::now() < limit) tick();
    return condition();
  }

  SimulatedClock clock_;
  Pump pump_;
  T implementation_;
  std::unique_ptr<Store> store_;
};

using Implementations =
    testing::Types<MemoryImplementation, EmbeddedImplementation, EtcdImplementation>;
TYPED_TEST_SUITE(StoreTest, Implementations);

using Keys = std::vector<std::string>;

TYPED_TEST(StoreTest, StartsEmptyAtRevisionOne) {
  EXPECT_EQ(this->store_->revision(), 1);
  EXPECT_EQ(this->keys(""), Keys{});
  EXPECT_FALSE(this->get("/a"));
}

TYPED_TEST(StoreTest, KeepsCreateAndModRevisions) {
  EXPECT_EQ(this->put("/a", "1").revision, 2);
  EXPECT_EQ(this->put("/b", "2").revision, 3);
  Committed again = this->put("/a", "3");
  EXPECT_EQ(again.revision, 4);
  EXPECT_EQ(again.existed, std::vector<size_t>{1});
  auto entry = this->get("/a");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->value, "3");
  EXPECT_EQ(entry->create_revision, 2);
  EXPECT_EQ(entry->mod_revision, 4);
  EXPECT_EQ(this->store_->revision(), 4);
}

TYPED_TEST(StoreTest, ListsByCreationAndOnlyThePrefix) {
  this->put("/r/z", "1");
  this->put("/r/a", "1");
  this->put("/rr/a", "1");
  this->put("/r/m", "1");
  this->put("/r/z", "2");
  EXPECT_EQ(this->keys("/r/"), (Keys{"/r/z", "/r/a", "/r/m"}));
  EXPECT_EQ(this->keys("/r"), (Keys{"/r/z", "/r/a", "/rr/a", "/r/m"}));
  EXPECT_EQ(this->keys("/none/"), Keys{});
}

TYPED_TEST(StoreTest, SearchesInValues) {
  this->put("/r/1", R"({"service_id":"x-1"})");
  this->put("/r/2", R"({"service_id":"x_1"})");
  this->put("/s/1", R"({"service_id":"x-1"})");
  auto found = this->pump_.run(this->store_->search("/r/", "x-1"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ((*found)[0].key, "/r/1");
  found = this->pump_.run(this->store_->search("/r/", ""));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 2u);
}

TYPED_TEST(StoreTest, LoadsEverythingAtOneRevision) {
  this->put("/b", "1");
  this->put("/a", "2");
  std::vector<std::string> seen;
  auto revision = this->pump_.run(
      this->store_->load([&](Entry entry) { seen.push_back(entry.key + "=" + entry.value); }));
  ASSERT_TRUE(revision);
  EXPECT_EQ(*revision, 3);
  EXPECT_EQ(seen, (Keys{"/b=1", "/a=2"}));
}

TYPED_TEST(StoreTest, ErasingTellsWhatWasThere) {
  this->put("/a", "1");
  EXPECT_EQ(this->erase("/a").existed, std::vector<size_t>{1});
  EXPECT_FALSE(this->get("/a"));
  Committed nothing = this->erase("/a");
  EXPECT_EQ(nothing.existed, std::vector<size_t>{0});
  EXPECT_EQ(nothing.revision, 3);
  Committed created = this->put("/a", "1");
  EXPECT_EQ(created.existed, std::vector<size_t>{0});
  EXPECT_EQ(this->get("/a")->create_revision, 4);
}

TYPED_TEST(StoreTest, ComparesAndSwaps) {
  PutOptions absent{.expected_mod_revision = 0, .ttl_s = {}, .origin = {}};
  EXPECT_EQ(this->put("/a", "1", absent).revision, 2);
  Failure failure = this->put_fails("/a", "2", absent);
  EXPECT_EQ(failure.kind, Failure::Kind::conflict);
  EXPECT_EQ(failure.message, "value changed before overwritten");
  PutOptions known{.expected_mod_revision = 2, .ttl_s = {}, .origin = {}};
  this->put("/a", "3", known);
  EXPECT_EQ(this->put_fails("/a", "4", known).kind, Failure::Kind::conflict);
  EXPECT_EQ(this->get("/a")->value, "3");
  EXPECT_EQ(this->store_->revision(), 3);
}

TYPED_TEST(StoreTest, ComparesOfWhatIsThereAndOfWhatWasNotWritten) {
  int64_t revision = this->put("/up/1", "x").revision;
  auto writes = [this](Compare compare) {
    Transaction transaction;
    transaction.compares = {std::move(compare)};
    transaction.operations = {{Operation::Kind::put, "/w", "y"}};
    auto done = this->pump_.run(this->store_->transaction(transaction));
    EXPECT_TRUE(done || done.error().kind == Failure::Kind::conflict);
    return done.has_value();
  };
  EXPECT_TRUE(writes({"/up/1", 0, Compare::Kind::there}));
  EXPECT_FALSE(writes({"/up/2", 0, Compare::Kind::there}));
  EXPECT_TRUE(writes({"/up/", revision, Compare::Kind::unwritten}));
  EXPECT_TRUE(writes({"/none/", revision, Compare::Kind::unwritten}));
  EXPECT_FALSE(writes({"/up/", revision - 1, Compare::Kind::unwritten}));
  this->put("/up/2", "x");
  EXPECT_FALSE(writes({"/up/", revision, Compare::Kind::unwritten}));
  this->erase("/up/2");  // what goes is not written
  EXPECT_TRUE(writes({"/up/", revision, Compare::Kind::unwritten}));
}

// Also of a revision that the history has forgotten.
TYPED_TEST(StoreTest, ComparesWithAnOldRevision) {
  int64_t revision = this->put("/up/1", "x").revision;
  for (int i = 0; i < 2 * kKept; ++i) this->put("/other", std::to_string(i));
  auto writes = [this](int64_t after) {
    Transaction transaction;
    transaction.compares = {{"/up/", after, Compare::Kind::unwritten}};
    transaction.operations = {{Operation::Kind::put, "/w", "y"}};
    return this->pump_.run(this->store_->transaction(transaction)).has_value();
  };
  EXPECT_TRUE(writes(revision));
  EXPECT_FALSE(writes(revision - 1));
  EXPECT_TRUE(writes(this->store_->revision() - 2));
}

TYPED_TEST(StoreTest, ReadsSomeKeysAtOneRevision) {
  for (int i = 0; i < 250; ++i) this->put(fmt::format("/g/{}", i), std::to_string(i));
  std::vector<std::string> keys = {"/g/7", "/none", "/g/3"};
  for (int i = 100; i < 250; ++i) keys.push_back(fmt::format("/g/{}", i));
  auto reading = this->pump_.run(this->store_->get_all(keys));
  ASSERT_TRUE(reading) << reading.error().message;
  EXPECT_EQ(reading->revision, this->store_->revision());
  ASSERT_EQ(reading->entries.size(), 152);
  EXPECT_EQ(reading->entries[0].key, "/g/7");
  EXPECT_EQ(reading->entries[1].value, "3");
  EXPECT_EQ(reading->entries[151].key, "/g/249");

  auto nothing = this->pump_.run(this->store_->get_all({}));
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_TRUE(nothing->entries.empty());
  EXPECT_EQ(nothing->revision, this->store_->revision());
}

TYPED_TEST(StoreTest, GoesThroughAFolderPageByPage) {
  for (const char* key : {"/p/3", "/p/1", "/p/2", "/p/2/x", "/o/9", "/q/1"}) this->put(key, "x");
  auto page = [this](const std::string& key, size_t limit) {
    auto listed = this->pump_.run(this->store_->list_after("/p/", key, limit));
    EXPECT_TRUE(listed) << listed.error().message;
    std::vector<std::string> keys;
    for (const Entry& entry : *listed) keys.push_back(entry.key);
    return keys;
  };
  EXPECT_EQ(page("", 3), (std::vector<std::string>{"/p/1", "/p/2", "/p/2/x"}));
  EXPECT_EQ(page("/p/2/x", 3), (std::vector<std::string>{"/p/3"}));
  EXPECT_EQ(page("/p/15", 1), (std::vector<std::string>{"/p/2"}));  // which is not there
  EXPECT_TRUE(page("/p/3", 3).empty());
}

TYPED_TEST(StoreTest, TransactionIsAtomic) {
  this->put("/c/1", "x");
  this->put("/c/2", "x");
  this->put("/d", "x");
  Transaction all;
  all.compares = {{"/d", 4}, {"/e", 0}};
  all.operations = {{Operation::Kind::put, "/e", "y"},
                    {Operation::Kind::erase_prefix, "/c/"},
                    {Operation::Kind::erase, "/d"}};
  auto done = this->pump_.run(this->store_->transaction(all));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->revision, 5);
  EXPECT_EQ(done->existed, (std::vector<size_t>{0, 2, 1}));
  EXPECT_EQ(this->keys(""), Keys{"/e"});

  auto again = this->pump_.run(this->store_->transaction(all));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, Failure::Kind::conflict);
  EXPECT_EQ(this->keys(""), Keys{"/e"});
}

TYPED_TEST(StoreTest, RefusesTwoOperationsOnOneKey) {
  Transaction twice;
  twice.operations = {{Operation::Kind::put, "/a/1", "y"}, {Operation::Kind::erase_prefix, "/a/"}};
  auto done = this->pump_.run(this->store_->transaction(twice));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Failure::Kind::refused);
}

TYPED_TEST(StoreTest, WatchTellsEveryChangeOnceInOrder) {
  this->put("/a", "1");
  this->put("/b", "2");
  Recorder recorder;
  auto watch = this->store_->watch(2, recorder);
  EXPECT_TRUE(recorder.events.empty());
  this->put("/a", "3");
  this->tick();
  this->erase("/b");
  this->put("/c", "4");
  EXPECT_TRUE(this->eventually([&] { return recorder.events.size() >= 4; }));
  EXPECT_EQ(recorder.events, (Keys{"3 + /b 2", "4 + /a 3", "5 - /b ", "6 + /c 4"}));
  EXPECT_EQ(recorder.gap, "");
  watch.reset();
  this->put("/d", "5");
  EXPECT_EQ(recorder.events.size(), 4u);
}

TYPED_TEST(StoreTest, WatchFromPrunedHistoryIsAGap) {
  for (int i = 0; i < kKept + 3; ++i) this->put("/a", std::to_string(i));
  Recorder recorder;
  this->implementation_.forget(this->store_->revision() - kKept);
  auto watch = this->store_->watch(2, recorder);
  EXPECT_TRUE(this->eventually([&] { return !recorder.gap.empty(); }));
  EXPECT_EQ(recorder.gap, "the changes after revision 2 are pruned");
  EXPECT_TRUE(recorder.events.empty());

  Recorder newer;
  auto other = this->store_->watch(this->store_->revision() - kKept, newer);
  EXPECT_TRUE(this->eventually([&] { return newer.events.size() == static_cast<size_t>(kKept); }));
  EXPECT_EQ(newer.gap, "");
  EXPECT_EQ(newer.events.size(), static_cast<size_t>(kKept));
}

TYPED_TEST(StoreTest, WatchFromTheFutureIsAGap) {
  Recorder recorder;
  auto watch = this->store_->watch(99, recorder);
  EXPECT_TRUE(this->eventually([&] { return !recorder.gap.empty(); }));
  EXPECT_EQ(recorder.gap, "the changes after revision 99 do not exist: the store is older");
}

TYPED_TEST(StoreTest, ErasesWhenTheTimeIsUp) {
  Recorder recorder;
  auto watch = this->store_->watch(1, recorder);
  this->tick();
  this->put("/a", "1", {.expected_mod_revision = {}, .ttl_s = 3, .origin = {}});
  this->put("/b", "1", {.expected_mod_revision = {}, .ttl_s = 3, .origin = {}});
  this->put("/b", "2");  // without a ttl: stays
  this->tick(2);
  EXPECT_TRUE(this->get("/a"));
  this->tick(1);
  EXPECT_TRUE(this->eventually([&] { return !this->get("/a"); }));
  EXPECT_TRUE(this->get("/b"));
  EXPECT_TRUE(this->eventually([&] { return recorder.events.back() == "5 - /a "; }));
}

TYPED_TEST(StoreTest, KeepsAnyBytesOfTextAndKeys) {
  std::string value = "{\"x\":\"\xc3\xa4 '\\u0000' \"}";
  std::string key = "/a/" + std::string(3000, 'k') + "%_*'";
  this->put(key, value);
  ASSERT_TRUE(this->get(key));
  EXPECT_EQ(this->get(key)->value, value);
  this->put("/big", std::string(3 << 20, 'x'));
  EXPECT_EQ(this->get("/big")->value.size(), 3u << 20);
}

TYPED_TEST(StoreTest, ADroppedTaskIsNotResumed) {
  {
    async::Task<Outcome<Committed>> writing = this->store_->put("/a", "1", {});
    std::optional<Outcome<Committed>> unseen;
    async::Task<void> task = Pump::keep(std::move(writing), unseen);
    this->pump_.start(task);
  }
  bool written = this->get("/a").has_value();
  EXPECT_TRUE(written || this->implementation_.leaves_dropped_writes_open());
}

TYPED_TEST(StoreTest, SurvivesAReopening) {
  if (!this->implementation_.survives()) return;
  this->put("/a", "1", {.expected_mod_revision = {}, .ttl_s = 2, .origin = {}});
  this->put("/b", "1");
  this->put("/b", "2");
  this->reopen();
  EXPECT_EQ(this->store_->revision(), 4);
  EXPECT_EQ(this->get("/b")->create_revision, 3);
  Recorder recorder;
  auto watch = this->store_->watch(3, recorder);
  EXPECT_TRUE(this->eventually([&] { return !recorder.events.empty(); }));
  EXPECT_EQ(recorder.events, Keys{"4 + /b 2"});
  watch.reset();
  this->tick(2);
  this->reopen();
  EXPECT_TRUE(this->eventually([&] { return !this->get("/a"); }));
}

// ---- what only etcd does

class EtcdStoreTest : public StoreTest<EtcdImplementation> {};

TEST_F(EtcdStoreTest, ATransactionTooLargeForEtcdIsRefused) {
  Transaction large;
  for (int i = 0; i < 128; ++i) {  // with our own
    large.operations.push_back({Operation::Kind::put, "/a/" + std::to_string(i), "1"});
  }
  auto done = pump_.run(store_->transaction(large));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Failure::Kind::refused);
  EXPECT_NE(done.error().message.find("--max-txn-ops"), std::string::npos) << done.error().message;
  EXPECT_EQ(keys("/a/"), Keys{});
}

TEST_F(EtcdStoreTest, HistoryIsEtcdsOwnUntilItIsCompacted) {
  put("/a", "1", {.expected_mod_revision = {}, .ttl_s = {}, .origin = {"admin", "::1", "why"}});
  put("/b", "1");
  put("/a", "2");
  erase("/b");
  EXPECT_EQ(erase("/b").revision, 5);
  auto told = [&] {
    auto page = pump_.run(store_->history()->revisions({}));
    EXPECT_TRUE(page) << page.error().message;
    return page.value_or(HistoryPage{});
  };
  HistoryPage page = told();
  EXPECT_EQ(page.oldest, 1);
  EXPECT_EQ(page.newest, 5);
  ASSERT_EQ(page.revisions.size(), 4u);
  EXPECT_EQ(page.revisions[0].changes[0].action, HistoryChange::Action::erase);
  EXPECT_EQ(page.revisions[1].changes[0].action, HistoryChange::Action::update);
  EXPECT_EQ(page.revisions[3].changes[0].action, HistoryChange::Action::create);
  EXPECT_EQ(page.revisions[3].origin.author, "admin");
  EXPECT_EQ(page.revisions[3].origin.comment, "why");
  EXPECT_GT(page.revisions[0].time_us, 0);

  auto changes = pump_.run(store_->history()->differences(3, 5, {}));
  ASSERT_TRUE(changes) << changes.error().message;
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ((*changes)[0].before, "1");
  EXPECT_EQ((*changes)[0].after, "2");
  EXPECT_FALSE((*changes)[1].after);

  implementation_.forget(4);
  page = told();
  EXPECT_EQ(page.oldest, 4);
  ASSERT_EQ(page.revisions.size(), 1u);
  auto gone = pump_.run(store_->history()->differences(2, 5, {}));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, Failure::Kind::refused);
  EXPECT_EQ(gone.error().message, "revision 2 is not kept any more");
  gone = pump_.run(store_->history()->differences(5, 99, {}));
  EXPECT_EQ(gone.error().message, "revision 99 is still to come");
}

TEST_F(EtcdStoreTest, DirectoriesOfApisixAreNoKeys) {
  put("/apisix/routes/", "init_dir");
  put("/apisix/routes/1", "{}");
  EXPECT_EQ(keys("/apisix/"), Keys{"/apisix/routes/1"});
  EXPECT_FALSE(get("/apisix/routes/"));
}

}  // namespace
}  // namespace pylon::store

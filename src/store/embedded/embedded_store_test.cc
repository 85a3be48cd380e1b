// What only the store on disk can do, and what can happen to its file.
#include "store/embedded/embedded_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/pump.h"

namespace pylon::store {
namespace {

class EmbeddedStoreTest : public testing::Test {
 protected:
  EmbeddedStoreTest() {
    char name[] = "/tmp/pylon-store-XXXXXX";
    folder_ = ::mkdtemp(name);
    options_.path = folder_ + "/data/pylon.db";
  }
  ~EmbeddedStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    store_.reset();
    auto store = EmbeddedStore::open(options_, clock_, pump_.poster());
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  Failure open_fails() {
    auto store = EmbeddedStore::open(options_, clock_, pump_.poster());
    EXPECT_FALSE(store);
    return store ? Failure{} : store.error();
  }
  Outcome<Committed> put(const std::string& key, const std::string& value) {
    PutOptions options;
    options.origin = {"alice", "192.0.2.1", "because"};
    return pump_.run(store_->put(key, value, options));
  }
  void write_file(const std::string& text, std::streamoff at) {
    std::fstream file(options_.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file << text;
  }
  // Every row of a query on the closed or open file, columns joined by '|'.
  std::vector<std::string> query(const std::string& sql) {
    sqlite3* handle = nullptr;
    EXPECT_EQ(sqlite3_open(options_.path.c_str(), &handle), SQLITE_OK);
    std::vector<std::string> rows;
    auto each = [](void* to, int count, char** values, char**) {
      std::string row;
      for (int i = 0; i < count; ++i) row += (i > 0 ? "|" : "") + std::string(values[i] ?: "NULL");
      static_cast<std::vector<std::string>*>(to)->push_back(row);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), each, &rows, nullptr), SQLITE_OK);
    sqlite3_close(handle);
    return rows;
  }

  std::string folder_;
  EmbeddedOptions options_;
  SimulatedClock clock_;
  Pump pump_;
  std::unique_ptr<EmbeddedStore> store_;
};

using Rows = std::vector<std::string>;

TEST_F(EmbeddedStoreTest, FileIsPrivate) {
  open();
  ASSERT_TRUE(put("/a", "1"));
  for (std::string suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat info {};
    ASSERT_EQ(::stat((options_.path + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(EmbeddedStoreTest, SecondProcessIsRefused) {
  open();
  Failure failure = open_fails();
  EXPECT_EQ(failure.message,
            "the store " + options_.path + " is in use by process " + std::to_string(::getpid()));
  store_.reset();
  open();
}

TEST_F(EmbeddedStoreTest, ForeignFilesAreRefused) {
  std::filesystem::create_directories(folder_ + "/data");
  query("CREATE TABLE other (x)");
  EXPECT_EQ(open_fails().message,
            "the store " + options_.path + " is a database of another program");
  query("DROP TABLE other; PRAGMA application_id = 1348029518; PRAGMA user_version = 7");
  EXPECT_EQ(open_fails().message, "the store " + options_.path +
                                      " was written by a newer Pylon (format 7, this one knows 1)");
}

TEST_F(EmbeddedStoreTest, AFileThatIsNoDatabaseIsAClearError) {
  std::filesystem::create_directories(folder_ + "/data");
  std::ofstream(options_.path) << std::string(8192, 'x');
  Failure failure = open_fails();
  EXPECT_EQ(failure.kind, Failure::Kind::corrupt);
  EXPECT_EQ(failure.message, "the store " + options_.path + " is damaged: file is not a database");
}

TEST_F(EmbeddedStoreTest, APathThatCannotBeOpenedIsAClearError) {
  options_.path = "/proc/nowhere/pylon.db";
  EXPECT_NE(open_fails().message.find("/proc/nowhere/pylon.db"), std::string::npos);
}

TEST_F(EmbeddedStoreTest, DamagedPagesAreAClearError) {
  open();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(put("/" + std::to_string(i), std::string(500, 'v')));
  store_.reset();
  auto bytes = static_cast<std::streamoff>(std::filesystem::file_size(options_.path));
  for (std::streamoff at = 4096; at + 4096 <= bytes; at += 4096) {
    write_file(std::string(200, '\xff'), at);
  }
  auto store = EmbeddedStore::open(options_, clock_, pump_.poster());
  if (!store) {
    EXPECT_EQ(store.error().kind, Failure::Kind::corrupt);
    return;
  }
  auto loaded = pump_.run((*store)->load([](Entry) {}));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, Failure::Kind::corrupt);
}

TEST_F(EmbeddedStoreTest, FullIsAnErrorAndLosesNothing) {
  options_.max_bytes = 200'000;
  open();
  int stored = 0;
  Outcome<Committed> last;
  while (stored < 1000) {
    last = put("/" + std::to_string(stored), std::string(1000, 'v'));
    if (!last) break;
    ++stored;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().kind, Failure::Kind::full);
  EXPECT_GT(stored, 20);
  EXPECT_EQ(store_->revision(), stored + 1);
  auto entries = pump_.run(store_->list(""));
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->size(), static_cast<size_t>(stored));

  options_.max_bytes = 0;
  open();
  EXPECT_TRUE(put("/more", std::string(1000, 'v')));
}

TEST_F(EmbeddedStoreTest, AForeignLockIsAnErrorThatPasses) {
  options_.busy_timeout_ms = 20;
  open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  auto refused = put("/a", "1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Failure::Kind::unavailable);
  EXPECT_EQ(refused.error().message,
            "the store " + options_.path + " is locked by another program");
  sqlite3_close(other);
  EXPECT_TRUE(put("/a", "1"));
}

TEST_F(EmbeddedStoreTest, TooManyWaitingRequestsFailAtOnce) {
  options_.max_queued = 0;
  open();
  auto refused = put("/a", "1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the store has too many requests waiting");
}

TEST_F(EmbeddedStoreTest, ClosingAnswersWhatIsUnderWay) {
  open();
  std::optional<Outcome<Committed>> answer;
  async::Task<void> task = Pump::keep(store_->put("/a", "1", PutOptions{}), answer);
  pump_.start(task);
  store_->close();
  std::unique_ptr<EmbeddedStore> old = std::move(store_);
  open();  // another one may have the file now
  pump_.run_until([&] { return answer.has_value(); });
  EXPECT_TRUE(*answer);
  EXPECT_TRUE(*pump_.run(store_->get("/a")));
  auto refused = pump_.run(old->get("/a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the store is closed");
}

class Noting final : public WatchListener {
 public:
  void on_changes(const ChangeSet& changes) override {
    for (const Change& change : changes.changes) told.push_back(change.entry.key);
  }
  void on_gap(std::string_view why) override { told.emplace_back(why); }

  std::vector<std::string> told;
};

TEST_F(EmbeddedStoreTest, ReopenedItKnowsWhatWasWrittenMeanwhile) {
  open();
  Noting listener;
  std::unique_ptr<Watch> watch = store_->watch(store_->revision(), listener);
  EXPECT_TRUE(put("/mine", "1"));
  store_->close();
  std::unique_ptr<EmbeddedStore> old = std::move(store_);
  open();
  EXPECT_TRUE(put("/theirs", "1"));
  store_ = std::move(old);  // the other one ends
  ASSERT_TRUE(store_->reopen());
  EXPECT_TRUE(put("/again", "1"));
  EXPECT_EQ(listener.told, (std::vector<std::string>{"/mine", "/theirs", "/again"}));
  EXPECT_TRUE(store_->reopen());  // it is open: nothing happens
}

TEST_F(EmbeddedStoreTest, ConcurrentWritersAllGetTheirOwnRevision) {
  open();
  constexpr int kWriters = 500;
  std::vector<std::optional<Outcome<Committed>>> answers(kWriters);
  std::vector<async::Task<void>> tasks;
  for (int i = 0; i < kWriters; ++i) {
    auto writing = store_->put("/" + std::to_string(i % 100), std::to_string(i), PutOptions{});
    tasks.push_back(Pump::keep(std::move(writing), answers[static_cast<size_t>(i)]));
    pump_.start(tasks.back());
  }
  pump_.run_until([&] { return answers.back().has_value(); });
  for (int i = 0; i < kWriters; ++i) {
    ASSERT_TRUE(*answers[static_cast<size_t>(i)]);
    EXPECT_EQ((*answers[static_cast<size_t>(i)])->revision, i + 2);
  }
}

TEST_F(EmbeddedStoreTest, HistoryTellsWhoAndKeepsTheVersionBefore) {
  options_.kept_revisions = 3;
  open();
  ASSERT_TRUE(put("/a", "1"));                                             // 2
  ASSERT_TRUE(put("/b", "1"));                                             // 3
  for (int i = 2; i <= 4; ++i) ASSERT_TRUE(put("/a", std::to_string(i)));  // 4, 5, 6
  ASSERT_TRUE(pump_.run(store_->erase("/b", Origin{"bob", "", ""})));      // 7
  store_.reset();
  EXPECT_EQ(query("SELECT value FROM state WHERE name = 'floor'"), Rows{"4"});
  EXPECT_EQ(query("SELECT key, revision, value FROM version ORDER BY key, revision"),
            (Rows{"/a|4|2", "/a|5|3", "/a|6|4", "/b|3|1", "/b|7|NULL"}));
  EXPECT_EQ(query("SELECT revision, time_us, author, source, comment FROM revision LIMIT 1"),
            Rows{"5|1700000000000000|alice|192.0.2.1|because"});
}

TEST_F(EmbeddedStoreTest, HistoryStaysBounded) {
  options_.kept_revisions = 10;
  open();
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(put("/" + std::to_string(i % 7), std::to_string(i)));
    if (i % 5 != 0) continue;
    ASSERT_TRUE(pump_.run(store_->erase("/" + std::to_string(i % 7), Origin{})));
  }
  store_.reset();
  EXPECT_EQ(query("SELECT count(*) <= 10 + 7 FROM version"), Rows{"1"});
  EXPECT_EQ(query("SELECT count(*) FROM revision"), Rows{"10"});
}

// Writes until it is killed; each acknowledged number goes down the pipe.
[[noreturn]] void write_forever(const EmbeddedOptions& options, int acknowledge) {
  SystemClock clock;
  Pump pump;
  auto store = EmbeddedStore::open(options, clock, pump.poster());
  for (int32_t i = 0; store; ++i) {
    auto done = pump.run((*store)->put("/k/" + std::to_string(i), "{}", PutOptions{}));
    if (!done || ::write(acknowledge, &i, sizeof i) != sizeof i) break;
  }
  ::_exit(1);
}

TEST_F(EmbeddedStoreTest, AcknowledgedWritesSurviveKill9) {
  int32_t acknowledged = 0;
  for (int round = 0; round < 3; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t writer = ::fork();
    if (writer == 0) write_forever(options_, ends[1]);
    ::close(ends[1]);
    int32_t number = -1;
    while (number < 60 + 17 * round && ::read(ends[0], &number, sizeof number) == sizeof number) {
    }
    ::kill(writer, SIGKILL);
    while (::read(ends[0], &number, sizeof number) == sizeof number) {
    }
    ::close(ends[0]);
    ::waitpid(writer, nullptr, 0);
    acknowledged = std::max(acknowledged, number);

    open();
    auto entries = pump_.run(store_->list("/k/"));
    ASSERT_TRUE(entries);
    EXPECT_GT(acknowledged, 50);
    EXPECT_GE(entries->size(), static_cast<size_t>(acknowledged) + 1);
    for (size_t i = 0; i <= static_cast<size_t>(acknowledged); ++i) {
      EXPECT_EQ((*entries)[i].key, "/k/" + std::to_string(i));
    }
    store_.reset();
  }
}

}  // namespace
}  // namespace pylon::store

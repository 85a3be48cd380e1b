#include "observe/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/clock.h"

namespace pylon::observe {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

class LogTest : public testing::Test {
 protected:
  LogTest() : path_(testing::TempDir() + "pylon_log_test.log") { std::remove(path_.c_str()); }
  ~LogTest() override {
    stop_log();
    set_log_level(Level::warn);
    std::remove(path_.c_str());
  }

  void start(LogOptions options = {}) {
    options.path = path_;
    options.clock = &clock_;
    ASSERT_TRUE(start_log(options));
  }
  std::string text() {
    flush_log();
    return read_file(path_);
  }

  SimulatedClock clock_{1'704'164'645'000'000};  // 2024-01-02 03:04:05 UTC
  std::string path_;
};

TEST_F(LogTest, HasTheShapeOfNginx) {
  start();
  log(Level::error, "cannot read {}: {}", "a.yaml", 2);
  EXPECT_THAT(text(), MatchesRegex("2024/01/02 03:04:05 \\[error\\] [0-9]+#[0-9]+: "
                                   "cannot read a.yaml: 2\n"));
}

TEST_F(LogTest, NamesWhatAMessageIsAbout) {
  start();
  log(Level::error, LogContext{.connection = 7, .client = "192.0.2.1", .request = "GET / HTTP/1.1"},
      "no node answers");
  EXPECT_THAT(text(), EndsWith(": *7 no node answers, client: 192.0.2.1, "
                               "request: \"GET / HTTP/1.1\"\n"));
}

TEST_F(LogTest, LevelsBelowAreNotWritten) {
  start({.level = Level::error});
  log(Level::warn, "quiet");
  log(Level::crit, "loud");
  EXPECT_THAT(text(), Not(HasSubstr("quiet")));
  EXPECT_THAT(text(), HasSubstr("[crit]"));
}

TEST_F(LogTest, AMessageStaysOneLine) {
  start();
  log(Level::error, "got {}", "a\nfake [error] line\x01");
  EXPECT_THAT(text(), EndsWith("got a\\x0Afake [error] line\\x01\n"));
}

TEST_F(LogTest, AnEndlessMessageIsCut) {
  start();
  log(Level::error, "{}", std::string(100'000, 'x'));
  EXPECT_LE(text().size(), 4096u);
}

TEST_F(LogTest, RepetitionsAreCountedAndSaidLater) {
  start({.same_per_second = 3});
  for (int i = 0; i < 10; ++i) log(Level::error, "again");
  EXPECT_EQ(log_counts().suppressed, 7u);
  clock_.advance_ms(1000);
  log(Level::error, "again");
  EXPECT_THAT(text(), HasSubstr("7 more of: again\n"));
}

TEST_F(LogTest, AFullQueueDropsAndCounts) {
  uint64_t before = log_counts().dropped;
  start({.queue_bytes = 10});
  log(Level::error, "does not fit");
  EXPECT_EQ(log_counts().dropped, before + 1);
  EXPECT_EQ(text(), "");
}

TEST_F(LogTest, ReopenWritesToANewFile) {
  start();
  log(Level::error, "first");
  flush_log();
  std::string moved = path_ + ".1";
  ASSERT_EQ(std::rename(path_.c_str(), moved.c_str()), 0);
  reopen_log();
  log(Level::error, "second");
  EXPECT_THAT(text(), HasSubstr("second"));
  EXPECT_THAT(read_file(moved), HasSubstr("first"));
  std::remove(moved.c_str());
}

TEST_F(LogTest, AnUnwritablePathIsSaid) {
  Result<void> started = start_log({.path = "/nonexistent/error.log"});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("/nonexistent/error.log"));
}

}  // namespace
}  // namespace pylon::observe

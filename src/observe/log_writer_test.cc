#include "observe/log_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

namespace pylon::observe {
namespace {

class LogWriterTest : public testing::Test {
 protected:
  LogWriterTest() : path_(testing::TempDir() + "pylon_log_writer_test.log") {
    std::remove(path_.c_str());
  }
  ~LogWriterTest() override { std::remove(path_.c_str()); }

  void open(LogWriter::Options options = {}) {
    options.path = path_;
    auto opened = LogWriter::open(options);
    ASSERT_TRUE(opened);
    writer_ = std::move(*opened);
  }
  static bool append(LogLane& lane, std::string_view line) {
    char* to = lane.reserve(line.size());
    if (to == nullptr) return false;
    std::memcpy(to, line.data(), line.size());
    lane.commit(line.size());
    return true;
  }
  static std::string content(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string path_;
  std::unique_ptr<LogWriter> writer_;
};

TEST_F(LogWriterTest, LinesArriveAfterAFlush) {
  open();
  EXPECT_TRUE(append(writer_->lane(0), "one\n"));
  EXPECT_TRUE(append(writer_->lane(0), "two\n"));
  EXPECT_EQ(content(path_), "");
  writer_->lane(0).flush();
  writer_->drain();
  EXPECT_EQ(content(path_), "one\ntwo\n");
  EXPECT_EQ(writer_->written_bytes(), 8u);
}

TEST_F(LogWriterTest, AFullBufferGoesByItself) {
  open({.buffer_bytes = 8});
  EXPECT_TRUE(append(writer_->lane(0), "12345\n"));
  EXPECT_TRUE(append(writer_->lane(0), "67890\n"));
  writer_->drain();
  EXPECT_EQ(content(path_), "12345\n");
}

TEST_F(LogWriterTest, LanesDoNotMixWithinALine) {
  open({.lanes = 2});
  append(writer_->lane(0), "a1\n");
  append(writer_->lane(1), "b1\n");
  append(writer_->lane(0), "a2\n");
  writer_->lane(0).flush();
  writer_->drain();
  writer_->lane(1).flush();
  writer_->drain();
  EXPECT_EQ(content(path_), "a1\na2\nb1\n");
}

TEST_F(LogWriterTest, ALineLongerThanABufferIsDropped) {
  open({.buffer_bytes = 8});
  EXPECT_FALSE(append(writer_->lane(0), "123456789"));
  EXPECT_EQ(writer_->dropped_lines(), 1u);
}

TEST_F(LogWriterTest, BuffersComeBack) {
  open({.buffer_bytes = 8, .buffers_per_lane = 2});
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(append(writer_->lane(0), "1234567\n"));
    writer_->lane(0).flush();
    writer_->drain();
  }
  EXPECT_EQ(writer_->written_bytes(), 800u);
}

TEST_F(LogWriterTest, ReopenWritesToANewFile) {
  open();
  append(writer_->lane(0), "old\n");
  writer_->lane(0).flush();
  writer_->drain();
  std::string moved = path_ + ".1";
  ASSERT_EQ(std::rename(path_.c_str(), moved.c_str()), 0);
  writer_->reopen();
  writer_->drain();
  append(writer_->lane(0), "new\n");
  writer_->lane(0).flush();
  writer_->drain();
  EXPECT_EQ(content(path_), "new\n");
  EXPECT_EQ(content(moved), "old\n");
  std::remove(moved.c_str());
}

TEST_F(LogWriterTest, TheEndWritesWhatWasHandedOver) {
  open();
  append(writer_->lane(0), "last\n");
  writer_->lane(0).flush();
  writer_.reset();
  EXPECT_EQ(content(path_), "last\n");
}

TEST(LogWriter, AnUnwritablePathIsSaid) {
  auto opened = LogWriter::open({.path = "/nonexistent/access.log"});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("/nonexistent/access.log"), std::string::npos);
}

}  // namespace
}  // namespace pylon::observe

// LogWriter: a file that workers append lines to without ever waiting for the disk.
//
// Each worker renders its lines into a lane: a few buffers of its own. A full buffer (or an aged
// one: flush()) is handed to the telemetry thread, which does the write(2) and gives the buffer
// back. When a lane has no buffer left because the disk is slow, lines are dropped and counted;
// memory stays bounded. Lines are whole: a buffer ends at the end of a line.
//
//   LogWriter writer({.path = "logs/access.log", .lanes = workers});
//   LogLane& lane = writer.lane(worker_index);
//   char* to = lane.reserve(bound);        // null: drop this line
//   lane.commit(rendered_bytes);
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"

namespace pylon::observe {

class LogWriter;

// One worker's way into the file. Belongs to that worker's thread; counters may be read by any.
class LogLane {
 public:
  // Room for a line of at most `bytes`; null when the line cannot be taken (it is counted).
  char* reserve(size_t bytes) {
    if (bytes <= left_) [[likely]]
      return next_;
    return reserve_slow(bytes);
  }
  // The line that was rendered into the room; `bytes` of it were used.
  void commit(size_t bytes) {
    next_ += bytes;
    left_ -= bytes;
  }

  // The same for a line that is there already; the line feed is added.
  void append(std::string_view line);

  // Hands over what is buffered. The worker's timer calls it about once a second.
  void flush();

  uint64_t dropped_lines() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  friend class LogWriter;
  LogLane(LogWriter& writer, uint32_t index) : writer_(writer), index_(index) {}
  char* reserve_slow(size_t bytes);
  char* drop();

  LogWriter& writer_;
  uint32_t index_;
  char* next_ = nullptr;
  size_t left_ = 0;
  char* start_ = nullptr;  // of the buffer being filled; null: none taken
  std::atomic<uint64_t> dropped_{0};
};

class LogWriter {
 public:
  struct Options {
    std::string path = {};
    size_t lanes = 1;
    size_t buffer_bytes = 64 << 10;  // also the longest possible line
    size_t buffers_per_lane = 8;
  };

  static Result<std::unique_ptr<LogWriter>> open(Options options);
  ~LogWriter();  // writes what was handed over; each lane must have been flushed
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  LogLane& lane(size_t index) { return *lanes_[index]; }
  void reopen();  // after a rotation: the thread opens the path anew before its next write
  void drain();   // returns when all that was handed over before is written

  uint64_t dropped_lines() const;  // over all lanes
  uint64_t failed_writes() const { return failed_writes_.load(std::memory_order_relaxed); }
  uint64_t written_bytes() const { return written_bytes_.load(std::memory_order_relaxed); }

 private:
  friend class LogLane;
  struct Full {
    uint32_t lane;
    char* start;
    size_t bytes;
  };

  explicit LogWriter(Options options);
  char* take_buffer(uint32_t lane);
  void hand_over(Full full);
  void run();
  void write_all(const Full& full);
  bool open_file();

  const Options options_;
  std::vector<std::unique_ptr<LogLane>> lanes_;
  int fd_ = -1;  // telemetry thread only, once it runs

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::condition_variable drained_;
  std::vector<std::vector<std::unique_ptr<char[]>>> free_;  // per lane
  std::vector<size_t> made_;                                // buffers per lane so far
  std::vector<Full> queue_;
  uint64_t handed_ = 0;
  uint64_t done_ = 0;
  bool reopen_ = false;
  bool stopping_ = false;

  std::atomic<uint64_t> failed_writes_{0};
  std::atomic<uint64_t> written_bytes_{0};
  std::thread thread_;
};

}  // namespace pylon::observe

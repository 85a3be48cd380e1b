// The error log: one line per message, in the shape of nginx's error.log.
//
//   2024/01/02 15:04:05 [error] 812#814: *7 connect to 10.0.0.1:80 failed, client: 192.0.2.1
//
//   log(Level::warn, "cannot read {}: {}", path, reason);
//   log(Level::error, context, "no node of upstream {} answers", id);   // about a request
//
// Any thread may log. The level is checked before anything is formatted. A line goes to a bounded
// queue that one background thread writes to the file; when the queue is full the line is dropped
// and counted. The same message more than a few times a second is counted, not written. Before
// start_log() and after stop_log() lines go to stderr at once. Control bytes are escaped, so that
// nobody forges a line. A Secret does not compile as an argument; never log what it exposes.
#pragma once

#include <fmt/core.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace pylon {
class Clock;
}

namespace pylon::observe {

// nginx's levels, the most serious first.
enum class Level : uint8_t { emerg, alert, crit, error, warn, notice, info, debug };

std::string_view level_name(Level level);  // "error"

// What a message is about; empty members are left out of the line.
struct LogContext {
  uint64_t connection = 0;         // "*7"
  std::string_view client = {};    // address
  std::string_view server = {};    // host asked for
  std::string_view request = {};   // request line
  std::string_view upstream = {};  // node address
};

struct LogOptions {
  std::string path = {};  // "stderr" or "/dev/stderr": standard error
  Level level = Level::warn;
  size_t queue_bytes = 1 << 20;  // lines waiting for the disk
  int same_per_second = 10;      // of one message; more are counted
  const Clock* clock = nullptr;  // null: the system's
};

struct LogCounts {
  uint64_t written = 0;     // lines handed to the file
  uint64_t dropped = 0;     // lines lost: queue full or the write failed
  uint64_t suppressed = 0;  // repetitions of a message that were only counted
};

Result<void> start_log(const LogOptions& options);
void stop_log();  // writes what waits, then logs to stderr
void set_log_level(Level level);
void reopen_log();  // after a rotation (SIGUSR1): the writer opens the path anew, soon
void flush_log();   // returns when all lines logged before are written
LogCounts log_counts();

namespace detail {
inline std::atomic<Level> log_level{Level::warn};
// Cold, and with it whatever always leads here: that lies apart from the code of what goes well.
[[gnu::cold]] void write_log(Level level, const LogContext* context, fmt::string_view format,
                             fmt::format_args args);
}  // namespace detail

inline bool log_enabled(Level level) {
  return level <= detail::log_level.load(std::memory_order_relaxed);
}

template <class... Args>
void log(Level level, fmt::format_string<Args...> format, Args&&... args) {
  if (!log_enabled(level)) return;
  detail::write_log(level, nullptr, format, fmt::make_format_args(args...));
}

template <class... Args>
void log(Level level, const LogContext& context, fmt::format_string<Args...> format,
         Args&&... args) {
  if (!log_enabled(level)) return;
  detail::write_log(level, &context, format, fmt::make_format_args(args...));
}

}  // namespace pylon::observe

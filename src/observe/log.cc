#include "observe/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/hash.h"

namespace pylon::observe {
namespace {

constexpr size_t kMaxLineBytes = 4096;
constexpr size_t kMaxTextBytes = 3072;  // of the message itself, before its context
constexpr std::array<std::string_view, 8> kNames{"emerg", "alert",  "crit", "error",
                                                 "warn",  "notice", "info", "debug"};

using Line = fmt::basic_memory_buffer<char, kMaxLineBytes>;

void append(Line& line, std::string_view text) {
  line.append(text.data(), text.data() + text.size());
}

// Control bytes as \xHH: one message stays one line, whatever a client put into it.
void append_escaped(Line& line, std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      line.push_back(c);
    } else {
      fmt::format_to(fmt::appender(line), "\\x{:02X}", byte);
    }
  }
}

void append_time(Line& line, int64_t unix_s) {
  time_t seconds = static_cast<time_t>(unix_s);
  tm parts{};
  gmtime_r(&seconds, &parts);
  fmt::format_to(fmt::appender(line), "{:04}/{:02}/{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900,
                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void append_named(Line& line, std::string_view name, std::string_view value, bool quoted) {
  if (value.empty()) return;
  append(line, name);
  if (quoted) line.push_back('"');
  append_escaped(line, value.substr(0, 512));
  if (quoted) line.push_back('"');
}

void append_context(Line& line, const LogContext& context) {
  append_named(line, ", client: ", context.client, false);
  append_named(line, ", server: ", context.server, false);
  append_named(line, ", request: ", context.request, true);
  append_named(line, ", upstream: ", context.upstream, true);
}

void append_head(Line& line, Level level, int64_t unix_s, const LogContext* context) {
  static thread_local const long thread_id = syscall(SYS_gettid);
  append_time(line, unix_s);
  fmt::format_to(fmt::appender(line), " [{}] {}#{}: ", level_name(level), getpid(), thread_id);
  if (context != nullptr && context->connection != 0) {
    fmt::format_to(fmt::appender(line), "*{} ", context->connection);
  }
}

void finish_line(Line& line) {
  if (line.size() > kMaxLineBytes - 1) line.resize(kMaxLineBytes - 1);
  line.push_back('\n');
}

// Lets a message pass a few times a second and counts the others. Messages that fall into one slot
// push each other out, so that a memory of a few kilobytes is enough.
class Repetitions {
 public:
  struct Held {
    uint64_t count = 0;
    Level level = Level::info;
    std::string text;  // its beginning
  };

  bool admit(Level level, std::string_view text, int64_t now_s, int limit, Held& ended) {
    uint64_t hash = hash_bytes(text);
    Slot& slot = slots_[hash % slots_.size()];
    if (slot.hash != hash || slot.second != now_s) {
      ended = take(slot);
      slot.hash = hash;
      slot.second = now_s;
      slot.seen = 0;
    }
    if (++slot.seen <= limit) return true;
    ++slot.held.count;
    if (slot.held.text.empty()) {
      slot.held.level = level;
      slot.held.text = text.substr(0, 256);
    }
    return false;
  }

  template <class Fn>
  void take_ended(int64_t now_s, Fn&& fn) {
    for (Slot& slot : slots_) {
      if (slot.held.count != 0 && slot.second != now_s) fn(take(slot));
    }
  }

 private:
  struct Slot {
    uint64_t hash = 0;
    int64_t second = -1;
    int seen = 0;
    Held held;
  };

  static Held take(Slot& slot) {
    Held held = std::move(slot.held);
    slot.held = {};
    return held;
  }

  std::array<Slot, 64> slots_;
};

int open_log_file(const std::string& path) {
  if (path == "stderr" || path == "/dev/stderr") return dup(STDERR_FILENO);
  return open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

bool write_fully(int fd, std::string_view octets) {
  while (!octets.empty()) {
    ssize_t n = write(fd, octets.data(), octets.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    octets.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// The file, its queue and the thread between them.
class ErrorLog {
 public:
  Result<void> start(const LogOptions& options) {
    stop();
    int fd = open_log_file(options.path);
    if (fd < 0) return fail(fmt::format("{}: {}", options.path, strerror(errno)));
    std::lock_guard lock(mutex_);
    options_ = options;
    fd_ = fd;
    running_ = true;
    thread_ = std::thread([this] { run(); });
    set_log_level(options.level);
    return {};
  }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      if (!running_) return;
      running_ = false;
      wake_.notify_one();
    }
    thread_.join();
    close(fd_);
    fd_ = -1;
  }

  void reopen() {
    std::lock_guard lock(mutex_);
    reopen_ = running_;
    wake_.notify_one();
  }

  void flush() {
    std::unique_lock lock(mutex_);
    uint64_t target = accepted_;
    flushed_.wait(lock, [&] { return !running_ || done_ >= target; });
  }

  LogCounts counts() {
    std::lock_guard lock(mutex_);
    return counts_;
  }

  void write(Level level, const LogContext* context, std::string_view text) {
    std::lock_guard lock(mutex_);
    int64_t now_s = clock().wall_s();
    Repetitions::Held ended;
    bool admitted = repetitions_.admit(level, text, now_s, options_.same_per_second, ended);
    if (ended.count != 0) enqueue_held(ended, now_s);
    if (!admitted) {
      ++counts_.suppressed;
      return;
    }
    Line line;
    append_head(line, level, now_s, context);
    append_escaped(line, text);
    if (context != nullptr) append_context(line, *context);
    enqueue(line);
  }

 private:
  const Clock& clock() const { return options_.clock != nullptr ? *options_.clock : system_clock_; }

  void enqueue_held(const Repetitions::Held& held, int64_t now_s) {
    Line line;
    append_head(line, held.level, now_s, nullptr);
    fmt::format_to(fmt::appender(line), "{} more of: ", held.count);
    append_escaped(line, held.text);
    enqueue(line);
  }

  void enqueue(Line& line) {
    finish_line(line);
    std::string_view octets(line.data(), line.size());
    if (!running_) {
      ++(write_fully(STDERR_FILENO, octets) ? counts_.written : counts_.dropped);
      return;
    }
    if (queue_.size() + octets.size() > options_.queue_bytes) {
      ++counts_.dropped;
      return;
    }
    if (queue_.empty()) wake_.notify_one();
    queue_ += octets;
    ++accepted_;
  }

  void run() {
    std::unique_lock lock(mutex_);
    std::string octets;
    while (running_ || !queue_.empty()) {
      wake_.wait_for(lock, std::chrono::seconds(1),
                     [&] { return !queue_.empty() || reopen_ || !running_; });
      int64_t now_s = clock().wall_s();
      repetitions_.take_ended(now_s, [&](const auto& held) { enqueue_held(held, now_s); });
      octets.clear();
      octets.swap(queue_);
      uint64_t upto = accepted_;
      bool reopen = std::exchange(reopen_, false);
      lock.unlock();
      if (reopen) reopen_file();
      bool ok = write_fully(fd_, octets);
      lock.lock();
      (ok ? counts_.written : counts_.dropped) += upto - done_;
      done_ = upto;
      flushed_.notify_all();
    }
  }

  // Keeps the old file when the new one cannot be opened.
  void reopen_file() {
    int fd = open_log_file(options_.path);
    if (fd < 0) return;
    close(fd_);
    fd_ = fd;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable flushed_;
  SystemClock system_clock_;
  LogOptions options_;
  Repetitions repetitions_;
  std::string queue_;
  uint64_t accepted_ = 0;
  uint64_t done_ = 0;
  LogCounts counts_;
  bool running_ = false;
  bool reopen_ = false;
  int fd_ = -1;  // the thread's while it runs
  std::thread thread_;
};

// Never destroyed: threads may log until the very end of the process.
ErrorLog& error_log() {
  static ErrorLog* log = new ErrorLog;
  return *log;
}

}  // namespace

std::string_view level_name(Level level) { return kNames[static_cast<size_t>(level)]; }

Result<void> start_log(const LogOptions& options) { return error_log().start(options); }
void stop_log() { error_log().stop(); }
void reopen_log() { error_log().reopen(); }
void flush_log() { error_log().flush(); }
LogCounts log_counts() { return error_log().counts(); }

void set_log_level(Level level) { detail::log_level.store(level, std::memory_order_relaxed); }

void detail::write_log(Level level, const LogContext* context, fmt::string_view format,
                       fmt::format_args args) {
  fmt::basic_memory_buffer<char, 1024> text;
  fmt::vformat_to(fmt::appender(text), format, args);
  error_log().write(level, context, {text.data(), std::min<size_t>(text.size(), kMaxTextBytes)});
}

}  // namespace pylon::observe

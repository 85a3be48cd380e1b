#include "observe/log_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace pylon::observe {

void LogLane::append(std::string_view line) {
  char* to = reserve(line.size() + 1);
  if (to == nullptr) return;  // counted
  if (!line.empty()) std::memcpy(to, line.data(), line.size());
  to[line.size()] = '\n';
  commit(line.size() + 1);
}

char* LogLane::drop() {
  dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return nullptr;
}

char* LogLane::reserve_slow(size_t bytes) {
  if (bytes > writer_.options_.buffer_bytes) return drop();
  flush();
  if (start_ == nullptr) {
    start_ = writer_.take_buffer(index_);
    if (start_ == nullptr) return drop();
    next_ = start_;
    left_ = writer_.options_.buffer_bytes;
  }
  return next_;
}

void LogLane::flush() {
  if (next_ == start_) return;
  writer_.hand_over({index_, start_, static_cast<size_t>(next_ - start_)});
  start_ = next_ = nullptr;
  left_ = 0;
}

Result<std::unique_ptr<LogWriter>> LogWriter::open(Options options) {
  std::unique_ptr<LogWriter> writer(new LogWriter(std::move(options)));
  if (!writer->open_file()) {
    return fail(fmt::format("{}: {}", writer->options_.path, strerror(errno)));
  }
  writer->thread_ = std::thread([raw = writer.get()] { raw->run(); });
  return writer;
}

LogWriter::LogWriter(Options options)
    : options_(std::move(options)), free_(options_.lanes), made_(options_.lanes) {
  for (uint32_t i = 0; i < options_.lanes; ++i) {
    lanes_.emplace_back(new LogLane(*this, i));
  }
}

LogWriter::~LogWriter() {
  if (thread_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_one();
    }
    thread_.join();
  }
  for (auto& lane : lanes_) delete[] lane->start_;
  if (fd_ >= 0) close(fd_);
}

uint64_t LogWriter::dropped_lines() const {
  uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->dropped_lines();
  return sum;
}

char* LogWriter::take_buffer(uint32_t lane) {
  std::lock_guard lock(mutex_);
  auto& free = free_[lane];
  if (!free.empty()) {
    char* buffer = free.back().release();
    free.pop_back();
    return buffer;
  }
  if (made_[lane] == options_.buffers_per_lane) return nullptr;
  ++made_[lane];
  return new char[options_.buffer_bytes];
}

void LogWriter::hand_over(Full full) {
  std::lock_guard lock(mutex_);
  queue_.push_back(full);
  ++handed_;
  wake_.notify_one();
}

void LogWriter::reopen() {
  std::lock_guard lock(mutex_);
  reopen_ = true;
  wake_.notify_one();
}

void LogWriter::drain() {
  std::unique_lock lock(mutex_);
  uint64_t target = handed_;
  drained_.wait(lock, [&] { return done_ >= target && !reopen_; });
}

void LogWriter::run() {
  std::vector<Full> taken;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return !queue_.empty() || reopen_ || stopping_; });
    if (queue_.empty() && !reopen_) return;
    taken.clear();
    taken.swap(queue_);
    bool reopen = reopen_;
    lock.unlock();
    for (const Full& full : taken) write_all(full);
    if (reopen) open_file();
    lock.lock();
    if (reopen) reopen_ = false;
    for (const Full& full : taken) free_[full.lane].emplace_back(full.start);
    done_ += taken.size();
    drained_.notify_all();
  }
}

void LogWriter::write_all(const Full& full) {
  const char* at = full.start;
  size_t left = full.bytes;
  while (left > 0) {
    ssize_t n = write(fd_, at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      failed_writes_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    at += n;
    left -= static_cast<size_t>(n);
    written_bytes_.fetch_add(static_cast<uint64_t>(n), std::memory_order_relaxed);
  }
}

// Keeps the old file when the new one cannot be opened.
bool LogWriter::open_file() {
  int fd = ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  return true;
}

}  // namespace pylon::observe

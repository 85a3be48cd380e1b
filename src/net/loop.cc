#include "net/loop.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace pylon::net {
namespace {

constexpr int64_t kWallRefreshUs = 500'000;

int64_t read_clock_us(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * int64_t{1'000'000} + now.tv_nsec / 1000;
}

}  // namespace

Loop::Loop()
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)), mailbox_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (epoll_fd_ < 0 || mailbox_fd_ < 0 || !watch(mailbox_fd_, mailbox_, EPOLLIN | EPOLLET)) {
    perror("event loop");
    abort();
  }
  read_clocks();
}

Loop::~Loop() {
  bury();
  ::close(mailbox_fd_);
  ::close(epoll_fd_);
}

void Loop::run() {
  while (!stopping_.load(std::memory_order_relaxed)) turn(-1);
}

void Loop::turn(int max_wait_ms) {
  epoll_event events[Batch::kStreams];
  int count = epoll_wait(epoll_fd_, events, Batch::kStreams, wait_ms(max_wait_ms));
  read_clocks();
  if (count > 1) receive(events, count);
  for (int i = 0; i < count; i++) {
    static_cast<Watcher*>(events[i].data.ptr)->on_events(events[i].events);
  }
  timers_.fire_due(now_us_);
  if (!turn_ends_.empty()) run_turn_ends();
  if (batch_.is_open()) batch_.close();
  if (at_top_) at_top_();
  if (!retired_.empty()) bury();
}

void Loop::receive(const epoll_event* events, int count) {
  batch_.open();
  for (int i = 0; i < count; i++) {
    if (i + 1 < count) __builtin_prefetch(events[i + 1].data.ptr);
    static_cast<Watcher*>(events[i].data.ptr)->arrive(events[i].events);
  }
}

void Loop::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = ::write(mailbox_fd_, &one, sizeof one);
}

void Loop::post(std::function<void()> message) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = messages_.empty();
    messages_.push_back(std::move(message));
  }
  if (!first) return;
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = ::write(mailbox_fd_, &one, sizeof one);
}

void Loop::drain_mailbox() {
  uint64_t count;
  [[maybe_unused]] ssize_t got = ::read(mailbox_fd_, &count, sizeof count);
  std::vector<std::function<void()>> messages;
  {
    std::lock_guard lock(mutex_);
    messages.swap(messages_);
  }
  for (auto& message : messages) message();
}

int64_t Loop::refresh_us() {
  now_us_ = read_clock_us(CLOCK_MONOTONIC) + skipped_us_;
  return now_us_;
}

void Loop::read_clocks() {
  refresh_us();
  if (wall_read_us_ != 0 && now_us_ - wall_read_us_ < kWallRefreshUs) return;
  wall_read_us_ = now_us_;
  wall_offset_us_ = read_clock_us(CLOCK_REALTIME) - now_us_;
}

int Loop::wait_ms(int max_wait_ms) const {
  if (!turn_ends_.empty()) return 0;
  int64_t next_us = timers_.next_us();
  if (next_us == Timer::kNever) return max_wait_ms;
  // What was armed for now while timers fired is entered a microsecond later.
  int64_t ms = next_us <= now_us_ + 1 ? 0 : (next_us - now_us_ + 999) / 1000;
  if (max_wait_ms >= 0 && ms > max_wait_ms) return max_wait_ms;
  return static_cast<int>(ms > 3'600'000 ? 3'600'000 : ms);
}

void Loop::run_turn_ends() {
  for (size_t left = turn_ends_.size(); left > 0 && !turn_ends_.empty(); left--) {
    TurnEnd* object = turn_ends_.front();
    object->leave();
    object->at_turn_end();
  }
}

void Loop::bury() {
  // By index: a dying object may retire others.
  for (size_t i = 0; i < retired_.size(); i++) delete retired_[i];
  retired_.clear();
}

bool Loop::watch(int fd, Watcher& watcher, uint32_t epoll_events) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.ptr = &watcher;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Loop::rewatch(int fd, Watcher& watcher, uint32_t epoll_events) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.ptr = &watcher;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0;
}

void Loop::unwatch(int fd) { epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr); }

}  // namespace pylon::net

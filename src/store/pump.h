// Pump: a stand-in for the control thread's loop, for tests: runs a task to its end and, while it
// waits, what other threads post.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "async/task.h"

namespace pylon::store {

class Pump {
 public:
  // From any thread.
  void post(std::function<void()> message) {
    std::lock_guard guard(mutex_);
    messages_.push_back(std::move(message));
    posted_.notify_one();
  }
  // Something else to turn while there is no message: a loop. It must not wait for long.
  void turn_with(std::function<void()> turn) { turn_ = std::move(turn); }

  std::function<void(std::function<void()>)> poster() {
    return [this](std::function<void()> message) { post(std::move(message)); };
  }

  template <class T>
  T run(async::Task<T> task) {
    std::optional<T> value;
    async::Task<void> keeping = keep(std::move(task), value);
    start(keeping);
    run_until([&] { return value.has_value(); });
    return std::move(*value);
  }

  // Starts a task that somebody else's message will end.
  template <class T>
  void start(async::Task<T>& task) {
    task.start([](void*) {}, nullptr);
  }

  // Messages run here until the condition holds. A test that waits for nothing fails loudly.
  template <class Condition>
  void run_until(Condition condition) {
    if (turn_) return turn_until(condition);
    while (!condition()) next_message()();
  }

  template <class T>
  static async::Task<void> keep(async::Task<T> task, std::optional<T>& value) {
    value.emplace(co_await task);
  }

 private:
  template <class Condition>
  void turn_until(Condition condition) {
    auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      turn_();
      if (std::chrono::steady_clock::now() < limit) continue;
      std::fputs("the pump waits for something that does not come\n", stderr);
      std::abort();
    }
  }

  std::function<void()> next_message() {
    std::unique_lock lock(mutex_);
    auto some = [this] { return !messages_.empty(); };
    if (!posted_.wait_for(lock, std::chrono::seconds(30), some)) {
      std::fputs("the pump waits for a message that nobody posts\n", stderr);
      std::abort();
    }
    std::function<void()> message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> messages_;
  std::function<void()> turn_;
};

}  // namespace pylon::store

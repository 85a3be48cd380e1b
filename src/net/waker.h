// Waker: where the one coroutine that drives an exchange waits for whatever happens next.
//
// Streams, timers and other sources call wake(); the coroutine then tries all its operations again.
// A wake-up carries no promise. When no coroutine waits, `idle` is called instead: that is how a
// parked connection starts one. Belongs to one loop.
#pragma once

#include <coroutine>
#include <cstdint>
#include <utility>

#include "net/loop.h"

namespace pylon::net {

enum class Wake : bool { event, timeout };

class Waker final : public Timer {
 public:
  using Idle = void (*)(void* owner);

  Waker(Loop& loop, Idle idle, void* owner) : Timer(loop.timers()), idle_(idle), owner_(owner) {}
  explicit Waker(Loop& loop) : Waker(loop, nullptr, nullptr) {}

  void wake() {
    if (waiting_) {
      timed_out_ = false;
      std::exchange(waiting_, {}).resume();
    } else if (idle_ != nullptr) {
      timed_out_ = false;
      idle_(owner_);
    }
  }

  // co_await waker.wait(deadline_us): suspends until woken or until the deadline.
  struct Wait {
    Waker& waker;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) noexcept { waker.waiting_ = self; }
    Wake await_resume() const noexcept { return waker.timed_out_ ? Wake::timeout : Wake::event; }
  };
  Wait wait(int64_t deadline_us) {
    arm(deadline_us);
    return Wait{*this};
  }

  bool waiting() const { return static_cast<bool>(waiting_); }
  // Whether the last call of `idle` came from the timer.
  bool timed_out() const { return timed_out_; }

 private:
  void fire() override {
    timed_out_ = true;
    if (waiting_) {
      std::exchange(waiting_, {}).resume();
    } else if (idle_ != nullptr) {
      idle_(owner_);
    }
  }

  std::coroutine_handle<> waiting_;
  Idle idle_;
  void* owner_;
  bool timed_out_ = false;
};

}  // namespace pylon::net

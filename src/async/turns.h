// Turns: coroutines of one thread take turns: any number at once that share, or one alone. First
// come, first served, so that nobody waits for ever.
//
//   Turns::Waiter waiter = turns.alone();
//   Turns::Turn turn = co_await waiter;
//   ...
//   turn.end();  // or by its destructor
//
// A coroutine that is destroyed while it waits leaves the queue. Whoever is next goes on within
// end(). The Turns must outlive all turns.
#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include "base/intrusive_list.h"

namespace pylon::async {

class Turns {
 public:
  enum class Kind : bool { shared, alone };

  class Turn {
   public:
    Turn(Turns& turns, Kind kind) : turns_(&turns), kind_(kind) {}
    Turn(Turn&& other) noexcept
        : turns_(std::exchange(other.turns_, nullptr)), kind_(other.kind_) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() { end(); }

    void end() {
      if (Turns* turns = std::exchange(turns_, nullptr)) turns->give_back(kind_);
    }

   private:
    Turns* turns_;
    Kind kind_;
  };

  class Waiter : public ListHook<Waiter> {
   public:
    Waiter(Turns& turns, Kind kind) : turns_(turns), kind_(kind) {}
    bool await_ready() {
      if (!turns_.waiting_.empty() || !turns_.admits(kind_)) return false;
      turns_.begin(kind_);
      return true;
    }
    void await_suspend(std::coroutine_handle<> self) {
      self_ = self;
      turns_.waiting_.push_back(*this);
    }
    Turn await_resume() { return Turn(turns_, kind_); }

   private:
    friend class Turns;
    Turns& turns_;
    Kind kind_;
    std::coroutine_handle<> self_;
  };

  Waiter take(Kind kind) { return Waiter(*this, kind); }
  Waiter shared() { return take(Kind::shared); }
  Waiter alone() { return take(Kind::alone); }

 private:
  bool admits(Kind kind) const { return !alone_ && (kind == Kind::shared || sharing_ == 0); }

  void begin(Kind kind) {
    if (kind == Kind::alone) {
      alone_ = true;
    } else {
      ++sharing_;
    }
  }

  void give_back(Kind kind) {
    if (kind == Kind::alone) {
      alone_ = false;
    } else {
      --sharing_;
    }
    while (!waiting_.empty() && admits(waiting_.front()->kind_)) {
      Waiter& next = *waiting_.front();
      next.leave();
      begin(next.kind_);
      next.self_.resume();  // which may end its turn
    }
  }

  IntrusiveList<Waiter> waiting_;
  size_t sharing_ = 0;
  bool alone_ = false;
};

}  // namespace pylon::async

// Timer: a deadline in a loop's heap. Re-arming later costs one store, which is the common case: a
// timeout is pushed back on every event and hardly ever fires.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace pylon::net {

class TimerHeap;

class Timer {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  explicit Timer(TimerHeap& heap) : heap_(&heap) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer();

  // Fires once at `deadline_us` of the loop's monotonic clock, or at the new one when armed again.
  // One that is armed for now while timers fire does so in the next turn: who yields in this way
  // lets all others have theirs.
  inline void arm(int64_t deadline_us);
  void disarm() { deadline_us_ = kNever; }
  int64_t deadline_us() const { return deadline_us_; }

 protected:
  virtual void fire() = 0;  // may destroy the timer

 private:
  friend class TimerHeap;
  void move_forward();

  TimerHeap* heap_;
  int64_t deadline_us_ = kNever;
  uint32_t place_ = 0;  // 1-based index in the heap; 0: not in it
};

// A binary heap of timers by the key they were entered with; a timer's true deadline may be later.
class TimerHeap {
 public:
  // The earliest moment at which something may be due; Timer::kNever when nothing waits.
  int64_t next_us() const { return entries_.empty() ? Timer::kNever : entries_.front().key_us; }
  void fire_due(int64_t now_us);
  size_t size() const { return entries_.size(); }

 private:
  friend class Timer;
  struct Entry {
    int64_t key_us;
    Timer* timer;
  };
  void insert(Timer& timer);
  void remove(Timer& timer);
  void sift_up(size_t index);
  void sift_down(size_t index);
  void put(size_t index, Entry entry);
  int64_t key_for(int64_t deadline_us) const { return std::max(deadline_us, after_firing_us_); }

  std::vector<Entry> entries_;
  int64_t after_firing_us_ = 0;  // later than all that the last fire_due() took for due
};

void Timer::arm(int64_t deadline_us) {
  deadline_us_ = deadline_us;
  if (place_ == 0 || deadline_us < heap_->entries_[place_ - 1].key_us) [[unlikely]] {
    move_forward();
  }
}

}  // namespace pylon::net

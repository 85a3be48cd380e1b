// Clock: where everything that waits or stamps gets the time from, so that tests decide what it is.
#pragma once

#include <cstdint>

namespace pylon {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t monotonic_us() const = 0;  // never goes back; only differences mean something
  virtual int64_t wall_us() const = 0;       // microseconds since 1970-01-01 UTC

  int64_t monotonic_ms() const { return monotonic_us() / 1000; }
  int64_t wall_s() const { return wall_us() / 1'000'000; }
};

class SystemClock final : public Clock {
 public:
  int64_t monotonic_us() const override;
  int64_t wall_us() const override;
};

// Stands still until it is told to advance. Not thread safe.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(int64_t wall_us = 1'700'000'000'000'000) : wall_us_(wall_us) {}

  int64_t monotonic_us() const override { return monotonic_us_; }
  int64_t wall_us() const override { return wall_us_; }

  void advance_us(int64_t us) {
    monotonic_us_ += us;
    wall_us_ += us;
  }
  void advance_ms(int64_t ms) { advance_us(ms * 1000); }
  void set_wall_us(int64_t us) { wall_us_ = us; }  // the wall clock may jump, even back

 private:
  int64_t monotonic_us_ = 1'000'000;
  int64_t wall_us_;
};

}  // namespace pylon

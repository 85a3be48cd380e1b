// LoopClock: the time as the loop read it at the beginning of its turn. Costs a load.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "net/loop.h"

namespace pylon::net {

class LoopClock final : public Clock {
 public:
  explicit LoopClock(const Loop& loop) : loop_(loop) {}
  int64_t monotonic_us() const override { return loop_.now_us(); }
  int64_t wall_us() const override { return loop_.now_us() + loop_.wall_offset_us(); }

 private:
  const Loop& loop_;
};

}  // namespace pylon::net

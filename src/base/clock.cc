#include "base/clock.h"

#include <time.h>

namespace pylon {
namespace {

int64_t read_us(clockid_t which) {
  timespec now;
  clock_gettime(which, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

int64_t SystemClock::monotonic_us() const { return read_us(CLOCK_MONOTONIC); }

int64_t SystemClock::wall_us() const { return read_us(CLOCK_REALTIME); }

}  // namespace pylon

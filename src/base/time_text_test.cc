#include "base/time_text.h"

#include <gtest/gtest.h>
#include <time.h>

#include "base/clock.h"

namespace pylon {
namespace {

TEST(TimeText, KnownMoments) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(time_local(784111777), "06/Nov/1994:08:49:37 +0000");
  EXPECT_EQ(iso8601(784111777), "1994-11-06T08:49:37+00:00");
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(iso8601(951782400), "2000-02-29T00:00:00+00:00");
  EXPECT_EQ(iso8601(-1), "1969-12-31T23:59:59+00:00");
}

TEST(TimeText, AgreesWithTheSystem) {
  for (int64_t unix_s = -1'000'000; unix_s < 8'000'000'000; unix_s += 12'345'678) {
    time_t moment = unix_s;
    tm parts;
    gmtime_r(&moment, &parts);
    char expected[64];
    strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    EXPECT_EQ(http_date(unix_s), expected);
  }
}

TEST(Clock, SimulatedStandsStill) {
  SimulatedClock clock;
  int64_t wall = clock.wall_us();
  clock.advance_ms(5);
  EXPECT_EQ(clock.wall_us(), wall + 5000);
  clock.set_wall_us(0);
  EXPECT_EQ(clock.wall_s(), 0);
  SystemClock system;
  int64_t before_us = system.monotonic_us();
  EXPECT_LE(before_us, system.monotonic_us());
  EXPECT_GT(system.wall_s(), 1'600'000'000);
}

}  // namespace
}  // namespace pylon

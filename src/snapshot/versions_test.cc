#include "snapshot/versions.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>
#include <vector>

#include "snapshot/snapshot.h"

namespace pylon::snapshot {
namespace {

// A snapshot whose number is what the tests look at.
std::unique_ptr<const Snapshot> numbered(uint64_t number) {
  auto snapshot = std::make_unique<Snapshot>(router::Mode::host_uri);
  snapshot->number = number;
  return snapshot;
}

void publish(Versions& versions, uint64_t number) { versions.publish(numbered(number)); }

TEST(Versions, AWorkerTakesTheNewestOnly) {
  Versions versions(1);
  Seat& seat = versions.seat(0);
  EXPECT_FALSE(seat.take_newest());
  EXPECT_FALSE(seat.serves());
  publish(versions, 1);
  publish(versions, 2);
  EXPECT_TRUE(seat.take_newest());
  EXPECT_FALSE(seat.take_newest());
  EXPECT_EQ(seat.snapshot().number, 2u);
  versions.settle();
  EXPECT_EQ(versions.live(), 1u);  // nobody ever took the first
}

TEST(Versions, NothingIsFreedBeforeEveryWorkerHasGonePast) {
  Versions versions(2);
  publish(versions, 1);
  versions.seat(0).take_newest();
  publish(versions, 2);
  versions.seat(0).take_newest();
  versions.settle();
  EXPECT_EQ(versions.live(), 2u);  // the other worker may be about to take the first
  versions.seat(1).take_newest();
  versions.settle();
  EXPECT_EQ(versions.live(), 1u);
}

TEST(Versions, APinKeepsItsVersionAndNoOther) {
  Versions versions(1);
  Seat& seat = versions.seat(0);
  publish(versions, 1);
  seat.take_newest();
  Pin old = seat.pin();
  Pin second = seat.pin();
  for (uint64_t number = 2; number <= 10; ++number) {
    publish(versions, number);
    seat.take_newest();
  }
  versions.settle();
  EXPECT_EQ(versions.live(), 2u);
  EXPECT_EQ(old.snapshot().number, 1u);
  old.release();
  versions.settle();
  EXPECT_EQ(versions.live(), 2u);
  second = Pin();
  versions.settle();
  EXPECT_EQ(versions.live(), 1u);
}

TEST(Versions, ThePinOfTheNewestMayGoAndComeBack) {
  Versions versions(1);
  Seat& seat = versions.seat(0);
  publish(versions, 1);
  seat.take_newest();
  seat.pin().release();
  Pin again = seat.pin();
  publish(versions, 2);
  seat.take_newest();
  versions.settle();
  EXPECT_EQ(again.snapshot().number, 1u);
  Pin moved = std::move(again);
  EXPECT_FALSE(again);
  EXPECT_TRUE(moved);
}

TEST(Versions, WaitsUntilEveryWorkerServes) {
  Versions versions(2);
  int called = 0;
  versions.when_served([&] { ++called; });  // there is nothing yet to be served
  EXPECT_EQ(called, 1);
  publish(versions, 1);
  versions.when_served([&] { called += 10; });
  versions.seat(0).take_newest();
  versions.settle();
  EXPECT_EQ(called, 1);
  publish(versions, 2);
  versions.when_served([&] { called += 100; });
  versions.seat(1).take_newest();  // skips the first
  versions.settle();
  EXPECT_EQ(called, 11);
  versions.seat(0).take_newest();
  versions.settle();
  EXPECT_EQ(called, 111);
  versions.when_served([&] { called += 1000; });
  EXPECT_EQ(called, 1111);
}

// Run under TSan and ASan: workers take, pin, look and let go in random order while the control
// thread publishes and frees.
TEST(Versions, Stress) {
  constexpr size_t kWorkers = 4;
  constexpr uint64_t kVersions = 3000;
  Versions versions(kWorkers);
  publish(versions, 1);
  std::atomic<size_t> done{0};
  auto work = [&](size_t index) {
    Seat& seat = versions.seat(index);
    std::deque<Pin> pins;
    uint64_t random = index + 1, last = 0;
    while (last < kVersions) {
      seat.take_newest();
      if (!seat.serves()) continue;
      EXPECT_GE(seat.snapshot().number, last);
      last = seat.snapshot().number;
      random = random * 6364136223846793005u + 1442695040888963407u;
      if ((random >> 33) % 3 != 0) pins.push_back(seat.pin());
      if (pins.size() > 8) pins.erase(pins.begin() + static_cast<long>((random >> 40) % 8));
      for (const Pin& pin : pins) EXPECT_LE(pin.snapshot().number, last);
    }
    pins.clear();
    ++done;
  };
  std::vector<std::thread> workers;
  for (size_t i = 0; i < kWorkers; ++i) workers.emplace_back(work, i);
  for (uint64_t number = 2; number <= kVersions; ++number) {
    publish(versions, number);
    if (number % 16 == 0) std::this_thread::yield();
  }
  while (done < kWorkers) versions.settle();
  for (std::thread& worker : workers) worker.join();
  versions.settle();
  EXPECT_EQ(versions.live(), 1u);
  EXPECT_EQ(versions.newest()->number, kVersions);
}

}  // namespace
}  // namespace pylon::snapshot

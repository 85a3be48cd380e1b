#include "net/timer.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "net/loop.h"

namespace pylon::net {
namespace {

class Counting final : public Timer {
 public:
  using Timer::Timer;
  int fired = 0;
  std::function<void()> then = [] {};

 private:
  void fire() override {
    fired++;
    then();
  }
};

TEST(Timers, FireOnceInTheOrderOfTheirDeadlines) {
  TimerHeap heap;
  std::string order;
  Counting late(heap), early(heap), never(heap);
  late.then = [&] { order += 'l'; };
  early.then = [&] { order += 'e'; };
  late.arm(30);
  early.arm(20);
  never.arm(10);
  never.disarm();
  heap.fire_due(19);
  EXPECT_EQ(order, "");
  heap.fire_due(30);
  heap.fire_due(40);
  EXPECT_EQ(order, "el");
  EXPECT_EQ(never.fired, 0);
}

TEST(Timers, OneThatIsPushedBackFiresAtTheNewDeadline) {
  TimerHeap heap;
  Counting timer(heap);
  timer.arm(10);
  timer.arm(50);
  heap.fire_due(49);
  EXPECT_EQ(timer.fired, 0);
  heap.fire_due(50);
  EXPECT_EQ(timer.fired, 1);
}

TEST(Timers, OneArmedForNowWhileTimersFireIsDueInTheNextTurn) {
  TimerHeap heap;
  Counting yields(heap), other(heap);
  yields.then = [&] {
    yields.arm(10);
    if (other.fired == 0) other.arm(10);  // also when it is due already
  };
  yields.arm(10);
  other.arm(1000);
  for (int turn = 1; turn <= 3; turn++) {
    heap.fire_due(10 + turn);
    EXPECT_EQ(yields.fired, turn);
    EXPECT_EQ(other.fired, turn == 1 ? 0 : 1);
  }
}

TEST(Timers, WhoYieldsIsWokenOnceInEachTurnOfALoop) {
  Loop loop;
  Counting yields(loop.timers());
  yields.then = [&] { yields.arm(loop.now_us()); };
  yields.arm(loop.now_us());
  for (int turns = 0; turns < 100; turns++) {
    int before = yields.fired;
    loop.turn(-1);
    EXPECT_LE(yields.fired, before + 1);
  }
  EXPECT_GT(yields.fired, 0);
}

}  // namespace
}  // namespace pylon::net

#include "async/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"

namespace pylon::async {
namespace {

using testing::ElementsAre;

// Coroutines that note when their turn begins and hold it until they are told to end it.
class TurnsTest : public testing::Test {
 protected:
  struct Someone {
    Task<void> task;
    std::optional<Turns::Turn> turn;
  };

  Someone& come(std::string name, Turns::Kind kind) {
    auto& someone = *everybody_.emplace_back(std::make_unique<Someone>());
    someone.task = hold(std::move(name), kind, someone.turn);
    someone.task.start([](void*) {}, nullptr);
    return someone;
  }
  Someone& share(std::string name) { return come(std::move(name), Turns::Kind::shared); }
  Someone& alone(std::string name) { return come(std::move(name), Turns::Kind::alone); }

  Task<void> hold(std::string name, Turns::Kind kind, std::optional<Turns::Turn>& turn) {
    Turns::Waiter waiter = turns_.take(kind);
    Turns::Turn taken = co_await waiter;
    began_.push_back(name);
    turn.emplace(std::move(taken));
  }

  Turns turns_;
  std::vector<std::string> began_;
  std::vector<std::unique_ptr<Someone>> everybody_;
};

TEST_F(TurnsTest, SharersGoOnTogether) {
  share("a");
  share("b");
  EXPECT_THAT(began_, ElementsAre("a", "b"));
}

TEST_F(TurnsTest, OneAloneWaitsForAllAndAllWaitForIt) {
  Someone& a = share("a");
  Someone& b = share("b");
  Someone& c = alone("c");
  share("d");  // came later than c
  EXPECT_THAT(began_, ElementsAre("a", "b"));
  a.turn->end();
  EXPECT_THAT(began_, ElementsAre("a", "b"));
  b.turn->end();
  EXPECT_THAT(began_, ElementsAre("a", "b", "c"));
  c.turn->end();
  EXPECT_THAT(began_, ElementsAre("a", "b", "c", "d"));
}

TEST_F(TurnsTest, ATurnEndsOnce) {
  Someone& a = alone("a");
  alone("b");
  alone("c");
  a.turn->end();
  a.turn->end();
  a.turn.reset();
  EXPECT_THAT(began_, ElementsAre("a", "b"));
}

TEST_F(TurnsTest, WhoeverLeavesTheQueueHoldsNobodyUp) {
  Someone& a = alone("a");
  Someone& b = alone("b");
  share("c");
  b.task = {};
  a.turn->end();
  EXPECT_THAT(began_, ElementsAre("a", "c"));
}

}  // namespace
}  // namespace pylon::async

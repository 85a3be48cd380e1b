#include "upstream/retry.h"

#include <gtest/gtest.h>

#include <ostream>

namespace pylon::upstream {

void PrintTo(Retry retry, std::ostream* out) {
  *out << (retry == Retry::give_up ? "give_up" : retry == Retry::same_node ? "same" : "next");
}

namespace {

constexpr auto kConnect = Failure::connect;
constexpr auto kClosed = Failure::closed;
constexpr auto kTimeout = Failure::timeout;
constexpr auto kMalformed = Failure::malformed;
constexpr auto kNothing = Progress::nothing_sent;
constexpr auto kPartly = Progress::partly_sent;
constexpr auto kFully = Progress::fully_sent;
constexpr auto kBegan = Progress::answer_began;

struct Row {
  const char* what;
  Failure failure;
  Progress progress;
  bool reused, idempotent, replayable, fresh_tried;
  Retry expected;
};

// Every row with retries left, before the deadline, the client still there.
constexpr Row kTable[] = {
    // what                         failure     progress  reused idem. repl. fresh  decision
    {"GET: connect failed", kConnect, kNothing, false, true, true, false, Retry::next_node},
    {"POST: connect failed", kConnect, kNothing, false, false, true, false, Retry::next_node},
    {"POST stream: connect failed", kConnect, kNothing, false, false, false, false,
     Retry::next_node},
    {"GET: connect timed out", kTimeout, kNothing, false, true, true, false, Retry::next_node},
    {"POST: connect timed out", kTimeout, kNothing, false, false, true, false, Retry::next_node},
    {"GET: stale connection", kClosed, kFully, true, true, true, false, Retry::same_node},
    {"GET: stale, before sending", kClosed, kNothing, true, true, true, false, Retry::same_node},
    {"POST: stale, before sending", kClosed, kNothing, true, false, true, false, Retry::same_node},
    {"POST: stale after sending", kClosed, kFully, true, false, true, false, Retry::give_up},
    {"POST: stale, half sent", kClosed, kPartly, true, false, true, false, Retry::give_up},
    {"PUT stream: stale, half sent", kClosed, kPartly, true, true, false, false, Retry::give_up},
    {"PUT: stale, half sent", kClosed, kPartly, true, true, true, false, Retry::same_node},
    {"GET: closed again when fresh", kClosed, kFully, true, true, true, true, Retry::next_node},
    {"GET: closed before answer", kClosed, kFully, false, true, true, false, Retry::next_node},
    {"POST: closed before answer", kClosed, kFully, false, false, true, false, Retry::give_up},
    {"GET: read timed out", kTimeout, kFully, false, true, true, false, Retry::next_node},
    {"GET: pooled, read timed out", kTimeout, kFully, true, true, true, false, Retry::next_node},
    {"POST: read timed out", kTimeout, kFully, false, false, true, false, Retry::give_up},
    {"PUT: send timed out", kTimeout, kPartly, false, true, true, false, Retry::next_node},
    {"PUT stream: send timed out", kTimeout, kPartly, false, true, false, false, Retry::give_up},
    {"GET: closed inside the answer", kClosed, kBegan, false, true, true, false, Retry::give_up},
    {"GET: pooled, inside answer", kClosed, kBegan, true, true, true, false, Retry::give_up},
    {"GET: timed out inside answer", kTimeout, kBegan, false, true, true, false, Retry::give_up},
    {"GET: nonsense came back", kMalformed, kBegan, false, true, true, false, Retry::give_up},
    {"GET: nonsense, not begun", kMalformed, kFully, false, true, true, false, Retry::give_up},
    {"GET: no descriptor left", Failure::local, kNothing, false, true, true, false, Retry::give_up},
};

FailedAttempt attempt_of(const Row& row) {
  FailedAttempt attempt;
  attempt.failure = row.failure;
  attempt.progress = row.progress;
  attempt.reused_connection = row.reused;
  attempt.idempotent = row.idempotent;
  attempt.replayable = row.replayable;
  attempt.fresh_tried = row.fresh_tried;
  attempt.retries_left = true;
  return attempt;
}

TEST(Retry, Table) {
  for (const Row& row : kTable) EXPECT_EQ(decide(attempt_of(row)), row.expected) << row.what;
}

TEST(Retry, NoRetryLeftStopsOnlyOtherNodes) {
  for (const Row& row : kTable) {
    FailedAttempt spent = attempt_of(row), late = attempt_of(row), gone = attempt_of(row);
    spent.retries_left = false;
    late.deadline_passed = true;
    gone.client_gone = true;
    Retry expected = row.expected == Retry::same_node ? Retry::same_node : Retry::give_up;
    EXPECT_EQ(decide(spent), expected) << row.what;
    EXPECT_EQ(decide(late), expected) << row.what;
    EXPECT_EQ(decide(gone), Retry::give_up) << row.what;
  }
}

TEST(Retry, Status) {
  FailedAttempt attempt;
  attempt.failure = kConnect;
  EXPECT_EQ(status_of(attempt), 502);
  attempt.failure = kTimeout;
  EXPECT_EQ(status_of(attempt), 504);
  attempt.deadline_passed = true;
  EXPECT_EQ(status_of(attempt), 504);  // no retry was left anyway
  attempt.retries_left = true;
  EXPECT_EQ(status_of(attempt), 502);
  attempt.failure = Failure::local;
  EXPECT_EQ(status_of(attempt), 503);
}

}  // namespace
}  // namespace pylon::upstream

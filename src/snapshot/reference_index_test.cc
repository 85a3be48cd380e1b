#include "snapshot/reference_index.h"

#include <gtest/gtest.h>

namespace pylon::snapshot {
namespace {

using config::Kind;

TEST(ReferenceIndex, KnowsWhatIsUsed) {
  ReferenceIndex index;
  EXPECT_FALSE(index.may_be_used(Kind::upstream, "1"));
  index.set(Kind::route, "a", {{Kind::upstream, "1"}, {Kind::service, "1"}});
  index.set(Kind::route, "b", {{Kind::upstream, "1"}, {Kind::upstream, "1"}});
  index.set(Kind::consumer, "c", {});
  EXPECT_TRUE(index.may_be_used(Kind::upstream, "1"));
  EXPECT_TRUE(index.may_be_used(Kind::service, "1"));
  EXPECT_FALSE(index.may_be_used(Kind::upstream, "2"));
  EXPECT_FALSE(index.may_be_used(Kind::proto, "1"));

  index.set(Kind::route, "a", {{Kind::upstream, "2"}});
  EXPECT_FALSE(index.may_be_used(Kind::service, "1"));
  EXPECT_TRUE(index.may_be_used(Kind::upstream, "1"));
  index.set(Kind::route, "b", {});
  EXPECT_FALSE(index.may_be_used(Kind::upstream, "1"));
  EXPECT_TRUE(index.may_be_used(Kind::upstream, "2"));
}

// A route and a service of the same id are two users.
TEST(ReferenceIndex, TellsUsersOfOneIdApart) {
  ReferenceIndex index;
  index.set(Kind::route, "1", {{Kind::upstream, "u"}});
  index.set(Kind::service, "1", {{Kind::upstream, "u"}});
  index.set(Kind::route, "1", {});
  EXPECT_TRUE(index.may_be_used(Kind::upstream, "u"));
  index.set(Kind::service, "1", {});
  EXPECT_FALSE(index.may_be_used(Kind::upstream, "u"));
}

}  // namespace
}  // namespace pylon::snapshot

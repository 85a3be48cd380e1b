#include "gateway/applied_keys.h"

#include <gtest/gtest.h>

namespace pylon::gateway {
namespace {

using config::Kind;

TEST(AppliedKeys, DigestsDependOnContentAlone) {
  AppliedKeys one;
  one.put("/apisix/routes/1", "a", 2, Kind::route);
  one.put("/apisix/routes/2", "b", 3, Kind::route);
  AppliedKeys other;
  other.put("/apisix/routes/2", "x", 1, Kind::route);
  other.put("/apisix/routes/3", "b", 2, Kind::route);
  other.put("/apisix/routes/2", "b", 3, Kind::route);
  other.put("/apisix/routes/1", "a", 4, Kind::route);
  EXPECT_NE(one.types().at(Kind::route).digest, other.types().at(Kind::route).digest);
  other.erase("/apisix/routes/3", 5);
  const AppliedKeys::Type& type = other.types().at(Kind::route);
  EXPECT_EQ(one.types().at(Kind::route).digest, type.digest);
  EXPECT_EQ(type.objects, 2u);
  EXPECT_EQ(type.revision, 5);
}

TEST(AppliedKeys, ValuesDoNotChangePlaces) {
  AppliedKeys one;
  one.put("/a", "1", 1, Kind::route);
  one.put("/b", "2", 1, Kind::route);
  AppliedKeys other;
  other.put("/a", "2", 1, Kind::route);
  other.put("/b", "1", 1, Kind::route);
  EXPECT_NE(one.types().at(Kind::route).digest, other.types().at(Kind::route).digest);
}

TEST(AppliedKeys, WhatIsNoResourceIsHeldAndNotCounted) {
  AppliedKeys keys;
  keys.put("/apisix/plugins", "[]", 7, std::nullopt);
  EXPECT_TRUE(keys.types().empty());
  ASSERT_NE(keys.find("/apisix/plugins"), nullptr);
  keys.forget_revisions();
  EXPECT_EQ(keys.find("/apisix/plugins")->mod_revision, 0);
}

}  // namespace
}  // namespace pylon::gateway

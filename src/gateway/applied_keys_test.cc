#include "gateway/applied_keys.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace pylon::gateway {
namespace {

using config::Kind;

AppliedKeys::Held route(int64_t mod_revision, int64_t create_revision = 1) {
  return {.mod_revision = mod_revision,
          .create_revision = create_revision,
          .listed = true,
          .kind = Kind::route};
}

std::string listed(const AppliedKeys& keys, size_t from, size_t end) {
  std::string text;
  keys.for_each_listed(Kind::route, from, end, [&](std::string_view key, int64_t revision) {
    text += fmt::format("{}@{} ", key, revision);
  });
  return text;
}

TEST(AppliedKeys, DigestsDependOnContentAlone) {
  AppliedKeys one;
  one.put("/apisix/routes/1", "a", route(2));
  one.put("/apisix/routes/2", "b", route(3));
  AppliedKeys other;
  other.put("/apisix/routes/2", "x", route(1));
  other.put("/apisix/routes/3", "b", route(2));
  other.put("/apisix/routes/2", "b", route(3));
  other.put("/apisix/routes/1", "a", route(4));
  EXPECT_NE(one.types().at(Kind::route).digest, other.types().at(Kind::route).digest);
  other.erase("/apisix/routes/3", 5);
  const AppliedKeys::Type& type = other.types().at(Kind::route);
  EXPECT_EQ(one.types().at(Kind::route).digest, type.digest);
  EXPECT_EQ(type.objects, 2u);
  EXPECT_EQ(type.revision, 5);
}

TEST(AppliedKeys, ValuesDoNotChangePlaces) {
  AppliedKeys one;
  one.put("/a", "1", route(1));
  one.put("/b", "2", route(1));
  AppliedKeys other;
  other.put("/a", "2", route(1));
  other.put("/b", "1", route(1));
  EXPECT_NE(one.types().at(Kind::route).digest, other.types().at(Kind::route).digest);
}

TEST(AppliedKeys, WhatIsNoResourceIsHeldAndNotCounted) {
  AppliedKeys keys;
  keys.put("/apisix/plugins", "[]", {.mod_revision = 7});
  EXPECT_TRUE(keys.types().empty());
  ASSERT_NE(keys.find("/apisix/plugins"), nullptr);
  keys.forget_revisions();
  EXPECT_EQ(keys.find("/apisix/plugins")->mod_revision, 0);
}

TEST(AppliedKeys, KnowsTheOrderOfCreation) {
  AppliedKeys keys;
  keys.put("/b", "x", route(5, 5));
  keys.put("/a", "x", route(7, 7));
  keys.put("/c", "x", route(5, 5));
  keys.put("/c/part", "x", {.mod_revision = 8, .create_revision = 8, .kind = Kind::route});
  EXPECT_EQ(keys.listed(Kind::route), 3);
  EXPECT_EQ(listed(keys, 0, 10), "/b@5 /c@5 /a@7 ");
  EXPECT_EQ(listed(keys, 1, 2), "/c@5 ");
  keys.put("/b", "y", route(9, 5));  // changed
  EXPECT_EQ(listed(keys, 0, 10), "/b@5 /c@5 /a@7 ");
  keys.put("/b", "y", route(10, 10));  // it was erased, and is there again
  EXPECT_EQ(listed(keys, 0, 10), "/c@5 /a@7 /b@10 ");
  keys.erase("/c", 11);
  EXPECT_EQ(listed(keys, 0, 10), "/a@7 /b@10 ");
  EXPECT_EQ(keys.listed(Kind::route), 2);
  EXPECT_EQ(keys.listed(Kind::service), 0);
}

}  // namespace
}  // namespace pylon::gateway

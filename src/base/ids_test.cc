#include "base/ids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "base/secret.h"

namespace pylon {
namespace {

TEST(Ids, UuidHasVersionAndVariant) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    std::string id(kUuidChars, '\0');
    write_uuid_v4(id.data());
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(Ids, NanoidAndText) {
  std::string id(kNanoidChars, '\0'), other = id;
  write_nanoid(id.data());
  write_nanoid(other.data());
  EXPECT_NE(id, other);
  EXPECT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789_-"),
            std::string::npos);
  EXPECT_EQ(random_text(10'000, "ab").find_first_not_of("ab"), std::string::npos);
}

TEST(Ids, RandomBelowStaysBelow) {
  std::set<uint32_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_below(7));
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(*seen.rbegin(), 6u);
  EXPECT_EQ(random_below(0), 0u);
  EXPECT_EQ(random_below(1), 0u);
}

TEST(Ids, LargeRequestsPassThePool) {
  std::string bytes(100'000, '\0');
  random_bytes(bytes.data(), bytes.size());
  EXPECT_LT(std::count(bytes.begin(), bytes.end(), '\0'), 1000);
}

TEST(Hash, StableAndGuarded) {
  EXPECT_EQ(hash_bytes("pylon"), hash_bytes("pylon"));
  EXPECT_NE(hash_bytes("pylon"), hash_bytes("pylon", 1));
  EXPECT_EQ(hash_guarded("x"), hash_guarded("x"));
  EXPECT_EQ(digest_hex("").size(), 32u);
  StringMap<int> map{{"a", 1}};
  EXPECT_NE(map.find(std::string_view("a")), map.end());
}

TEST(Secret, ComparesAndMoves) {
  Secret secret("short");
  EXPECT_TRUE(secret.equals("short"));
  EXPECT_FALSE(secret.equals("shorT"));
  EXPECT_FALSE(secret.equals(""));
  Secret copy = secret;
  Secret moved = std::move(secret);
  EXPECT_TRUE(moved == copy);
  EXPECT_TRUE(secret.empty());  // NOLINT: a moved-from secret is wiped
  moved = Secret(std::string(100, 'x'));
  EXPECT_EQ(moved.expose().size(), 100u);
}

}  // namespace
}  // namespace pylon

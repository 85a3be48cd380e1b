#include "base/keyring.h"

#include <gtest/gtest.h>

namespace pylon {
namespace {

Keyring keyring(std::vector<std::string> keys) {
  std::vector<Secret> secrets;
  for (const std::string& key : keys) secrets.emplace_back(key);
  return Keyring(std::move(secrets));
}

constexpr const char* kNew = "qeddd145sfvddff3";
constexpr const char* kOld = "edd1c9f0985e76a2";
constexpr const char* kLong = "0123456789abcdef0123456789abcdef";

// printf %s TEXT | openssl enc -aes-128-cbc -K KEY -iv KEY -base64 -A
TEST(Keyring, WhatOpensslGives) {
  EXPECT_EQ(keyring({kOld}).encrypt("foo"), "QjeqruSmeaWd+fl6jr1vjA==");
  EXPECT_EQ(keyring({kNew, kOld}).encrypt("a secret of exactly 32 octets....!"),
            "e8GiTphewSHfwCGoi+EF5JqzIg6SQpyyYsGV9e4BUx89xCa0oYHTubaai6F+vqn1");
  EXPECT_EQ(keyring({kLong}).encrypt("bar"), "uBc7sek0/cvB+eSxbdsxeA==");
  EXPECT_EQ(keyring({kOld}).encrypt("auth-two"), "vU/ZHVJw7b0XscDJ1Fhtig==");
  EXPECT_EQ(keyring({kNew}).encrypt(""), "CEGh183MAO3X8/ZV2jzHeA==");
}

TEST(Keyring, EveryKeyDecrypts) {
  Keyring both = keyring({kNew, kOld, kLong});
  EXPECT_EQ(both.decrypt("QjeqruSmeaWd+fl6jr1vjA=="), "foo");
  EXPECT_EQ(both.decrypt("uBc7sek0/cvB+eSxbdsxeA=="), "bar");
  EXPECT_EQ(both.decrypt(both.encrypt("x")), "x");
  EXPECT_EQ(keyring({kNew}).decrypt("QjeqruSmeaWd+fl6jr1vjA=="), std::nullopt);
}

TEST(Keyring, WhatIsNotEncrypted) {
  Keyring both = keyring({kNew, kOld});
  EXPECT_EQ(both.decrypt("plain text"), std::nullopt);
  EXPECT_EQ(both.decrypt(""), std::nullopt);
  EXPECT_EQ(both.decrypt("YWJj"), std::nullopt);
}

TEST(Keyring, WithoutAKeyNothingIsDone) {
  EXPECT_TRUE(keyring({"short"}).empty());
  EXPECT_EQ(Keyring().encrypt("x"), "x");
  EXPECT_EQ(Keyring().decrypt("QjeqruSmeaWd+fl6jr1vjA=="), std::nullopt);
}

}  // namespace
}  // namespace pylon

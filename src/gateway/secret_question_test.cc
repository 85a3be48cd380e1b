#include "gateway/secret_question.h"

#include <gtest/gtest.h>

namespace pylon::gateway {
namespace {

std::string parsed(std::string_view reference) {
  Result<SecretPath> path = parse_secret_reference(reference);
  if (!path) return path.error().message;
  return path->manager + " " + path->path + " " + path->member;
}

TEST(SecretReferences, ManagerPathAndMember) {
  EXPECT_EQ(parsed("$secret://vault/1/jack/auth-key"), "vault/1 jack auth-key");
  EXPECT_EQ(parsed("$secret://vault/a.b/x/y/z"), "vault/a.b x/y z");
  EXPECT_EQ(parsed("$secret://aws/1/a/b"), "aws/1 a/b ");
  EXPECT_EQ(parsed("$secret://aws/1/"), "it names no secret");
  EXPECT_EQ(parsed("$secret://gcp/1/a"), "gcp/1 a ");
  EXPECT_EQ(parsed("$secret://gcp/1/a/b/c"), "gcp/1 a b/c");
  EXPECT_EQ(parsed("$secret://gcp/1/"), "it names no secret");
  EXPECT_EQ(parsed("$secret://gcp/1/a/"), "it names no member of the secret");
  EXPECT_EQ(parsed("$secret://vault"), "it names no secret manager");
  EXPECT_EQ(parsed("$secret://vault/1"), "it names no object of the secret manager");
  EXPECT_EQ(parsed("$secret://vault/1/jack"),
            "it names no secret and member: manager/id/path/member");
  EXPECT_EQ(parsed("$secret://vault/1/jack/"), "it names no member of the secret");
}

TEST(SecretAddresses, HostPortAndPath) {
  auto address = parse_secret_address("uri", "https://[::1]:82/a/b/?c=d");
  ASSERT_TRUE(address.has_value());
  EXPECT_TRUE(address->question.https);
  EXPECT_EQ(address->question.host, "::1");
  EXPECT_EQ(address->question.port, 82);
  EXPECT_EQ(address->path, "/a/b");
  EXPECT_EQ(address->question.target, "/a/b/?c=d");
  EXPECT_EQ(parse_secret_address("token_uri", "ftp://x").error().message,
            "its token_uri is no http or https address");
}

TEST(SecretMembers, OfAJsonObject) {
  EXPECT_EQ(member_of(Secret(R"({"a":"x","n":1})"), "n")->expose(), "1");
  EXPECT_EQ(member_of(Secret(R"({"a":"x"})"), "b").error().message, "the secret has no member b");
  EXPECT_EQ(member_of(Secret("text"), "a").error().message, "the secret holds no JSON object");
}

}  // namespace
}  // namespace pylon::gateway

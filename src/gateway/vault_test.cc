#include "gateway/vault.h"

#include <gtest/gtest.h>

namespace pylon::gateway {
namespace {

config::VaultSecret manager(std::string uri, std::string prefix, std::string_view token) {
  config::VaultSecret vault;
  vault.uri = std::move(uri);
  vault.prefix = std::move(prefix);
  vault.token = Secret(token);
  return vault;
}

std::optional<std::string> environment(const std::string& name) {
  if (name == "TOKEN") return "from-env";
  return std::nullopt;
}

TEST(VaultQuestions, AddressPathAndToken) {
  auto asked =
      vault_question(manager("https://v.test:8200/base", "kv//apisix/", "t"), "a b/c", environment);
  ASSERT_TRUE(asked.has_value());
  EXPECT_TRUE(asked->https);
  EXPECT_EQ(asked->host, "v.test");
  EXPECT_EQ(asked->port, 8200);
  EXPECT_EQ(asked->target, "/base/v1/kv/apisix/a%20b/c");
  EXPECT_EQ(asked->fields.front().second.expose(), "t");
  asked = vault_question(manager("http://[::1]", "kv", "$env://TOKEN"), "x", environment);
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->host, "::1");
  EXPECT_EQ(asked->port, 0);
  EXPECT_EQ(asked->fields.front().second.expose(), "from-env");
}

TEST(VaultQuestions, WhatIsWrong) {
  auto fault = [](const config::VaultSecret& vault, std::string_view path) {
    auto asked = vault_question(vault, path, environment);
    return asked ? std::string() : asked.error().message;
  };
  EXPECT_EQ(fault(manager("http://v", "kv", "t"), "../sys/raw"), "the path has a segment of dots");
  EXPECT_EQ(fault(manager("v.test", "kv", "t"), "a"), "its uri is no http or https address");
  EXPECT_EQ(fault(manager("http://v", "kv", "$env://NONE"), "a"),
            "its token: the environment variable NONE is not set");
  EXPECT_EQ(fault(manager("http://v", "kv", "$secret://vault/1/a/b"), "a"),
            "its token: it cannot be a secret of a manager itself");
}

std::string answer(int status, std::string_view body) {
  Result<SecretMembers> members = read_vault_answer(status, body);
  if (!members) return members.error().message;
  std::string text;
  for (const auto& [name, value] : *members) {
    text += name + "=" + std::string(value.expose()) + " ";
  }
  return text;
}

TEST(VaultAnswers, BothVersions) {
  EXPECT_EQ(answer(200, R"({"data":{"a":"x","n":5,"gone":null}})"), "a=x n=5 ");
  EXPECT_EQ(answer(200, R"({"data":{"data":{"a":"x"},"metadata":{"version":2}}})"), "a=x ");
  EXPECT_EQ(answer(200, R"({"data":{"data":"x"}})"), "data=x ");
}

TEST(VaultAnswers, FaultsTellNothingOfTheAnswer) {
  EXPECT_EQ(answer(403, R"({"errors":["secret"]})"), "the secret manager answers 403");
  EXPECT_EQ(answer(404, R"({"errors":[]})"), "the secret manager has no such secret");
  EXPECT_EQ(answer(200, "secret"), "the secret manager's answer has no data");
  EXPECT_EQ(answer(200, R"({"data":null})"), "the secret manager's answer has no data");
}

}  // namespace
}  // namespace pylon::gateway

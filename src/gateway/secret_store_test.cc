#include "gateway/secret_store.h"

#include <gtest/gtest.h>

#include "plugin/fixture.h"
#include "tls/test_certificate.h"

namespace pylon::gateway {
namespace {

using config::Kind;
using State = SecretStore::Answer::State;

class SecretStoreTest : public testing::Test {
 protected:
  SecretStoreTest() {
    http_.answer_body = R"({"data":{"a":"one","b":"two"}})";
    secrets_.set_manager("vault/1", vault());
  }

  static Json vault() {
    return Json::object({{"uri", "http://127.0.0.1:1"}, {"prefix", "kv"}, {"token", "t"}});
  }
  // "known one", "pending", "failed why"
  std::string find(std::string_view reference, std::string id = "1") {
    SecretStore::Answer answer = secrets_.find(reference, {Kind::route, std::move(id)});
    if (answer.state == State::known) return "known " + std::string(answer.value.expose());
    return answer.state == State::pending ? "pending" : "failed " + answer.text;
  }
  void settle() {
    bool settled = false;
    secrets_.when_settled([&] { settled = true; });
    while (!settled) loop_.turn(100);
  }

  net::Loop loop_;
  SimulatedClock clock_;
  plugin::FakeHttpClient http_;
  std::vector<std::string> told_;
  SecretStore::Parts parts() {
    return {loop_, http_, clock_, [](auto&) { return std::nullopt; },
            [this](const std::vector<SecretUser>& users) {
              for (const SecretUser& user : users) told_.push_back(user.id);
            }};
  }
  SecretStore secrets_{parts(), {.max_secrets = 2}};
};

TEST_F(SecretStoreTest, FetchedOnceAndToldToEverybody) {
  EXPECT_EQ(find("$secret://vault/1/jack/a", "1"), "pending");
  EXPECT_EQ(find("$secret://vault/1/jack/b", "2"), "pending");
  EXPECT_FALSE(secrets_.settled());
  settle();
  EXPECT_EQ(told_, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(http_.asked, 1);
  EXPECT_EQ(http_.target, "/v1/kv/jack");
  EXPECT_EQ(http_.fields.find("X-Vault-Token")->second, "t");
  EXPECT_EQ(find("$secret://vault/1/jack/a"), "known one");
  EXPECT_EQ(find("$secret://vault/1/jack/zz"), "failed the secret has no member zz");
}

TEST_F(SecretStoreTest, ANewValueIsToldAndAnUnreachableManagerChangesNothing) {
  SecretStore quick(parts(), {.ttl_ms = 1, .retry_ms = 1});
  quick.set_manager("vault/1", vault());
  SecretUser user{Kind::route, "1"};
  auto value = [&] { return quick.find("$secret://vault/1/jack/a", user).value; };
  value();
  while (told_.empty()) loop_.turn(100);
  told_.clear();
  http_.answer_body = R"({"data":{"a":"other"}})";
  while (told_.empty()) loop_.turn(100);
  EXPECT_TRUE(value().equals("other"));
  http_.status = 0;
  uint64_t before = quick.failures();
  while (quick.failures() == before) loop_.turn(100);
  EXPECT_TRUE(value().equals("other"));
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(SecretStoreTest, AManagerThatComesLater) {
  find("$secret://vault/2/jack/a");
  settle();
  EXPECT_EQ(find("$secret://vault/2/jack/a"), "failed there is no secret manager vault/2");
  secrets_.set_manager("vault/2", vault());
  EXPECT_FALSE(secrets_.settled());
  settle();
  EXPECT_EQ(find("$secret://vault/2/jack/a"), "known one");
}

TEST_F(SecretStoreTest, OnlySoManyAndThoseThatNobodyNeedsGo) {
  find("$secret://vault/1/a/a", "1");
  find("$secret://vault/1/b/a", "2");
  EXPECT_EQ(find("$secret://vault/1/c/a", "3"),
            "failed more than 2 secrets (apisix.lru.secret.count)");
  settle();
  secrets_.forget({Kind::route, "1"});
  EXPECT_EQ(find("$secret://vault/1/c/a", "3"), "pending");
  EXPECT_LE(secrets_.size(), 2u);
}

TEST_F(SecretStoreTest, OneTokenOpensManySecretsOfGcp) {
  tls::TestCertificate pair = tls::make_test_certificate("gcp.test", nullptr, true);
  Json account = Json::object({{"client_email", "m"}, {"project_id", "p"}});
  account["private_key"] = Json(pair.key_pem());
  secrets_.set_manager("gcp/1", Json::object({{"auth_config", account}}));
  http_.answer_body = R"({"access_token":"t","expires_in":3600,"payload":{"data":"eA=="}})";
  find("$secret://gcp/1/a");
  settle();
  EXPECT_EQ(http_.asked, 2);
  EXPECT_EQ(http_.fields.find("Authorization")->second, "Bearer t");
  EXPECT_EQ(find("$secret://gcp/1/a"), "known x");
  EXPECT_EQ(find("$secret://gcp/1/a/b"), "failed the secret has no member b");
  find("$secret://gcp/1/c");
  settle();
  EXPECT_EQ(http_.asked, 3);
  EXPECT_EQ(http_.target, "/v1/projects/p/secrets/c/versions/latest:access");
  http_.status = 401;  // the token is not good any more
  secrets_.set_manager("gcp/1", Json::object({{"auth_config", account}, {"ssl_verify", false}}));
  settle();
  EXPECT_EQ(find("$secret://gcp/1/a"), "known x");
}

TEST_F(SecretStoreTest, AManagerOfNoKnownType) {
  secrets_.set_manager("hsm/1", Json::object());
  find("$secret://hsm/1/a/b");
  settle();
  EXPECT_EQ(find("$secret://hsm/1/a/b"), "failed there is no secret manager hsm/1");
  EXPECT_EQ(http_.asked, 0);
}

}  // namespace
}  // namespace pylon::gateway

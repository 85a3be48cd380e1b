#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "config/credential_index.h"
#include "plugin/fixture.h"
#include "plugins/all.h"
#include "plugins/basic_credentials.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using config::Credential;
using testing::HasSubstr;

TEST(BasicCredentials, AreReadStrictly) {
  Arena arena;
  auto read = [&](std::string_view text) {
    return read_basic_credentials("Basic " + base64_encode(text), arena);
  };
  auto told = read("ann:a:b c");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->username, "ann");
  EXPECT_EQ(told->password, "a:b c");
  EXPECT_TRUE(read_basic_credentials("bASIC " + base64_encode(":"), arena));
  EXPECT_FALSE(read("ann"));
  EXPECT_FALSE(read_basic_credentials("Basic !", arena));
  EXPECT_FALSE(read_basic_credentials("Bearer x", arena));
  EXPECT_FALSE(read_basic_credentials("", arena));
}

class BasicAuthTest : public testing::Test {
 protected:
  struct Conf final : config::AuthConf {
    Conf() { object_ = &value; }
    BasicAuthConsumer value;
  };

  BasicAuthTest() {
    auto edit = config::CredentialIndex().edit();
    auto conf = make_ref<Conf>();
    conf->value = {.username = "jack", .password = Secret("s:e cret")};
    auto credential = make_ref<Credential>();
    credential->consumer = consumer("jack-of-all");
    credential->conf = conf;
    edit.insert("basic-auth", "jack", credential);
    edit.insert_consumer(consumer("anonymous"));
    credentials_ = std::move(edit).commit();
  }
  static Ref<const config::KnownConsumer> consumer(std::string name) {
    auto made = make_ref<config::KnownConsumer>();
    made->name = std::move(name);
    return made;
  }
  Verdict run(TestExchange& test, std::string_view plugin, std::string_view conf) {
    set_ = fixture_.plugins(std::string("{\"").append(plugin).append("\":").append(conf) + "}");
    test.exchange.credentials = &credentials_;
    return test.run(*set_);
  }
  static std::string basic(std::string_view text) { return "Basic " + base64_encode(text); }

  Fixture fixture_{all_plugins()};
  config::CredentialIndex credentials_;
  Ref<const PluginSet> set_;
};

TEST_F(BasicAuthTest, ARightPasswordNamesTheConsumer) {
  TestExchange test(fixture_);
  test.set_field("Authorization", basic("jack:s:e cret"));
  test.set_field("X-Consumer-Username", "root");
  EXPECT_TRUE(run(test, "basic-auth", "{}").proceeds());
  EXPECT_EQ(test.exchange.consumer.name, "jack-of-all");
  EXPECT_EQ(test.request_field("X-Consumer-Username"), "jack-of-all");
  EXPECT_EQ(test.request_field("Authorization"), basic("jack:s:e cret"));
}

TEST_F(BasicAuthTest, AnythingElseIsRefused) {
  for (auto [value, body] : {std::pair{std::string(), "Missing authorization in request"},
                             {"Bearer x", "Invalid authorization in request"},
                             {basic("jack"), "Invalid authorization in request"},
                             {basic("jack:s"), "Invalid user authorization"},
                             {basic("jill:s:e cret"), "Invalid user authorization"}}) {
    TestExchange test(fixture_);
    if (!value.empty()) test.set_field("Authorization", value);
    Verdict verdict = run(test, "basic-auth", R"({"realm":"here"})");
    EXPECT_EQ(verdict.status(), 401) << value;
    EXPECT_THAT(std::string(verdict.body()), HasSubstr(body));
    EXPECT_EQ(test.response_field("WWW-Authenticate"), "Basic realm=\"here\"");
  }
  TestExchange twice(fixture_);
  twice.set_field("Authorization", basic("jack:s:e cret"));
  twice.set_field("Authorization", basic("jill:x"));
  EXPECT_EQ(run(twice, "basic-auth", "{}").status(), 401);
}

TEST_F(BasicAuthTest, CredentialsAreHiddenAndStrangersMayBeAnonymous) {
  TestExchange test(fixture_);
  test.set_field("Authorization", basic("jack:wrong"));
  EXPECT_TRUE(
      run(test, "basic-auth", R"({"hide_credentials":true,"anonymous_consumer":"anonymous"})")
          .proceeds());
  EXPECT_EQ(test.exchange.consumer.name, "anonymous");
  EXPECT_EQ(test.request_field("Authorization"), "");
  TestExchange nobody(fixture_);
  EXPECT_EQ(run(nobody, "basic-auth", R"({"anonymous_consumer":"nobody"})").status(), 401);
}

TEST_F(BasicAuthTest, AForwardProxyKnowsConsumersAndTellsNobody) {
  auto ask = [&](TestExchange& test, std::string_view text) {
    test.exchange.request.target = "http://a.test/";
    if (!text.empty()) test.set_field("Proxy-Authorization", basic(text));
    return run(test, "forward-proxy", R"({"consumers":true})");
  };
  TestExchange known(fixture_), wrong(fixture_), none(fixture_);
  EXPECT_TRUE(ask(known, "jack:s:e cret").proceeds());
  EXPECT_EQ(known.exchange.consumer.name, "jack-of-all");
  EXPECT_NE(known.exchange.forward_policy, nullptr);
  EXPECT_EQ(known.request_field("X-Consumer-Username"), "");
  EXPECT_EQ(known.request_field("Proxy-Authorization"), "");
  for (TestExchange* test : {&wrong, &none}) {
    EXPECT_EQ(ask(*test, test == &wrong ? "jack:x" : "").status(), 407);
    EXPECT_EQ(test->exchange.forward_policy, nullptr);
    EXPECT_EQ(test->request_field("Proxy-Authorization"), "");
  }
}

}  // namespace
}  // namespace pylon::plugins

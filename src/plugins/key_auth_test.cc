#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/credential_index.h"
#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using config::Credential;
using testing::HasSubstr;

class KeyAuthTest : public testing::Test {
 protected:
  KeyAuthTest() {
    auto edit = config::CredentialIndex().edit();
    edit.insert("key-auth", "auth-one", credential("jack", "", ""));
    edit.insert("key-auth", "auth-two", credential("jack", "cred-2", "007"));
    edit.insert_consumer(consumer("anonymous", ""));
    credentials_ = std::move(edit).commit();
  }

  static Ref<const config::KnownConsumer> consumer(std::string name, std::string custom) {
    auto made = make_ref<config::KnownConsumer>();
    made->name = std::move(name);
    made->custom_id = std::move(custom);
    made->group_id = "g";
    return made;
  }
  static Ref<const Credential> credential(std::string name, std::string id, std::string custom) {
    auto made = make_ref<Credential>();
    made->consumer = consumer(std::move(name), std::move(custom));
    made->id = std::move(id);
    return made;
  }

  Verdict run(TestExchange& test, std::string_view conf) {
    auto set = fixture_.plugins(std::string(R"({"key-auth":)").append(conf).append("}"));
    test.exchange.credentials = &credentials_;
    set_ = set;
    return test.run(*set_);
  }

  Fixture fixture_{all_plugins()};
  config::CredentialIndex credentials_;
  Ref<const PluginSet> set_;
};

TEST_F(KeyAuthTest, AKnownKeyNamesItsConsumer) {
  TestExchange test(fixture_);
  test.set_field("apikey", "auth-two");
  EXPECT_TRUE(run(test, "{}").proceeds());
  EXPECT_EQ(test.exchange.consumer.name, "jack");
  EXPECT_EQ(test.exchange.consumer.group_id, "g");
  EXPECT_EQ(test.request_field("X-Consumer-Username"), "jack");
  EXPECT_EQ(test.request_field("X-Credential-Identifier"), "cred-2");
  EXPECT_EQ(test.request_field("X-Consumer-Custom-ID"), "007");
  EXPECT_EQ(test.request_field("apikey"), "auth-two");
}

TEST_F(KeyAuthTest, WhatTheClientSaysAboutItselfIsRemoved) {
  TestExchange test(fixture_);
  test.set_field("apikey", "auth-one");
  test.set_field("x-consumer-username", "root");
  test.set_field("X-Credential-Identifier", "root");
  test.set_field("X-Consumer-Custom-ID", "root");
  EXPECT_TRUE(run(test, "{}").proceeds());
  EXPECT_EQ(test.request_field("X-Consumer-Username"), "jack");
  EXPECT_EQ(test.request_field("X-Credential-Identifier").data(), nullptr);
  EXPECT_EQ(test.request_field("X-Consumer-Custom-ID").data(), nullptr);
}

TEST_F(KeyAuthTest, Refusals) {
  TestExchange missing(fixture_);
  Verdict verdict = run(missing, "{}");
  EXPECT_EQ(verdict.status(), 401);
  EXPECT_EQ(verdict.body(), "{\"message\":\"Missing API key in request\"}\n");
  EXPECT_EQ(missing.response_field("WWW-Authenticate"), "apikey realm=\"key\"");

  TestExchange invalid(fixture_);
  invalid.set_field("apikey", "123");
  verdict = run(invalid, R"({"realm":"shop"})");
  EXPECT_EQ(verdict.status(), 401);
  EXPECT_EQ(verdict.body(), "{\"message\":\"Invalid API key in request\"}\n");
  EXPECT_EQ(invalid.response_field("WWW-Authenticate"), "apikey realm=\"shop\"");

  TestExchange empty(fixture_);
  empty.set_field("apikey", "");
  EXPECT_EQ(run(empty, "{}").status(), 401);
}

TEST_F(KeyAuthTest, WithoutAnyConsumerNobodyPasses) {
  TestExchange test(fixture_);
  test.set_field("apikey", "auth-one");
  auto set = fixture_.plugins(R"({"key-auth":{}})");
  EXPECT_EQ(test.run(*set).status(), 401);
}

TEST_F(KeyAuthTest, KeysInHeadersAndQueriesOfOwnNames) {
  TestExchange header(fixture_);
  header.set_field("Authorization", "auth-one");
  EXPECT_TRUE(run(header, R"({"header":"Authorization"})").proceeds());
  TestExchange query(fixture_, "/hello?x=1&auth=auth-one");
  EXPECT_TRUE(run(query, R"({"query":"auth"})").proceeds());
  EXPECT_TRUE(query.exchange.forward.uri.empty());
  TestExchange twice(fixture_, "/hello?apikey=auth-one&apikey=auth-one");
  EXPECT_EQ(run(twice, "{}").status(), 401);
  TestExchange header_wins(fixture_, "/hello?apikey=auth-one");
  header_wins.set_field("apikey", "wrong");
  EXPECT_EQ(run(header_wins, "{}").status(), 401);
}

TEST_F(KeyAuthTest, HidesOnlyTheKeyThatWasUsed) {
  TestExchange header(fixture_, "/echo?apikey=auth-one");
  header.set_field("apikey", "auth-one");
  header.set_field("test", "auth-two");
  EXPECT_TRUE(run(header, R"({"hide_credentials":true})").proceeds());
  EXPECT_EQ(header.request_field("apikey").data(), nullptr);
  EXPECT_EQ(header.request_field("test"), "auth-two");
  EXPECT_TRUE(header.exchange.forward.uri.empty());

  TestExchange query(fixture_, "/echo?auth=auth-one&test=auth-two");
  query.set_field("auth", "auth-one");
  EXPECT_TRUE(run(query, R"({"query":"auth","hide_credentials":true})").proceeds());
  EXPECT_EQ(query.exchange.forward.uri, "/echo?test=auth-two");
  EXPECT_EQ(query.request_field("auth"), "auth-one");
}

TEST_F(KeyAuthTest, AnonymousConsumer) {
  TestExchange test(fixture_, "/hello?apikey=wrong");
  test.set_field("apikey", "wrong");
  EXPECT_TRUE(
      run(test, R"({"anonymous_consumer":"anonymous","hide_credentials":true})").proceeds());
  EXPECT_EQ(test.request_field("X-Consumer-Username"), "anonymous");
  EXPECT_EQ(test.request_field("apikey").data(), nullptr);
  EXPECT_EQ(test.exchange.forward.uri, "/hello");

  TestExchange unknown(fixture_);
  Verdict verdict = run(unknown, R"({"anonymous_consumer":"nobody"})");
  EXPECT_EQ(verdict.status(), 401);
  EXPECT_EQ(verdict.body(), "{\"message\":\"Invalid user authorization\"}\n");
  EXPECT_EQ(unknown.response_field("WWW-Authenticate"), "apikey realm=\"key\"");
}

TEST_F(KeyAuthTest, ConfigurationErrors) {
  EXPECT_EQ(fixture_.check("key-auth", R"({"key":123})", Document::consumer),
            "failed to check the configuration of plugin key-auth err: property \"key\" "
            "validation failed: wrong type: expected string, got number");
  EXPECT_EQ(fixture_.check("key-auth", "{}", Document::consumer),
            "failed to check the configuration of plugin key-auth err: property \"key\" is "
            "required");
  EXPECT_THAT(fixture_.check("key-auth", R"({"realm":"a\"b"})"), HasSubstr("property \"realm\""));
  EXPECT_THAT(fixture_.check("key-auth", R"({"anonymous_consumer":""})"),
              HasSubstr("string too short"));
}

}  // namespace
}  // namespace pylon::plugins

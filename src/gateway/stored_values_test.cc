#include "gateway/stored_values.h"

#include <gtest/gtest.h>

#include <map>

#include "base/clock.h"
#include "observe/metrics.h"
#include "plugin/context.h"
#include "plugins/all.h"

namespace pylon::gateway {
namespace {

using config::Kind;

class StoredValuesTest : public testing::Test {
 protected:
  static plugin::FieldCipher cipher_of(const plugin::Catalogue& catalogue, bool fields = true) {
    std::vector<Secret> keys;
    keys.emplace_back("qeddd145sfvddff3");
    keys.emplace_back("edd1c9f0985e76a2");
    return {catalogue, Keyring(std::move(keys)), fields};
  }

  Json read(Kind kind, std::string_view text) {
    Json value = *Json::parse(text);
    bool refers = values_.decrypt(kind, value);
    values_.resolve(kind, "1", refers ? &value : nullptr);
    return value;
  }
  std::string sealed(Kind kind, std::string_view text) {
    Json value = *Json::parse(text);
    cipher_.encrypt(kind, value);
    return value.dump();
  }

  SimulatedClock clock_;
  observe::Metrics metrics_{observe::Metrics::Options{}};
  plugin::Services services_{metrics_, clock_};
  plugin::Catalogue catalogue_{plugins::all_plugins(), services_};
  plugin::FieldCipher cipher_ = cipher_of(catalogue_);
  std::map<std::string, std::string> variables_{
      {"KEY", "k1"}, {"DOC", R"({"a":"x","n":5,"o":{"b":1}})"}, {"BAD", "[1"}, {"EMPTY", ""}};
  StoredValues values_{cipher_, [this](const std::string& name) -> std::optional<std::string> {
                         auto found = variables_.find(name);
                         if (found == variables_.end()) return std::nullopt;
                         return found->second;
                       }};
};

TEST_F(StoredValuesTest, FieldsOfPluginsAreEncryptedAndPlainOnesStay) {
  std::string stored =
      sealed(Kind::consumer, R"({"username":"a","plugins":{"key-auth":{"key":"k"}}})");
  EXPECT_EQ(stored.find("\"k\""), stored.npos);
  EXPECT_EQ(
      read(Kind::consumer, stored).find("plugins")->find("key-auth")->find("key")->as_string(),
      "k");
  Json plain = read(Kind::consumer, R"({"plugins":{"key-auth":{"key":"never encrypted"}}})");
  EXPECT_EQ(plain.find("plugins")->find("key-auth")->find("key")->as_string(), "never encrypted");
}

// The texts are what `openssl enc -aes-128-cbc -K KEY -iv KEY -base64` gives for "foo".
TEST_F(StoredValuesTest, WhatWasWrittenWithAnOlderKey) {
  Json read_back =
      read(Kind::credential, R"({"plugins":{"key-auth":{"key":"QjeqruSmeaWd+fl6jr1vjA=="}}})");
  EXPECT_EQ(read_back.find("plugins")->find("key-auth")->find("key")->as_string(), "foo");
}

TEST_F(StoredValuesTest, FieldsStayPlainWhenItIsOffAndPrivateKeysDoNot) {
  plugin::FieldCipher off = cipher_of(catalogue_, false);
  Json consumer = *Json::parse(R"({"plugins":{"key-auth":{"key":"k"}}})");
  off.encrypt(Kind::consumer, consumer);
  EXPECT_EQ(consumer.dump(), R"({"plugins":{"key-auth":{"key":"k"}}})");
  Json ssl = *Json::parse(R"({"key":"---a","keys":["---b","$env://KEY"]})");
  off.encrypt(Kind::ssl, ssl);
  EXPECT_FALSE(ssl.find("key")->as_string().starts_with("---"));
  EXPECT_EQ(ssl.find("keys")->items()[1].as_string(), "$env://KEY");
  Json again = ssl;
  off.encrypt(Kind::ssl, again);
  EXPECT_EQ(again, ssl);
  off.decrypt(Kind::ssl, ssl);
  EXPECT_EQ(ssl.dump(), R"({"key":"---a","keys":["---b","$env://KEY"]})");
}

TEST_F(StoredValuesTest, ClientKeysOfUpstreams) {
  for (auto [kind, text] :
       {std::pair(Kind::upstream, R"({"tls":{"client_key":"---k"}})"),
        std::pair(Kind::route, R"({"upstream":{"tls":{"client_key":"---k"}}})")}) {
    std::string stored = sealed(kind, text);
    EXPECT_EQ(stored.find("---k"), stored.npos);
    EXPECT_EQ(read(kind, stored).dump(), text);
  }
}

TEST_F(StoredValuesTest, ReferencesToTheEnvironment) {
  Json value = read(Kind::route, R"({"plugins":{"x":{"a":"$env://KEY","b":["$ENV://DOC/a"],)"
                                 R"("n":"$Env://DOC/n","e":"$env://EMPTY","t":"a $env://KEY"}},)"
                                 R"("desc":"$env://KEY"})");
  EXPECT_EQ(value.dump(),
            R"({"plugins":{"x":{"a":"k1","b":["x"],"n":"5","e":"","t":"a $env://KEY"}},)"
            R"("desc":"$env://KEY"})");
  EXPECT_EQ(
      read(Kind::ssl, R"({"cert":"$env://KEY","keys":["$env://KEY"],"desc":"$env://KEY"})").dump(),
      R"({"cert":"k1","keys":["k1"],"desc":"$env://KEY"})");
}

TEST_F(StoredValuesTest, WhatCannotBeResolvedStays) {
  for (std::string reference : {"$env://NONE", "$env://DOC/zz", "$env://BAD/a", "$env://KEY/a"}) {
    std::string text = R"({"plugins":{"x":{"a":")" + reference + "\"}}}";
    EXPECT_EQ(read(Kind::route, text).dump(), text);
    EXPECT_FALSE(find_in_environment(reference, [](auto&) { return std::nullopt; }));
  }
}

TEST_F(StoredValuesTest, MessagesTellTheReferenceInPlaceOfTheSecret) {
  read(Kind::route, R"({"plugins":{"x":{"a":"$env://KEY"}}})");
  EXPECT_EQ(values_.redacted("\"k1\" is not k1"), "\"$env://KEY\" is not $env://KEY");
  read(Kind::route, R"({"plugins":{}})");
  EXPECT_EQ(values_.redacted("k1"), "k1");
}

}  // namespace
}  // namespace pylon::gateway

#include "plugin/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/fixture.h"
#include "schema/value_types.h"

namespace pylon::plugin {
namespace {

using schema::field;
using testing::ElementsAre;
using testing::HasSubstr;

class Auth {
 public:
  struct Config {
    int count = 1;
    static constexpr auto fields = std::tuple{field("count", &Config::count).range(1, 9)};
  };
  struct ConsumerConfig {
    Secret key;
    static constexpr auto fields =
        std::tuple{field("key", &ConsumerConfig::key).required().encrypted()};
  };
  struct Metadata {
    std::string note = "default";
    static constexpr auto fields = std::tuple{field("note", &Metadata::note)};
  };
  static constexpr PluginSpec spec{
      .name = "auth", .priority = 20, .kind = PluginKind::auth, .key_attribute = "key"};

  static Result<void> check(const Config& config) {
    return config.count == 7 ? Result<void>(fail("seven is too many")) : Result<void>();
  }
  Auth(Config, const Context& context) : metadata_(context) {}
  Verdict rewrite(Exchange& exchange) const { return finish(200, metadata_.in(exchange).note); }

 private:
  MetadataSlot<Metadata> metadata_;
};

class Plain {
 public:
  struct Config {
    std::string text;
    static constexpr auto fields = std::tuple{field("text", &Config::text)};
  };
  static constexpr PluginSpec spec{.name = "plain", .priority = 10};
  explicit Plain(Config) {}
  Verdict access(Exchange&) const { return proceed(); }
};

class CatalogueTest : public testing::Test {
 protected:
  CatalogueTest() : fixture_({type_of<Plain>(), type_of<Auth>()}) {}
  Fixture fixture_;
};

TEST_F(CatalogueTest, MessagesAreThoseOfApisix) {
  EXPECT_EQ(fixture_.check("plain", "{}"), "");
  EXPECT_EQ(fixture_.check("none", "{}"), "unknown plugin [none]");
  EXPECT_EQ(fixture_.check("plain", "\"x\""), "invalid plugin conf \"x\" for plugin [plain]");
  EXPECT_EQ(fixture_.check("plain", R"({"text":1})"),
            "failed to check the configuration of plugin plain err: "
            "property \"text\" validation failed: wrong type: expected string, got number");
  EXPECT_EQ(fixture_.check("auth", R"({"count":7})"),
            "failed to check the configuration of plugin auth err: seven is too many");
  auto wrong = fixture_.catalogue.check("plain", *Json::parse(R"({"text":1})"), Document::config,
                                        Subsystem::stream);
  EXPECT_EQ(wrong.error().message,
            "failed to check the configuration of stream plugin [plain]: "
            "property \"text\" validation failed: wrong type: expected string, got number");
}

TEST_F(CatalogueTest, MetaIsCheckedForEveryPlugin) {
  EXPECT_EQ(fixture_.check("plain", R"({"_meta":{"priority":3,"disable":false}})"), "");
  EXPECT_THAT(fixture_.check("plain", R"({"_meta":{"prio":3}})"),
              HasSubstr("property \"_meta\" validation failed: additional properties forbidden"));
  EXPECT_THAT(fixture_.check("plain", R"({"_meta":{"filter":["a","==","b"]}})"),
              HasSubstr("failed to validate the 'vars' expression: "));
}

TEST_F(CatalogueTest, ADisabledPluginMayBeWrong) {
  EXPECT_EQ(fixture_.check("plain", R"({"text":1,"_meta":{"disable":true}})"), "");
}

TEST_F(CatalogueTest, AConsumersPartHasItsOwnSchema) {
  EXPECT_THAT(fixture_.check("auth", "{}", Document::consumer),
              HasSubstr("property \"key\" is required"));
  EXPECT_EQ(fixture_.check("auth", R"({"key":"k"})", Document::consumer), "");
  EXPECT_EQ(fixture_.check("plain", R"({"text":"t"})", Document::consumer), "");
  EXPECT_THAT(fixture_.check("plain", R"({"text":1})", Document::consumer),
              HasSubstr("wrong type"));
}

TEST_F(CatalogueTest, OnlyEnabledPluginsAreKnown) {
  EXPECT_THAT(fixture_.catalogue.enable({"plain", "unheard-of"}, {}), ElementsAre("unheard-of"));
  EXPECT_EQ(fixture_.catalogue.find("auth"), nullptr);
  EXPECT_EQ(fixture_.check("auth", "{}"), "unknown plugin [auth]");
  EXPECT_EQ(fixture_.catalogue.enabled().size(), 1u);
}

TEST_F(CatalogueTest, EnabledPluginsByPriority) {
  auto types = fixture_.catalogue.enabled();
  ASSERT_EQ(types.size(), 2u);
  EXPECT_EQ(types[0]->spec.name, "auth");
}

TEST_F(CatalogueTest, AuthKeysOfAConsumer) {
  auto keys = fixture_.catalogue.auth_keys(*Json::parse(R"({"auth":{"key":"k1"},"plain":{}})"));
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ((*keys)[0].key, "k1");
  EXPECT_EQ((*keys)[0].type->spec.name, "auth");
}

TEST_F(CatalogueTest, AReferenceThatLeadsNowhereIsNoKey) {
  auto keys =
      fixture_.catalogue.auth_keys(*Json::parse(R"({"auth":{"key":"$secret://vault/1/k"}})"));
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->empty());
}

TEST_F(CatalogueTest, MetadataReachesThePlugin) {
  auto set = fixture_.plugins(R"({"auth":{}})");
  TestExchange test(fixture_);
  EXPECT_EQ(test.run(*set).body(), "default");
  auto metadata = fixture_.catalogue.metadata(*Json::parse(R"({"auth":{"note":"told"}})"));
  test.exchange.metadata = metadata.get();
  EXPECT_EQ(test.run(*set).body(), "told");
  auto wrong = fixture_.catalogue.metadata(*Json::parse(R"({"auth":{"note":1}})"));
  test.exchange.metadata = wrong.get();
  EXPECT_EQ(test.run(*set).body(), "default");
}

TEST_F(CatalogueTest, EncryptedFields) {
  EXPECT_THAT(fixture_.catalogue.encrypted_fields("auth", Document::consumer), ElementsAre("key"));
  EXPECT_TRUE(fixture_.catalogue.encrypted_fields("plain", Document::consumer).empty());
}

TEST_F(CatalogueTest, Schemas) {
  EXPECT_TRUE(fixture_.catalogue.schema("plain", Document::config)->contains("$comment"));
  EXPECT_EQ(fixture_.catalogue.schema("plain", Document::consumer), nullptr);
  EXPECT_NE(fixture_.catalogue.schema("auth", Document::metadata), nullptr);
}

}  // namespace
}  // namespace pylon::plugin

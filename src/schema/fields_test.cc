#include "schema/fields.h"

#include <gtest/gtest.h>

#include <memory>

#include "schema/value_types.h"

namespace pylon::schema {

enum class Policy : uint8_t { local, redis };
template <>
struct EnumNames<Policy> {
  static constexpr std::string_view names[] = {"local", "redis"};
};

namespace {

// The example of fields.h.
class IpRestriction {
 public:
  struct Config {
    std::vector<Cidr> whitelist, blacklist;
    std::string message = "Your IP address is not allowed";
    int response_code = 403;

    static constexpr auto fields = std::tuple{
        field("whitelist", &Config::whitelist, "Only these addresses pass.").non_empty(),
        field("blacklist", &Config::blacklist, "These addresses are refused.").non_empty(),
        field("message", &Config::message, "Body of the refusal.").length(1, 1024),
        field("response_code", &Config::response_code, "Status of the refusal.").range(403, 404)};
    static constexpr auto rules = exactly_one_of("whitelist", "blacklist");
  };
};
using Config = IpRestriction::Config;

struct Inner {
  int weight = 1;
  Secret token;

  static constexpr auto fields = std::tuple{field("weight", &Inner::weight, "Weight.").at_least(0),
                                            field("token", &Inner::token, "Token.")};
};

struct Wide {
  std::string id;
  bool on = true;
  double ratio = 0.5;
  uint16_t port = 80;
  Policy policy = Policy::local;
  std::optional<std::string> note;
  std::optional<Inner> inner;
  std::unique_ptr<Inner> box;
  Inner embedded;
  std::vector<Inner> list;
  std::map<std::string, int> counts;
  std::vector<std::pair<std::string, std::string>> headers;
  Json anything;
  Regex regex;
  std::string password;

  static constexpr auto fields =
      std::tuple{field("id", &Wide::id)
                     .required()
                     .fragment(R"({"anyOf":[{"type":"string"},{"type":"integer"}]})"),
                 field("on", &Wide::on),
                 field("ratio", &Wide::ratio, "Share.").greater_than(0).at_most(1),
                 field("port", &Wide::port),
                 field("policy", &Wide::policy, "Where | counted."),
                 field("note", &Wide::note).deprecated(),
                 field("inner", &Wide::inner),
                 field("box", &Wide::box),
                 field("embedded", &Wide::embedded),
                 field("list", &Wide::list).max_items(2),
                 field("counts", &Wide::counts).items(each().at_least(1)),
                 field("headers", &Wide::headers).items(each().length(0, 4)),
                 field("anything", &Wide::anything),
                 field("regex", &Wide::regex),
                 field("password", &Wide::password).encrypted(),
                 ignored("comment", R"({"type":"string"})")};
  static constexpr auto rules =
      std::tuple{required_if("policy", "redis", "note"), at_most_one_of("inner", "box", "note")};
  static constexpr bool closed = true;
};

template <class T>
std::string error_of(std::string_view text) {
  auto parsed = parse<T>(*Json::parse(text));
  return parsed ? "" : parsed.error().message;
}

TEST(Fields, TheExampleHasApisixsSchemaAndMessages) {
  Json schema = schema_of<Config>();
  EXPECT_EQ(schema.find("oneOf")->dump(),
            R"([{"required":["whitelist"]},{"required":["blacklist"]}])");
  EXPECT_EQ(
      schema.find("properties")->find("response_code")->dump(),
      R"({"type":"integer","minimum":403,"maximum":404,"description":"Status of the refusal.",)"
      R"("default":403})");
  EXPECT_EQ(error_of<Config>("{}"), "value should match only one schema, but matches none");
  EXPECT_EQ(error_of<Config>(R"({"whitelist":[]})"),
            "property \"whitelist\" validation failed: expect array to have at least 1 items");
  EXPECT_EQ(error_of<Config>(R"({"whitelist":["10.0.0.256/8"]})"),
            "property \"whitelist\" validation failed: failed to validate item 1: "
            "object matches none of the required");
  EXPECT_EQ(error_of<Config>(R"({"whitelist":["::ffff/200"]})"),
            "property \"whitelist\" validation failed: invalid ip address: ::ffff/200");
  EXPECT_EQ(error_of<Config>(R"({"whitelist":["::1"],"response_code":405})"),
            "property \"response_code\" validation failed: expected 405 to be at most 404");
}

TEST(Fields, TheExampleIsFilled) {
  auto config = parse<Config>(*Json::parse(R"({"whitelist":["10.0.0.0/8","::1"],"message":"no"})"));
  ASSERT_TRUE(config);
  ASSERT_EQ(config->whitelist.size(), 2u);
  EXPECT_EQ(config->whitelist[0].to_string(), "10.0.0.0/8");
  EXPECT_TRUE(config->blacklist.empty());
  EXPECT_EQ(config->message, "no");
  EXPECT_EQ(config->response_code, 403);
}

TEST(Fields, EveryKindOfMember) {
  auto wide = parse<Wide>(*Json::parse(
      R"({"id":7,"on":false,"ratio":1,"port":443.0,"policy":"redis","note":"n",)"
      R"("embedded":{"weight":9},)"
      R"("list":[{"token":"t"},{}],"counts":{"a":1},"headers":{"x":"1","a":"2"},"anything":[1],)"
      R"("regex":"^a+$","password":"p","comment":"dropped"})"));
  ASSERT_TRUE(wide) << wide.error().message;
  EXPECT_EQ(wide->id, "7");
  EXPECT_FALSE(wide->on);
  EXPECT_EQ(wide->ratio, 1);
  EXPECT_EQ(wide->port, 443);
  EXPECT_EQ(wide->policy, Policy::redis);
  EXPECT_EQ(wide->note, "n");
  EXPECT_FALSE(wide->inner);
  EXPECT_EQ(wide->box, nullptr);
  EXPECT_EQ(wide->embedded.weight, 9);
  ASSERT_EQ(wide->list.size(), 2u);
  EXPECT_TRUE(wide->list[0].token.equals("t"));
  EXPECT_EQ(wide->counts.at("a"), 1);
  EXPECT_EQ(wide->headers[1].first, "a");
  EXPECT_EQ(wide->anything.dump(), "[1]");
  EXPECT_TRUE(wide->regex.matches("aaa"));
  EXPECT_EQ(to_json(*wide).find("policy")->as_string(), "redis");
  EXPECT_EQ(to_json(*wide).find("headers")->dump(), R"({"x":"1","a":"2"})");
}

TEST(Fields, BoxesAndOptionals) {
  auto boxed = parse<Wide>(*Json::parse(R"({"id":"a","box":{"weight":2}})"));
  ASSERT_TRUE(boxed && boxed->box);
  EXPECT_EQ(boxed->box->weight, 2);
  auto inner = parse<Wide>(*Json::parse(R"({"id":"a","inner":{}})"));
  ASSERT_TRUE(inner && inner->inner);
  EXPECT_EQ(inner->inner->weight, 1);
}

TEST(Fields, MessagesOfRulesAndLimits) {
  EXPECT_EQ(error_of<Wide>("{}"), "property \"id\" is required");
  EXPECT_EQ(error_of<Wide>(R"({"id":"a","ratio":0})"),
            "property \"ratio\" validation failed: expected 0 to be greater than 0");
  EXPECT_EQ(error_of<Wide>(R"({"id":"a","policy":"x"})"),
            "property \"policy\" validation failed: matches none of the enum values");
  EXPECT_EQ(error_of<Wide>(R"({"id":"a","policy":"redis"})"), "then clause did not match");
  EXPECT_EQ(error_of<Wide>(R"({"id":"a","box":{},"note":"x"})"),
            "value wasn't supposed to match schema");
  EXPECT_EQ(error_of<Wide>(R"({"id":"a","zzz":1})"), "additional properties forbidden, found zzz");
  EXPECT_EQ(error_of<Wide>(R"({"id":"a","counts":{"x":0}})"),
            "property \"counts\" validation failed: failed to validate x (matching \".*\"): "
            "expected 0 to be at least 1");
  EXPECT_EQ(error_of<Wide>(R"({"id":"a","port":70000})"),
            "property \"port\" validation failed: number 70000 is out of range");
  EXPECT_TRUE(error_of<Wide>(R"({"id":"a","regex":"("})").starts_with("property \"regex\""));
  EXPECT_EQ(error_of<Wide>(R"({"id":"a","comment":1})"),
            "property \"comment\" validation failed: wrong type: expected string, got number");
}

TEST(Fields, OptionalAndEmptyHaveNoDefault) {
  Json properties = *schema_of<Wide>().find("properties");
  EXPECT_FALSE(properties.find("note")->contains("default"));
  EXPECT_FALSE(properties.find("id")->contains("default"));
  EXPECT_FALSE(properties.find("list")->contains("default"));
  EXPECT_FALSE(properties.find("embedded")->contains("default"));
  EXPECT_EQ(properties.find("port")->find("default")->as_int(), 80);
  EXPECT_EQ(properties.find("policy")->find("default")->as_string(), "local");
}

TEST(Fields, EncryptedFields) {
  EXPECT_EQ(encrypted_fields_of<Wide>(),
            (std::vector<std::string>{"inner.token", "box.token", "embedded.token", "list.token",
                                      "password"}));
}

TEST(Fields, Reference) {
  std::string page = reference_of<Wide>();
  EXPECT_NE(page.find("| `ratio` | number | no | `0.5` | maximum 1, exclusiveMinimum 0 | Share. |"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("| `list[].weight` | integer | no | `1` | minimum 0 | Weight. |"),
            std::string::npos);
  EXPECT_NE(page.find("Where \\| counted."), std::string::npos);
  EXPECT_NE(page.find("Deprecated."), std::string::npos);
}

TEST(Fields, SecretReferencesAreNoCustomValues) {
  EXPECT_EQ(error_of<Config>(R"({"whitelist":["$ENV://ADDRESSES"]})"),
            "property \"whitelist\" validation failed: invalid ip address: $ENV://ADDRESSES");
}

}  // namespace
}  // namespace pylon::schema

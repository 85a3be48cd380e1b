#include "config/resource.h"

#include <gtest/gtest.h>

#include <map>

namespace pylon::config {
namespace {

// Answers from a small table instead of a store and a plugin layer.
class FakeHelp : public CheckHelp {
 public:
  const Json* find(Kind kind, std::string_view id) const override {
    auto stored = store.find({kind, std::string(id)});
    return stored != store.end() ? &stored->second : nullptr;
  }
  bool skips_references() const override { return skip; }
  Result<void> check_plugins(Json& plugins, PluginScope) const override {
    for (const auto& [name, conf] : plugins.members()) {
      if (name == "unknown") return fail("unknown plugin [unknown]");
    }
    return {};
  }
  bool is_auth_plugin(std::string_view plugin) const override { return plugin == "key-auth"; }
  Result<void> check_vars(const Json& vars) const override {
    return vars.empty() ? fail("invalid operator '='") : Result<void>();
  }
  Result<void> check_certificate(std::string_view certificate, std::string_view) const override {
    if (certificate.starts_with("bad")) return fail("failed to parse cert: bad");
    return {};
  }

  std::map<std::pair<Kind, std::string>, Json> store;
  bool skip = false;
};

struct Case {
  Kind kind;
  const char* value;
  const char* message;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.value; }

std::string message_of(Kind kind, std::string_view text, const CheckHelp& help,
                       std::string_view id = "1", std::string_view parent = {}) {
  auto value = Json::parse(text);
  EXPECT_TRUE(value) << text;
  auto done = resource_type(kind).check(*value, {id, parent, help});
  return done ? "" : done.error().message;
}

class Refusals : public testing::TestWithParam<Case> {};

TEST_P(Refusals, SayWhatApisixSays) {
  FakeHelp help;
  help.store[{Kind::ssl, "5"}] = *Json::parse(R"({"type":"server"})");
  help.store[{Kind::stream_route, "5"}] = *Json::parse(R"({"protocol":{"name":"redis"}})");
  EXPECT_EQ(message_of(GetParam().kind, GetParam().value, help), GetParam().message);
}

constexpr Case kRoutes[] = {
    {Kind::route, R"({"uri":"/a","upstream_id":"x"})",
     "failed to fetch upstream info by upstream id [x], response code: 404"},
    {Kind::route, R"({"uri":"/a","service_id":99})",
     "failed to fetch service info by service id [99], response code: 404"},
    {Kind::route, R"({"uri":"/a","plugins":{},"plugin_config_id":"not_found"})",
     "failed to fetch plugin config info by plugin config id [not_found], response code: 404"},
    {Kind::route, R"({"uri":"/a","plugins":{"unknown":{}}})", "unknown plugin [unknown]"},
    {Kind::route, R"({"uri":"/a","plugins":{}})", ""},
    {Kind::route, R"({"uri":"/a","plugins":{},"id":"not unique"})",
     "invalid configuration: property \"id\" validation failed: object matches none of the "
     "required"},
    {Kind::route, R"({"uri":"/a","plugins":{},"id":0})",
     "invalid configuration: property \"id\" validation failed: object matches none of the "
     "required"},
    {Kind::route, R"({"uri":"/a","plugins":{},"host":"a","hosts":["b"]})",
     "only one of host or hosts is allowed"},
    {Kind::route, R"({"uri":"/a","plugins":{},"remote_addr":"1.1.1.1","remote_addrs":["1.1.1.1"]})",
     "only one of remote_addr or remote_addrs is allowed"},
    {Kind::route, R"({"uri":"/a","plugins":{},"remote_addr":"127.0.0.300"})",
     "invalid configuration: property \"remote_addr\" validation failed: object matches none of "
     "the required"},
    {Kind::route, R"({"uri":"/a","plugins":{},"remote_addr":"::1/129"})",
     "invalid remote_addr: ::1/129"},
    {Kind::route, R"({"uri":"/a","plugins":{},"remote_addrs":["::/0","::1/129"]})",
     "invalid remote_addrs: ::1/129"},
    {Kind::route, R"({"uri":"/a","plugins":{},"methods":["METHOD"]})",
     "invalid configuration: property \"methods\" validation failed: failed to validate item 1: "
     "matches none of the enum values"},
    {Kind::route, R"({"uri":"/a","plugins":{},"host":"*.foo.*"})",
     "invalid configuration: property \"host\" validation failed: failed to match pattern "
     "\"^\\\\*$|^\\\\*?[0-9a-zA-Z-._\\\\[\\\\]:]+$\" with \"*.foo.*\""},
    {Kind::route, R"({"uri":"/a","plugins":{},"invalid_property":"/x"})",
     "invalid configuration: additional properties forbidden, found invalid_property"},
    {Kind::route, R"({"uri":"/a"})",
     "invalid configuration: object matches none of the required: "
     R"(["plugins","uri"] or ["upstream","uri"] or ["upstream_id","uri"] or ["service_id","uri"])"
     R"( or ["plugins","uris"] or ["upstream","uris"] or ["upstream_id","uris"] or )"
     R"(["service_id","uris"] or ["script","uri"] or ["script","uris"])"},
    {Kind::route, R"({"uri":"/a","uris":["/b"],"plugins":{}})",
     "invalid configuration: allOf 1 failed: value should match only one schema, but matches both "
     "schemas 1 and 2"},
    {Kind::route, R"({"uri":"/a","plugins":{},"script":"local x = 1"})",
     "invalid configuration: value wasn't supposed to match schema"},
    {Kind::route, R"({"uri":"/a","plugins":{},"vars":[]})",
     "failed to validate the 'vars' expression: invalid operator '='"},
    {Kind::route, R"({"uri":"/a","plugins":{},"timeout":{"connect":0,"send":1,"read":1}})",
     "invalid configuration: property \"timeout\" validation failed: property \"connect\" "
     "validation failed: expected 0 to be greater than 0"},
    {Kind::route, R"({"uri":"/a","plugins":{},"labels":{"env":{}}})",
     "invalid configuration: property \"labels\" validation failed: failed to validate env "
     "(matching \".*\"): wrong type: expected string, got table"},
    {Kind::route, R"({"uri":"","plugins":{}})",
     "invalid configuration: property \"uri\" validation failed: string too short, expected at "
     "least 1, got 0"},
};
INSTANTIATE_TEST_SUITE_P(Routes, Refusals, testing::ValuesIn(kRoutes));

constexpr Case kUpstreams[] = {
    {Kind::upstream, R"({"nodes":{"127.0.0.1:80":1}})", ""},
    {Kind::upstream, R"({"nodes":[]})", ""},
    {Kind::upstream, R"({"nodes":{"127.0.0.1:80":-1}})",
     "invalid configuration: property \"nodes\" validation failed: object matches none of the "
     "required"},
    {Kind::upstream, R"({"nodes":[{"host":"127.0.0.1","port":0,"weight":1}]})",
     "invalid configuration: property \"nodes\" validation failed: object matches none of the "
     "required"},
    {Kind::upstream, R"({"nodes":[{"host":"::1","port":80,"weight":1}]})",
     "invalid configuration: IPv6 address must be enclosed with '[' and ']'"},
    {Kind::upstream, R"({"nodes":[{"host":"[::1]","port":80,"weight":1}]})", ""},
    {Kind::upstream, R"({"nodes":{"127.0.0.1:70000":1}})", "invalid port 70000"},
    {Kind::upstream, R"({"nodes":{"a:1":1},"pass_host":"rewrite"})",
     "`upstream_host` can't be empty when `pass_host` is `rewrite`"},
    {Kind::upstream, R"({"nodes":{"a:1":1},"type":"chash"})", "missing key"},
    {Kind::upstream, R"({"nodes":{"a:1":1},"type":"chash","hash_on":"consumer"})", ""},
    {Kind::upstream, R"({"nodes":{"a:1":1},"type":"chash","hash_on":"header","key":"$#^@"})",
     "invalid configuration: failed to match pattern \"^[a-zA-Z0-9-_]+$\" with \"$#^@\""},
    {Kind::upstream, R"({"nodes":{"a:1":1},"type":"chash","key":"not_support"})",
     "invalid configuration: failed to match pattern "
     "\"^((uri|server_name|server_addr|request_uri|remote_port|remote_addr|query_string|host|"
     "hostname|mqtt_client_id)|arg_[0-9a-zA-z_-]+)$\" with \"not_support\""},
    {Kind::upstream, R"({"nodes":{"a:1":1},"hash_on":"aabbcc"})",
     "invalid configuration: property \"hash_on\" validation failed: matches none of the enum "
     "values"},
    {Kind::upstream, R"({"nodes":{"a:1":1},"retries":-1})",
     "invalid configuration: property \"retries\" validation failed: expected -1 to be at least 0"},
    {Kind::upstream, R"({"type":"roundrobin"})",
     "invalid configuration: value should match only one schema, but matches none"},
    {Kind::upstream, R"({"nodes":{"a:1":1},"tls":{"client_cert_id":"9"}})",
     "failed to fetch ssl info by ssl id [9], response code: 404"},
    {Kind::upstream, R"({"nodes":{"a:1":1},"tls":{"client_cert_id":5}})",
     "failed to fetch ssl info by ssl id [5], wrong ssl type"},
    {Kind::upstream, R"({"nodes":{"a:1":1},"checks":{"passive":{}}})",
     R"(invalid configuration: property "checks" validation failed: object matches none of the )"
     R"(required: ["active"] or ["active","passive"])"},
    {Kind::service, R"({"upstream":{"nodes":{"a:1":1},"type":"chash"}})", "missing key"},
    {Kind::service, R"({"upstream_id":"9"})",
     "failed to fetch upstream info by upstream id [9], response code: 404"},
};
INSTANTIATE_TEST_SUITE_P(Upstreams, Refusals, testing::ValuesIn(kUpstreams));

constexpr Case kOthers[] = {
    {Kind::consumer, R"({"plugins":{}})",
     "invalid configuration: property \"username\" is required"},
    {Kind::consumer, R"({"username":"bob"})", "wrong username"},
    {Kind::consumer, R"({"username":"1","plugins":{"unknown":{}}})",
     "invalid plugins configuration: unknown plugin [unknown]"},
    {Kind::consumer, R"({"username":"1","group_id":"g"})",
     "failed to fetch consumer group info by consumer group id [g], response code: 404"},
    {Kind::credential, R"({"plugins":{"a":{},"b":{}}})",
     "invalid configuration: property \"plugins\" validation failed: expect object to have at most "
     "1 properties"},
    {Kind::credential, R"({"plugins":{"limit-count":{}}})",
     "only supports auth type plugins in consumer credential"},
    {Kind::credential, R"({"id":"bob/credentials/1","plugins":{"key-auth":{}}})", ""},
    {Kind::plugin_config, R"({"id":"1"})",
     "invalid configuration: property \"plugins\" is required"},
    {Kind::global_rule, R"({"id":"1","plugins":{},"name":"x"})",
     "invalid configuration: additional properties forbidden, found name"},
    {Kind::consumer_group, R"({"id":1,"plugins":{"unknown":1}})", "unknown plugin [unknown]"},
    {Kind::proto, R"({"id":"1"})", "invalid configuration: property \"content\" is required"},
    {Kind::ssl, R"({"sni":"a.com"})", "invalid configuration: then clause did not match"},
    {Kind::ssl, R"({"type":"client"})", "invalid configuration: else clause did not match"},
    {Kind::ssl, R"({"snis":[]})",
     "invalid configuration: property \"snis\" validation failed: expect array to have at least 1 "
     "items"},
    {Kind::ssl, R"({"ssl_protocols":["TLSv1.0"]})",
     "invalid configuration: property \"ssl_protocols\" validation failed: failed to validate item "
     "1: matches none of the enum values"},
    {Kind::ssl, R"({"sni":"a.com","cert":"$ENV://C","key":"$ENV://K","certs":["$ENV://C"]})",
     "mismatched number of certs and keys"},
    {Kind::ssl, R"({"sni":"a.com","cert":"$ENV://C","key":"$ENV://K"})", ""},
    {Kind::stream_route, R"({"remote_addr":"x"})",
     "invalid configuration: property \"remote_addr\" validation failed: object matches none of "
     "the required"},
    {Kind::stream_route, R"({"server_addr":":/8"})", "invalid server_addr: :/8"},
    {Kind::stream_route, R"({"protocol":{"name":"redis","superior_id":"1"}})",
     "stream route can not set itself as superior_id"},
    {Kind::stream_route, R"({"protocol":{"name":"dubbo","superior_id":5}})",
     "protocol mismatch: subordinate protocol [dubbo] does not match superior protocol [redis]"},
    {Kind::stream_route, R"({"protocol":{"name":"dubbo","superior_id":6}})",
     "failed to fetch stream routes[6], response code: 404"},
    {Kind::graphql_cost_decoration, R"({"field_path":"1x"})",
     "invalid configuration: property \"field_path\" validation failed: failed to match pattern "
     "\"^[A-Za-z_][A-Za-z0-9_]*(\\\\.[A-Za-z_][A-Za-z0-9_]*)*$\" with \"1x\""},
    {Kind::secret, "{}", "missing secret type"},
};
INSTANTIATE_TEST_SUITE_P(Others, Refusals, testing::ValuesIn(kOthers));

TEST(Resource, CertificatesOfPairsAndClients) {
  FakeHelp help;
  std::string bad = "bad" + std::string(200, 'x');
  std::string pair = R"({"sni":"a","cert":"$ENV://C","key":"$ENV://K",)";
  EXPECT_EQ(
      message_of(Kind::ssl, pair + "\"certs\":[\"" + bad + "\"],\"keys\":[\"" + bad + "\"]}", help),
      "failed to handle cert-key pair[1]: failed to parse cert: bad");
  EXPECT_EQ(message_of(Kind::ssl, pair + "\"client\":{\"ca\":\"" + bad + "\"}}", help),
            "failed to validate client_cert: failed to parse cert: bad");
}

TEST(Resource, SecretsByManager) {
  FakeHelp help;
  EXPECT_EQ(message_of(Kind::secret, R"({"uri":"x","prefix":"a","token":"b"})", help, "1", "vault"),
            "invalid configuration: property \"uri\" validation failed: failed to match pattern "
            "\"^[^\\\\/]+:\\\\/\\\\/([\\\\da-zA-Z.-]+|\\\\[[\\\\da-fA-F:]+\\\\])(:\\\\d+)?\" with "
            "\"x\"");
  EXPECT_EQ(message_of(Kind::secret, "{}", help, "1", "gcp"),
            "invalid configuration: value should match only one schema, but matches none");
  EXPECT_EQ(message_of(Kind::secret, "{}", help, "1", "nobody"), "invalid secret manager: nobody");
  EXPECT_EQ(
      message_of(Kind::secret, R"({"id":"aws/1","access_key_id":"a","secret_access_key":"b"})",
                 help, "1", "aws"),
      "");
}

TEST(Resource, ReferencesAreNotAskedForWhenTheyAreSkipped) {
  FakeHelp help;
  help.skip = true;
  EXPECT_EQ(message_of(Kind::route, R"({"uri":"/a","upstream_id":"x","service_id":"y"})", help),
            "");
}

TEST(Resource, TypesByNameAndKind) {
  size_t index = 0;
  for (const ResourceType& type : resource_types()) {
    EXPECT_EQ(static_cast<size_t>(type.kind), index++);
    EXPECT_EQ(find_resource_type(type.name), &type);
    EXPECT_EQ(&resource_type(type.kind), &type);
  }
  EXPECT_EQ(find_resource_type("nothing"), nullptr);
  EXPECT_FALSE(find_resource_type("consumers")->methods.post);
  EXPECT_EQ(find_resource_type("plugin_configs")->kind_word, "plugin config");
}

TEST(Resource, SchemaDocuments) {
  for (std::string_view name :
       {"route", "service", "upstream", "consumer", "credential", "consumer_group", "plugin_config",
        "global_rule", "ssl", "proto", "stream_route", "graphql_cost_decoration", "plugins",
        "upstream_hash_vars_schema", "upstream_hash_header_schema"}) {
    ASSERT_NE(find_schema_document(name), nullptr) << name;
    EXPECT_TRUE(schema::JsonSchema::compile(*find_schema_document(name))) << name;
  }
  EXPECT_EQ(find_schema_document("noexits"), nullptr);
}

TEST(Resource, ForbiddenTimes) {
  EXPECT_EQ(forbidden_time(*Json::parse(R"({"update_time":1})")), "update_time");
  EXPECT_EQ(forbidden_time(*Json::parse(R"({"upstream":{"create_time":1}})")),
            "upstream.create_time");
  EXPECT_EQ(forbidden_time(*Json::parse(R"({"plugins":{"create_time":1}})")),
            "plugins.create_time");
  EXPECT_EQ(forbidden_time(*Json::parse(R"({"uri":"/"})")), std::nullopt);
}

TEST(Resource, References) {
  auto references = references_of(
      Kind::route,
      *Json::parse(
          R"({"upstream_id":1,"service_id":"s","plugin_config_id":"p",)"
          R"("upstream":{"tls":{"client_cert_id":"c"}},"plugins":{"traffic-split":{"rules":)"
          R"([{"weighted_upstreams":[{"upstream_id":2},{"weight":1}]}]},)"
          R"("grpc-transcode":{"proto_id":"g"}}})"));
  std::map<Kind, std::string> first;
  for (const Reference& each : references) first.emplace(each.kind, each.id);
  EXPECT_EQ(references.size(), 6u);
  EXPECT_EQ(first[Kind::upstream], "1");
  EXPECT_EQ(first[Kind::service], "s");
  EXPECT_EQ(first[Kind::plugin_config], "p");
  EXPECT_EQ(first[Kind::ssl], "c");
  EXPECT_EQ(first[Kind::proto], "g");
}

}  // namespace
}  // namespace pylon::config

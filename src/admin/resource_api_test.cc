// The resources' methods as tables of calls: what is sent, what comes back.
#include "admin/resource_api.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "admin/testing.h"
#include "tls/test_certificate.h"

namespace pylon::admin {
namespace {

constexpr const char* kNodes = R"("upstream":{"nodes":{"127.0.0.1:80":1},"type":"roundrobin"})";
constexpr const char* kTimes = R"("create_time":1700000000,"update_time":1700000000)";

// "$N" stands for the upstream, "$T" for the times of a value that is new.
std::string filled(std::string text) {
  for (auto [mark, value] : {std::pair{"$N", kNodes}, std::pair{"$T", kTimes}}) {
    for (size_t at = text.find(mark); at != text.npos; at = text.find(mark)) {
      text.replace(at, 2, value);
    }
  }
  return text;
}

struct Step {
  std::string method;
  std::string target;
  std::string body;
  std::string answer;
};

// Runs the calls one after the other against one store.
void run(Desk& desk, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    EXPECT_EQ(desk.talk(step.method, step.target, filled(step.body)), filled(step.answer))
        << step.method << " " << step.target << " " << step.body;
  }
}
void run(const std::vector<Step>& steps) {
  Desk desk;
  run(desk, steps);
}

std::string error(int status, const std::string& message) {
  Json body = Json::object({{"error_msg", Json(message)}});
  return std::to_string(status) + " " + body.dump();
}

TEST(ResourceApi, CreatesReplacesAndDeletes) {
  Desk desk;
  run(desk, {{"PUT", "/routes/1", R"({"uri":"/a",$N})",
              R"(201 {"key":"/apisix/routes/1","value":{"uri":"/a",$N,"id":"1",$T}})"},
             {"GET", "/routes/1", "",
              R"(200 {"key":"/apisix/routes/1","value":{"uri":"/a",$N,"id":"1",$T},)"
              R"("createdIndex":2,"modifiedIndex":2})"}});
  desk.clock.advance_ms(5000);
  run(desk, {{"PUT", "/routes/1", R"({"id":1,"uri":"/b",$N})",
              R"(200 {"key":"/apisix/routes/1","value":{"id":"1","uri":"/b",$N,)"
              R"("create_time":1700000000,"update_time":1700000005}})"},
             {"GET", "/routes/1", "",
              R"(200 {"key":"/apisix/routes/1","value":{"id":"1","uri":"/b",$N,)"
              R"("create_time":1700000000,"update_time":1700000005},)"
              R"("createdIndex":2,"modifiedIndex":3})"},
             {"DELETE", "/routes/1", "", R"(200 {"key":"/apisix/routes/1","deleted":"1"})"},
             {"DELETE", "/routes/1", "", R"(404 {"message":"Key not found"})"},
             {"GET", "/routes/1", "", R"(404 {"message":"Key not found"})"}});
}

TEST(ResourceApi, WhatOthersStoredIsNotPatchedUnlessItIsAnObject) {
  Desk desk;
  for (std::string value : {"[]", "1", "\"x\"", "null"}) {
    desk.store.put("/apisix/routes/a", value, {}).run_to_end();
    desk.store.put("/apisix/upstreams/a", value, {}).run_to_end();
    desk.store.put("/apisix/ssls/a", value, {}).run_to_end();
    for (std::string_view path : {"/routes/a", "/routes/a/uri", "/ssls/a"}) {
      EXPECT_EQ(desk.talk("PATCH", path, R"({"uri":"/a"})"),
                error(400, "the stored value is no JSON object"));
    }
    EXPECT_EQ(desk.call("GET", "/ssls/a").status, 200);
    EXPECT_EQ(desk.call("GET", "/routes?uri=a&label=b").status, 200);
    EXPECT_EQ(desk.call("DELETE", "/upstreams/a").status, 200);
    EXPECT_EQ(desk.call("PUT", "/routes/a", filled(R"({"uri":"/a",$N})")).status, 200);
  }
  desk.store.put("/apisix/routes/a", "", {}).run_to_end();
  EXPECT_EQ(desk.talk("PATCH", "/routes/a", "{}").substr(0, 50),
            R"(400 {"error_msg":"the stored value is no JSON: Emp)");
}

TEST(ResourceApi, AListIsJsonWhateverOthersStored) {
  Desk desk;
  desk.store.put("/apisix/routes/a", "not \"json", {}).run_to_end();
  desk.store.put("/apisix/routes/b", "\xff", {}).run_to_end();
  desk.store.put("/apisix/ssls/c", "PRIVATE KEY", {}).run_to_end();
  run(desk, {{"GET", "/routes", "",
              R"(200 {"total":2,"list":[{"key":"/apisix/routes/a","value":"not \"json",)"
              R"("createdIndex":2,"modifiedIndex":2},{"key":"/apisix/routes/b","value":null,)"
              R"("createdIndex":3,"modifiedIndex":3}]})"},
             {"GET", "/ssls/c", "",
              R"(200 {"key":"/apisix/ssls/c","value":null,"createdIndex":4,"modifiedIndex":4})"}});
}

TEST(ResourceApi, PostTakesItsIdFromTheRevision) {
  run({{"POST", "/routes", R"({"uri":"/a",$N})",
        R"(201 {"key":"/apisix/routes/00000000000000000002","value":{"uri":"/a",$N,)"
        R"("id":"00000000000000000002",$T}})"},
       {"POST", "/routes", R"({"uri":"/a",$N})",
        R"(201 {"key":"/apisix/routes/00000000000000000004","value":{"uri":"/a",$N,)"
        R"("id":"00000000000000000004",$T}})"}});
}

TEST(ResourceApi, AnswersWhenTheWorkersServe) {
  Desk desk;
  auto response = desk.call("PUT", "/routes/1", filled(R"({"uri":"/a",$N})"));
  EXPECT_EQ(field_of(response, "X-Pylon-Revision"), "2");
  EXPECT_EQ(desk.node.waited_for, 2);
  response = desk.call("PUT", "/routes/1?wait=none", filled(R"({"uri":"/a",$N})"));
  EXPECT_EQ(field_of(response, "X-Pylon-Revision"), "3");
  EXPECT_EQ(desk.node.waited_for, 2);
}

TEST(ResourceApi, MethodsThatATypeLacks) {
  run({{"POST", "/consumers", "{}", error(405, "not supported `POST` method for consumer")},
       {"PATCH", "/consumers/jack", "{}", error(405, "not supported `PATCH` method for consumer")},
       {"POST", "/global_rules", "{}", error(405, "not supported `POST` method for global rule")},
       {"PATCH", "/protos/1", "{}", error(405, "not supported `PATCH` method for proto")},
       {"POST", "/consumers/jack/credentials", "{}",
        error(405, "not supported `POST` method for credential")},
       {"POST", "/plugin_metadata/x", "{}",
        error(405, "not supported `POST` method for plugin_metadata")}});
}

TEST(ResourceApi, BodiesAndIds) {
  run({{"PUT", "/routes/1", "", error(400, "missing configurations")},
       {"POST", "/routes", "", error(400, "missing configurations")},
       {"PATCH", "/routes/1", "", error(400, "missing new configuration")},
       {"PUT", "/routes", R"({"uri":"/a",$N})", error(400, "missing route id")},
       {"PUT", "/routes", R"({"id":7,"uri":"/a",$N})",
        R"(201 {"key":"/apisix/routes/7","value":{"id":7,"uri":"/a",$N,$T}})"},
       {"POST", "/routes/1", R"({"uri":"/a",$N})", error(400, "wrong route id, do not need it")},
       {"POST", "/routes", R"({"id":1,"uri":"/a"})", error(400, "wrong route id, do not need it")},
       {"PUT", "/routes/1", R"({"id":"2","uri":"/a",$N})", error(400, "wrong route id")},
       {"PUT", "/routes/1", R"({"id":null,"uri":"/a",$N})", error(400, "wrong route id")},
       {"DELETE", "/routes", "", error(400, "missing route id")},
       {"DELETE", "/routes/", "", error(400, "missing route id")},
       {"PATCH", "/routes", "{}", error(400, "missing route id")},
       {"PUT", "/routes/a b", R"({"uri":"/a",$N})",
        error(400,
              "invalid configuration: property \"id\" validation failed: object matches none "
              "of the required")},
       {"PUT", "/routes/1", "3",
        error(400, "invalid configuration: wrong type: expected object, got number")},
       {"PUT", "/routes/1", "null",
        error(400, "invalid configuration: wrong type: expected object, got userdata")}});
}

TEST(ResourceApi, TimesAreNotTheClients) {
  run({{"PUT", "/routes/1", R"({"create_time":1,"uri":"/a",$N})",
        error(400, "the property is forbidden:  create_time")},
       {"POST", "/routes", R"({"update_time":1,"uri":"/a",$N})",
        error(400, "the property is forbidden:  update_time")},
       {"PUT", "/routes/1", R"({"uri":"/a","upstream":{"create_time":1}})",
        error(400, "the property is forbidden:  upstream.create_time")},
       {"PUT", "/routes/1", R"({"uri":"/a","plugins":{"update_time":1}})",
        error(400, "the property is forbidden:  plugins.update_time")}});
}

TEST(ResourceApi, RouteRules) {
  run({{"PUT", "/routes/1", R"({"uri":"/a","host":"a","hosts":["a"],$N})",
        error(400, "only one of host or hosts is allowed")},
       {"PUT", "/routes/1", R"({"uri":"/a","remote_addr":"::1","remote_addrs":["::1"],$N})",
        error(400, "only one of remote_addr or remote_addrs is allowed")},
       {"PUT", "/routes/1", R"({"uri":5,$N})",
        error(400,
              "invalid configuration: property \"uri\" validation failed: wrong type: "
              "expected string, got number")},
       {"PUT", "/routes/1", R"({"uri":"/a","vars":[["arg_a","=","1"]],$N})",
        error(400, "failed to validate the 'vars' expression: invalid operator '='")},
       {"PUT", "/routes/1", R"({"uri":"/a","filter_func":"function(vars) return true end",$N})",
        error(400, "failed to load 'filter_func' string: this gateway has no Lua runtime")},
       {"PUT", "/routes/1", R"({"uri":"/a","plugins":{"nope":{}}})",
        error(400, "unknown plugin [nope]")},
       {"PUT", "/routes/1", R"({"uri":"/a","plugins":{"limit-count":1}})",
        error(400, "invalid plugin conf 1 for plugin [limit-count]")},
       {"PUT", "/routes/1", R"({"uri":"/a","plugins":{"limit-count":{}}})",
        error(400,
              "failed to check the configuration of plugin limit-count err: property "
              "\"count\" is required")},
       {"PUT", "/routes/1", R"({"uri":"/a","plugins":{"limit-count":{"_meta":{"disable":true}}}})",
        R"(201 {"key":"/apisix/routes/1","value":{"uri":"/a",)"
        R"("plugins":{"limit-count":{"_meta":{"disable":true}}},"id":"1",$T}})"}});
}

TEST(ResourceApi, ReferencesMustExist) {
  run({{"PUT", "/routes/1", R"({"uri":"/a","upstream_id":99})",
        error(400, "failed to fetch upstream info by upstream id [99], response code: 404")},
       {"PUT", "/routes/1", R"({"uri":"/a","service_id":"s"})",
        error(400, "failed to fetch service info by service id [s], response code: 404")},
       {"PUT", "/routes/1", R"({"uri":"/a","plugin_config_id":"p",$N})",
        error(400,
              "failed to fetch plugin config info by plugin config id [p], response code: "
              "404")},
       {"PUT", "/consumers", R"({"username":"jack","group_id":"g"})",
        error(400,
              "failed to fetch consumer group info by consumer group id [g], response code: "
              "404")},
       {"PUT", "/upstreams/99", R"({"nodes":{"127.0.0.1:80":1}})",
        R"(201 {"key":"/apisix/upstreams/99","value":{"nodes":{"127.0.0.1:80":1},"id":"99",$T}})"},
       {"PUT", "/routes/1", R"({"uri":"/a","upstream_id":99})",
        R"(201 {"key":"/apisix/routes/1","value":{"uri":"/a","upstream_id":99,"id":"1",$T}})"}});
}

TEST(ResourceApi, UsedResourcesAreNotDeleted) {
  Desk desk;
  for (auto [target, body] : std::vector<std::pair<const char*, const char*>>{
           {"/upstreams/1", R"({"nodes":{"127.0.0.1:80":1}})"},
           {"/upstreams/2", R"({"nodes":{"127.0.0.1:80":1}})"},
           {"/services/1", R"({"upstream_id":"1"})"},
           {"/plugin_configs/1", R"({"plugins":{"limit-count":{"count":1}}})"},
           {"/consumer_groups/1", R"({"plugins":{"limit-count":{"count":1}}})"},
           {"/consumers", R"({"username":"jack","group_id":1})"},
           {"/routes/1", R"({"uri":"/a","service_id":1,"plugin_config_id":1})"},
           {"/global_rules/1", R"({"plugins":{"traffic-split":{"rules":[{"weighted_upstreams":)"
                               R"([{"weight":1},{"upstream_id":2}]}]}}})"}}) {
    EXPECT_EQ(desk.call("PUT", target, body).status, 201) << target;
  }
  run(desk,
      {{"DELETE", "/upstreams/1", "",
        error(400, "can not delete this upstream, service [1] is still using it now")},
       {"DELETE", "/upstreams/2", "",
        error(400,
              "can not delete this upstream, plugin in global_rules [1] is still using it "
              "now")},
       {"DELETE", "/services/1", "",
        error(400, "can not delete this service directly, route [1] is still using it now")},
       {"DELETE", "/plugin_configs/1", "",
        error(400, "can not delete this plugin config, route [1] is still using it now")},
       {"DELETE", "/consumer_groups/1?force=false", "",
        error(400, "can not delete this consumer group, consumer [jack] is still using it now")},
       {"DELETE", "/consumer_groups/1?force=true", "",
        R"(200 {"key":"/apisix/consumer_groups/1","deleted":"1"})"}});
}

TEST(ResourceApi, ConsumersAndCredentials) {
  Desk desk;
  run(desk,
      {{"PUT", "/consumers/jill", R"({"username":"jack"})", error(400, "wrong username")},
       {"PUT", "/consumers/jack/credentials/c", R"({"plugins":{"key-auth":{"key":"k"}}})",
        error(404, "consumer not found")},
       {"GET", "/consumers/jack/credentials", "", R"(404 {"message":"Key not found"})"},
       {"PUT", "/consumers", R"({"username":"jack","plugins":{"limit-count":{}}})",
        error(400,
              "invalid plugins configuration: failed to check the configuration of plugin "
              "limit-count err: property \"count\" is required")},
       {"PUT", "/consumers", R"({"username":"jack"})",
        R"(201 {"key":"/apisix/consumers/jack","value":{"username":"jack",$T}})"},
       {"PUT", "/consumers/jack/credentials/c", R"({"plugins":{"limit-count":{"count":1}}})",
        error(400, "only supports auth type plugins in consumer credential")},
       {"PUT", "/consumers/jack/credentials", R"({"plugins":{"key-auth":{"key":"k"}}})",
        error(400, "missing credential id")},
       {"PUT", "/consumers/jack/credentials/c", R"({"plugins":{"key-auth":{"key":"k"}}})",
        R"(201 {"key":"/apisix/consumers/jack/credentials/c","value":{"plugins":{"key-auth":)"
        R"({"key":"k"}},"id":"c",$T}})"},
       {"GET", "/consumers/jack/credentials", "",
        R"(200 {"total":1,"list":[{"key":"/apisix/consumers/jack/credentials/c","value":)"
        R"({"plugins":{"key-auth":{"key":"k"}},"id":"c",$T},"createdIndex":3,)"
        R"("modifiedIndex":3}]})"},
       {"GET", "/consumers", "",
        R"(200 {"total":1,"list":[{"key":"/apisix/consumers/jack","value":{"username":"jack",$T},)"
        R"("createdIndex":2,"modifiedIndex":2}]})"},
       {"DELETE", "/consumers/jack/credentials", "", error(400, "missing credential id")},
       {"DELETE", "/consumers/jack", "", R"(200 {"key":"/apisix/consumers/jack","deleted":"1"})"},
       {"GET", "/consumers/jack/credentials/c", "", R"(404 {"message":"Key not found"})"}});
}

TEST(ResourceApi, KeysBelongToOneOwner) {
  Desk desk;
  desk.node.owners[{"key-auth", "k"}] = {"bob", ""};
  desk.node.owners[{"key-auth", "l"}] = {"bob", "c"};
  ASSERT_EQ(desk.call("PUT", "/consumers", R"({"username":"bob"})").status, 201);
  auto put = [&](const char* target, const char* username, const char* key) {
    std::string name = username[0] != '\0' ? R"("username":")" + std::string(username) + "\"," : "";
    return desk.talk("PUT", target,
                     "{" + name + R"("plugins":{"key-auth":{"key":")" + key + "\"}}}");
  };
  std::string of_consumer = error(400, "duplicate key of plugin key-auth found with consumer: bob");
  std::string of_credential =
      error(400, "duplicate key of plugin key-auth found with credential: c of consumer: bob");
  EXPECT_EQ(put("/consumers", "alex", "k"), of_consumer);
  EXPECT_EQ(put("/consumers", "alex", "l"), of_credential);
  EXPECT_EQ(put("/consumers", "bob", "k").substr(0, 3), "200");
  EXPECT_EQ(put("/consumers", "bob", "l").substr(0, 3), "200");
  EXPECT_EQ(put("/consumers/bob/credentials/d", "", "l"), of_credential);
  EXPECT_EQ(put("/consumers/bob/credentials/c", "", "l").substr(0, 3), "201");
  EXPECT_EQ(put("/consumers/bob/credentials/c", "", "k"), of_consumer);
  EXPECT_EQ(put("/consumers", "alex", "$secret://vault/1/k").substr(0, 3), "201");
}

TEST(ResourceApi, GlobalRulesShareNoPlugin) {
  run({{"PUT", "/global_rules/1", R"({"plugins":{"limit-count":{"count":1}}})",
        R"(201 {"key":"/apisix/global_rules/1","value":{"plugins":{"limit-count":{"count":1}},)"
        R"("id":"1",$T}})"},
       {"PUT", "/global_rules/2", R"({"plugins":{"limit-count":{"count":2}}})",
        error(400, "plugin 'limit-count' already exists in global rule with id '1'")},
       {"PUT", "/global_rules/1", R"({"plugins":{"limit-count":{"count":2}}})",
        R"(200 {"key":"/apisix/global_rules/1","value":{"plugins":{"limit-count":{"count":2}},)"
        R"("id":"1",$T}})"}});
}

TEST(ResourceApi, MetadataAndSecrets) {
  Desk desk;
  run(desk, {{"PUT", "/plugin_metadata", "{}", error(400, "missing plugin name")},
             {"PUT", "/plugin_metadata/nope", "{}", error(400, "invalid plugin name")},
             {"PUT", "/plugin_metadata/limit-count", R"({"policy":1})",
              error(400,
                    "invalid configuration: property \"policy\" validation failed: wrong type: "
                    "expected string, got number")},
             {"PUT", "/plugin_metadata/limit-count", R"({"policy":"local"})",
              R"(201 {"key":"/apisix/plugin_metadata/limit-count","value":{"policy":"local",)"
              R"("id":"limit-count"}})"},
             {"PUT", "/secrets/vault", "{}", error(400, "missing secret id")},
             {"PUT", "/secrets/nope/1", "{}", error(400, "invalid secret manager: nope")},
             {"PATCH", "/secrets/vault", "{}", error(400, "no secret id")},
             {"GET", "/secrets/vault", "", R"(404 {"message":"Key not found"})"},
             {"PUT", "/secrets/vault/1", R"({"uri":"http://a:1","prefix":"p","token":"t"})",
              R"(201 {"key":"/apisix/secrets/vault/1","value":{"uri":"http://a:1","prefix":"p",)"
              R"("token":"t","id":"vault/1",$T}})"},
             {"PATCH", "/secrets/vault/1/token", R"("u")",
              R"(200 {"key":"/apisix/secrets/vault/1","value":{"uri":"http://a:1","prefix":"p",)"
              R"("token":"u","id":"vault/1",$T}})"},
             {"DELETE", "/secrets/vault/1", "",
              R"(200 {"key":"/apisix/secrets/vault/1","deleted":"1"})"}});
}

TEST(ResourceApi, KeysOfCertificatesAreNotShown) {
  Desk desk;
  tls::TestCertificate made = tls::make_test_certificate("a.com");
  Json ssl =
      Json::object({{"sni", "a.com"}, {"cert", Json(made.pem())}, {"key", Json(made.key_pem())}});
  EXPECT_EQ(desk.call("PUT", "/ssls/1", ssl.dump()).status, 201);
  for (const char* target : {"/ssls/1", "/ssls"}) {
    std::string shown = desk.talk("GET", target);
    EXPECT_NE(shown.find("\"cert\":"), shown.npos);
    EXPECT_EQ(shown.find("PRIVATE KEY"), shown.npos);
  }
}

TEST(ResourceApi, Decorations) {
  run({{"POST", "/services/s/graphql_cost_decorations", R"({"field_path":"A.b"})",
        error(404, "service not found")},
       {"PUT", "/services/s", "{}", R"(201 {"key":"/apisix/services/s","value":{"id":"s",$T}})"},
       {"PUT", "/services/s/graphql_cost_decorations/1", R"({"field_path":"A.b"})",
        R"(201 {"key":"/apisix/services/s/graphql_cost_decorations/1","value":)"
        R"({"field_path":"A.b","service_id":"s","id":"1",$T}})"},
       {"PUT", "/services/s/graphql_cost_decorations/2", R"({"field_path":"A.b"})",
        error(400, "field_path A.b is already decorated on this service by [1]")},
       {"GET", "/services", "",
        R"(200 {"total":1,"list":[{"key":"/apisix/services/s","value":{"id":"s",$T},)"
        R"("createdIndex":2,"modifiedIndex":2}]})"},
       {"GET", "/graphql_cost_decorations", "", error(400, "missing service id")},
       {"DELETE", "/services/s", "", R"(200 {"key":"/apisix/services/s","deleted":"1"})"},
       {"GET", "/services/s/graphql_cost_decorations", "", R"(404 {"message":"Key not found"})"}});
}

TEST(ResourceApi, PatchMergesOrReplacesAtAPath) {
  Desk desk;
  ASSERT_EQ(desk.call("PUT", "/routes/1", R"({"uri":"/a","upstream":{"nodes":{"a:1":1}}})").status,
            201);
  desk.clock.advance_ms(1000);
  run(desk,
      {{"PATCH", "/routes/2", "{}", R"(404 {"message":"Key not found"})"},
       {"PATCH", "/routes/1", "3", error(400, "invalid configuration")},
       {"PATCH", "/routes/1", R"({"uri":7})",
        error(400,
              "invalid configuration: property \"uri\" validation failed: wrong type: "
              "expected string, got number")},
       {"PATCH", "/routes/1", R"({"id":"2"})", error(400, "wrong route id")},
       {"PATCH", "/routes/1", R"({"upstream":{"nodes":{"b:1":1,"a:1":null}},"update_time":5})",
        R"(200 {"key":"/apisix/routes/1","value":{"uri":"/a","upstream":{"nodes":{"b:1":1}},)"
        R"("id":"1","create_time":1700000000,"update_time":5}})"},
       {"PATCH", "/routes/1/upstream/nodes", R"([{"host":"c","port":1,"weight":1}])",
        R"(200 {"key":"/apisix/routes/1","value":{"uri":"/a","upstream":{"nodes":)"
        R"([{"host":"c","port":1,"weight":1}]},"id":"1",)"
        R"("create_time":1700000000,"update_time":1700000001}})"},
       {"PATCH", "/routes/1/uri", R"("/b")",
        R"(200 {"key":"/apisix/routes/1","value":{"uri":"/b","upstream":{"nodes":)"
        R"([{"host":"c","port":1,"weight":1}]},"id":"1",)"
        R"("create_time":1700000000,"update_time":1700000001}})"},
       {"PATCH", "/routes/1/uri/x", "1", error(400, "invalid sub-path: /uri")},
       {"PATCH", "/routes/1/uri", "{}",
        error(400,
              "invalid configuration: property \"uri\" validation failed: wrong type: "
              "expected string, got table")}});
}

TEST(ResourceApi, PatchLosesAgainstAnotherWriter) {
  Desk desk;
  std::string route = filled(R"({"uri":"/a",$N})");
  ASSERT_EQ(desk.call("PUT", "/routes/1", route).status, 201);
  auto other = [](store::MemoryStore& store) {
    store.put("/apisix/routes/1", R"({"uri":"/other"})", {}).run_to_end();
  };
  desk.store.before_next_write = other;
  EXPECT_EQ(desk.talk("PATCH", "/routes/1", R"({"uri":"/b"})"),
            error(503, "value changed before overwritten"));
  desk.store.before_next_write = other;
  EXPECT_EQ(desk.call("PUT", "/routes/1", route).status, 200);
}

// What another node writes between the checks of a write and its commit.
TEST(ResourceApi, AnotherNodeTakesAwayWhatARouteRefersTo) {
  for (std::string_view method : {"PUT", "POST"}) {
    Desk desk;
    desk.call("PUT", "/upstreams/1", R"({"nodes":{"a:1":1}})");
    desk.store.before_next_write = [](store::MemoryStore& store) {
      store.erase("/apisix/upstreams/1", {}).run_to_end();
    };
    EXPECT_EQ(desk.talk(std::string(method), method == "PUT" ? "/routes/1" : "/routes",
                        R"({"uri":"/a","upstream_id":"1"})"),
              error(400, "failed to fetch upstream info by upstream id [1], response code: 404"));
  }
}

TEST(ResourceApi, AnotherNodeChangesWhatARouteRefersTo) {
  Desk desk;
  desk.call("PUT", "/upstreams/1", R"({"nodes":{"a:1":1}})");
  desk.store.before_next_write = [](store::MemoryStore& store) {
    store.put("/apisix/upstreams/1", R"({"nodes":{"a:2":1}})", {}).run_to_end();
  };
  size_t before = desk.store.transactions();
  EXPECT_EQ(desk.call("PUT", "/routes/1", R"({"uri":"/a","upstream_id":"1"})").status, 201);
  EXPECT_EQ(desk.store.transactions() - before, 2u);  // ours at the first try
}

TEST(ResourceApi, AnotherNodeBeginsToUseWhatIsDeleted) {
  Desk desk;
  desk.call("PUT", "/upstreams/1", R"({"nodes":{"a:1":1}})");
  desk.store.before_next_write = [](store::MemoryStore& store) {
    store.put("/apisix/routes/7", R"({"uri":"/a","upstream_id":"1"})", {}).run_to_end();
  };
  EXPECT_EQ(desk.talk("DELETE", "/upstreams/1"),
            error(400, "can not delete this upstream, route [7] is still using it now"));
  EXPECT_NE(desk.store.find("/apisix/upstreams/1"), nullptr);
  desk.store.before_next_write = [](store::MemoryStore& store) {
    store.put("/apisix/routes/7", R"({"uri":"/a"})", {}).run_to_end();
  };
  EXPECT_EQ(desk.call("DELETE", "/upstreams/1?force=true").status, 200);
}

// The store is not searched when this node knows that nobody uses it; another node may, meanwhile.
TEST(ResourceApi, WhatNobodyIsKnownToUseIsDeleted) {
  Desk desk;
  desk.call("PUT", "/upstreams/1", R"({"nodes":{"a:1":1}})");
  desk.node.used = false;
  desk.node.known_to = desk.store.revision();
  desk.store.before_next_write = [&desk](store::MemoryStore& store) {
    store.put("/apisix/routes/7", R"({"uri":"/a","upstream_id":"1"})", {}).run_to_end();
    desk.node.used = true;
    desk.node.known_to = store.revision();
  };
  EXPECT_EQ(desk.talk("DELETE", "/upstreams/1"),
            error(400, "can not delete this upstream, route [7] is still using it now"));
  desk.call("DELETE", "/routes/7");
  desk.node.used = false;
  desk.node.known_to = desk.store.revision();
  EXPECT_EQ(desk.call("DELETE", "/upstreams/1").status, 200);
}

TEST(ResourceApi, AnotherNodeGivesTheSameKeyToAConsumer) {
  Desk desk;
  desk.node.known_to = desk.store.revision();
  desk.store.before_next_write = [&desk](store::MemoryStore& store) {
    std::string eve = R"({"username":"eve","plugins":{"key-auth":{"key":"k"}}})";
    store.put("/apisix/consumers/eve", eve, {}).run_to_end();
    desk.node.owners[{"key-auth", "k"}] = {"eve", ""};
    desk.node.known_to = store.revision();
  };
  std::string bob = R"({"username":"bob","plugins":{"key-auth":{"key":"k"}}})";
  EXPECT_EQ(desk.talk("PUT", "/consumers", bob),
            error(400, "duplicate key of plugin key-auth found with consumer: eve"));
  EXPECT_EQ(desk.store.find("/apisix/consumers/bob"), nullptr);
}

TEST(ResourceApi, AnotherNodePutsAPluginIntoAGlobalRule) {
  Desk desk;
  desk.store.before_next_write = [](store::MemoryStore& store) {
    store.put("/apisix/global_rules/2", R"({"plugins":{"ip-restriction":{}}})", {}).run_to_end();
  };
  EXPECT_EQ(desk.talk("PUT", "/global_rules/1", R"({"plugins":{"ip-restriction":{}}})"),
            error(400, "plugin 'ip-restriction' already exists in global rule with id '2'"));
}

TEST(ResourceApi, AWriteGoesThroughWhenWhatOthersWroteDoesNotMatter) {
  Desk desk;
  desk.call("PUT", "/consumers", R"({"username":"bob"})");
  desk.node.known_to = desk.store.revision();
  desk.store.before_next_write = [&desk](store::MemoryStore& store) {
    store.put("/apisix/consumers/eve", R"({"username":"eve"})", {}).run_to_end();
    desk.node.known_to = store.revision();
  };
  std::string credential = R"({"plugins":{"key-auth":{"key":"k"}}})";
  EXPECT_EQ(desk.call("PUT", "/consumers/bob/credentials/1", credential).status, 201);
}

TEST(ResourceApi, ListsFilterAndPage) {
  Desk desk;
  for (int i = 1; i <= 12; ++i) {
    std::string n = std::to_string(i);
    std::string body = R"({"uri":"/u)" + n + R"(","name":"n)" + n + R"(","labels":{"l)" + n +
                       R"(":"x"},"upstream":{"nodes":{"a:1":1}}})";
    ASSERT_EQ(desk.call("PUT", "/routes/" + n, body).status, 201);
  }
  auto ids = [&](const std::string& query) {
    auto response = desk.call("GET", "/routes" + query);
    Json body = *Json::parse(response.body);
    std::string shown = std::to_string(body.find("total")->as_int()) + ":";
    for (const Json& item : body.find("list")->items()) {
      shown += " " + std::string(item.find("key")->as_string().substr(15));
    }
    return shown;
  };
  EXPECT_EQ(ids(""), "12: 1 10 11 12 2 3 4 5 6 7 8 9");
  EXPECT_EQ(ids("/?page=1&page_size=10"), "12: 1 2 3 4 5 6 7 8 9 10");
  EXPECT_EQ(ids("?page=2&page_size=10"), "12: 11 12");
  EXPECT_EQ(ids("?page=-1&page_size=10"), "12: 1 2 3 4 5 6 7 8 9 10");
  EXPECT_EQ(ids("?page=9&page_size=10"), "12:");
  EXPECT_EQ(ids("?page=x&page_size=10"), "12: 1 10 11 12 2 3 4 5 6 7 8 9");
  EXPECT_EQ(ids("?name=1$"), "2: 1 11");
  EXPECT_EQ(ids("?name=("), "0:");
  EXPECT_EQ(ids("?uri=%5E/u1.$"), "3: 10 11 12");
  EXPECT_EQ(ids("?label=l3"), "1: 3");
  EXPECT_EQ(ids("?name=1&label=l12&uri=2"), "1: 12");
  EXPECT_EQ(ids("?filter=service_id%3D1"), "0:");
  EXPECT_EQ(ids("?filter=color%3Dred"), "12: 1 10 11 12 2 3 4 5 6 7 8 9");
  EXPECT_EQ(desk.talk("GET", "/routes?page=1&page_size=9"),
            "400 page_size must be between 10 and 500");
  EXPECT_EQ(desk.talk("GET", "/services"), R"(200 {"total":0,"list":[]})");
}

TEST(ResourceApi, TtlEndsAnItem) {
  Desk desk;
  std::string route = filled(R"({"uri":"/a",$N})");
  EXPECT_EQ(desk.talk("PUT", "/routes/1?ttl=soon", route),
            error(400, "invalid argument ttl: should be a number"));
  EXPECT_EQ(desk.call("PUT", "/routes/1?ttl=2", route).status, 201);
  desk.clock.advance_ms(2000);
  desk.store.on_timer();
  EXPECT_EQ(desk.call("GET", "/routes/1").status, 404);
}

TEST(ResourceApi, StoreDownIs503) {
  Desk desk;
  std::string route = filled(R"({"uri":"/a",$N})");
  desk.store.write_failure = store::Failure{store::Failure::Kind::full, "no space"};
  EXPECT_EQ(desk.talk("PUT", "/routes/1", route), error(503, "no space"));
  EXPECT_EQ(desk.talk("POST", "/routes", route), error(503, "no space"));
  EXPECT_EQ(desk.talk("DELETE", "/routes/1"), error(503, "no space"));
  desk.store.read_failure = store::Failure{store::Failure::Kind::unavailable, "gone"};
  for (const char* method : {"GET", "PUT", "PATCH"}) {
    EXPECT_EQ(desk.talk(method, "/routes/1", route), error(503, "gone")) << method;
  }
  EXPECT_EQ(desk.talk("GET", "/routes"), error(503, "gone"));
  EXPECT_EQ(desk.talk("DELETE", "/upstreams/1"), error(503, "gone"));
}

TEST(ResourceApi, StreamRoutesNeedTheStreamSide) {
  run({{"GET", "/stream_routes", "",
        error(400,
              "stream mode is disabled, can not add stream "
              "routes")}});
  AdminOptions options = Desk::open_options();
  options.stream_proxy = true;
  Desk desk(options);
  run(desk, {{"PUT", "/stream_routes/1", R"({"plugins":{"limit-count":{"count":1}},$N})",
              error(400, "unknown plugin [limit-count]")},
             {"PUT", "/stream_routes/1", R"({"server_port":1,"protocol":{"name":"smtp"},$N})",
              error(400, "unknown protocol [smtp]")},
             {"PUT", "/stream_routes/1", R"({"server_port":1,"plugins":{"ip-restriction":{}},$N})",
              R"(201 {"key":"/apisix/stream_routes/1","value":{"server_port":1,)"
              R"("plugins":{"ip-restriction":{}},$N,"id":"1",$T}})"}});
}

TEST(ResourceApi, AnswersInTheOldShape) {
  AdminOptions options = Desk::open_options();
  options.v3 = false;
  Desk desk(options);
  run(desk,
      {{"PUT", "/services/1", "{}",
        R"(201 {"action":"set","node":{"key":"/apisix/services/1","value":{"id":"1",$T}}})"},
       {"GET", "/services/1", "",
        R"(200 {"action":"get","node":{"key":"/apisix/services/1","value":{"id":"1",$T}}})"},
       {"GET", "/services", "",
        R"(200 {"count":1,"action":"get","node":{"key":"/apisix/services","dir":true,"nodes":[)"
        R"({"key":"/apisix/services/1","value":{"id":"1",$T},"createdIndex":2,)"
        R"("modifiedIndex":2}]}})"},
       {"DELETE", "/services/1", "",
        R"(200 {"key":"/apisix/services/1","deleted":"1","action":"delete","node":{}})"}});
}

TEST(ResourceApi, HistoryKnowsTheAuthor) {
  AdminOptions options;
  options.access.keys = {{"alice", Secret("k"), Role::admin}};
  Desk desk(options);
  http::ApiRequest request;
  request.method = "PUT";
  request.path = "/apisix/admin/services/1";
  request.body = "{}";
  request.fields = {{"X-API-KEY", "k"}, {"X-Pylon-Comment", "why"}};
  EXPECT_EQ(desk.send(request).status, 201);
  EXPECT_EQ(desk.store.last_origin().author, "alice");
  EXPECT_EQ(desk.store.last_origin().source, "127.0.0.1");
  EXPECT_EQ(desk.store.last_origin().comment, "why");
}

}  // namespace
}  // namespace pylon::admin

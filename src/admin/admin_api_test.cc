// What surrounds the resources: access, fields, paths, plugins and schemas.
#include "admin/admin_api.h"

#include <gtest/gtest.h>

#include <string>

#include "admin/testing.h"

namespace pylon::admin {
namespace {

http::ApiRequest request_of(std::string method, std::string path, std::string query = {}) {
  http::ApiRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.query = std::move(query);
  return request;
}

AdminOptions keyed_options() {
  AdminOptions options;
  options.access.keys = {{"root", Secret("secret"), Role::admin},
                         {"reader", Secret("look"), Role::viewer},
                         {"unset", Secret(""), Role::admin}};
  return options;
}

std::string refusal(const std::string& why) {
  return R"({"error_msg":"failed to check token","description":")" + why + "\"}\n";
}

TEST(AdminApi, KeysAndRoles) {
  Desk desk(keyed_options());
  auto ask = [&](const char* method, const char* query, const char* name, const char* value) {
    http::ApiRequest request = request_of(method, "/apisix/admin/services/1", query);
    request.fields = {{name, value}};
    request.body = "{}";
    return desk.send(request);
  };
  EXPECT_EQ(ask("GET", "", "A", "").body, refusal("missing apikey"));
  EXPECT_EQ(ask("GET", "", "X-API-KEY", "secre").body, refusal("wrong apikey"));
  EXPECT_EQ(ask("GET", "", "X-API-KEY", "").body, refusal("wrong apikey"));
  EXPECT_EQ(ask("GET", "api_key=", "X-API-KEY", "secret").body, refusal("wrong apikey"));
  EXPECT_EQ(ask("PUT", "", "X-API-KEY", "look").body, refusal("invalid method for role viewer"));
  EXPECT_EQ(ask("GET", "", "X-API-KEY", "look").status, 404);
  EXPECT_EQ(ask("PUT", "", "x-api-key", "secret").status, 201);
  EXPECT_EQ(ask("PUT", "api_key=secret", "A", "").status, 200);
  EXPECT_EQ(ask("PUT", "", "Cookie", "a=b; x_api_key=secret").status, 200);
  auto refused = ask("PUT", "", "A", "");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(field_of(refused, "X-API-VERSION"), "");
  EXPECT_EQ(field_of(refused, "Server"), "APISIX/3.18.0");
}

TEST(AdminApi, Addresses) {
  AdminOptions options = Desk::open_options();
  options.access.allow = *IpSet::parse({"127.0.0.0/24", "fd00::/8"});
  Desk desk(options);
  http::ApiRequest request = request_of("GET", "/apisix/admin/routes");
  EXPECT_EQ(desk.send_from("127.0.0.9", request).status, 200);
  EXPECT_EQ(desk.send_from("::ffff:127.0.0.9", request).status, 200);
  EXPECT_EQ(desk.send_from("fd00::1", request).status, 200);
  auto refused = desk.send_from("127.0.1.1", request);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(field_of(refused, "Content-Type"), "text/html");
}

TEST(AdminApi, FieldsOfAnswers) {
  Desk desk;
  auto answer = desk.call("GET", "/routes");
  EXPECT_EQ(field_of(answer, "Content-Type"), "application/json");
  EXPECT_EQ(field_of(answer, "X-API-VERSION"), "v3");
  EXPECT_EQ(field_of(answer, "Server"), "APISIX/3.18.0");
  EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(field_of(answer, "Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(field_of(answer, "Access-Control-Expose-Headers"), "*");
  EXPECT_EQ(field_of(answer, "Access-Control-Max-Age"), "3600");
}

TEST(AdminApi, HeadAndPreflightNeedNoKey) {
  Desk desk(keyed_options());
  EXPECT_EQ(desk.call("HEAD", "").status, 200);
  EXPECT_EQ(desk.call("HEAD", "/routes").status, 404);
  auto preflight = desk.call("OPTIONS", "/routes/1");
  EXPECT_EQ(preflight.status, 200);
  EXPECT_EQ(preflight.body, "");
  EXPECT_EQ(field_of(preflight, "Content-Type"), "text/plain");
  EXPECT_EQ(field_of(preflight, "Access-Control-Allow-Methods"),
            "POST, GET, PUT, OPTIONS, DELETE, PATCH");
  EXPECT_EQ(field_of(preflight, "Access-Control-Allow-Headers"), "*");

  AdminOptions options = keyed_options();
  options.cors = false;
  Desk plain(options);
  EXPECT_EQ(plain.call("OPTIONS", "/routes/1").status, 404);
  EXPECT_EQ(field_of(plain.call("HEAD", ""), "Access-Control-Allow-Origin"), "");
}

TEST(AdminApi, PathsThatAreNoResource) {
  Desk desk;
  EXPECT_EQ(desk.talk("GET", "/xyz"), R"(404 {"error_msg":"Unsupported resource type: xyz"})");
  EXPECT_EQ(desk.talk("GET", "/configs"),
            R"(404 {"error_msg":"Unsupported resource type: configs"})");
  EXPECT_EQ(desk.call("GET", "").status, 404);
  EXPECT_EQ(desk.call("GET", "/").status, 404);
  EXPECT_EQ(desk.call("TRACE", "/routes").status, 404);
  EXPECT_EQ(desk.send(request_of("GET", "/apisix/adminfoo/routes")).status, 404);
  EXPECT_EQ(desk.send(request_of("GET", "/")).status, 404);
  EXPECT_EQ(desk.talk("PUT", "/schema/route", "{}"), R"(404 {"error_msg":"not found"})");
}

TEST(AdminApi, Bodies) {
  Desk desk;
  std::string answer = desk.talk("PUT", "/routes/1", "{x");
  EXPECT_EQ(answer.find(R"(400 {"error_msg":"invalid request body: )"), 0u) << answer;
  EXPECT_NE(answer.find(R"("req_body":"{x"})"), answer.npos) << answer;
  EXPECT_EQ(desk.call("PUT", "/routes/1", "{\"a\":\"\xff\"}").status, 400);
  EXPECT_EQ(desk.call("PUT", "/routes/1", std::string(100'000, '[')).status, 400);
  std::string proto =
      desk.talk("PUT", "/protos/1", "{\"content\":\"syntax = \\\"proto3\\\";\n\tmessage A {}\"}");
  EXPECT_NE(proto.find(R"("content":"syntax = \"proto3\";\n\tmessage A {}")"), proto.npos) << proto;
  EXPECT_EQ(desk.talk("PUT", "/protos/1", R"({"content":"no proto"})")
                .find(R"(400 {"error_msg":"invalid content: line 1)"),
            0u);
  EXPECT_EQ(desk.call("PUT", "/protos/1", "{\"content\":\"a\n").status, 400);
  http::ApiRequest large = request_of("PUT", "/apisix/admin/routes/1");
  large.body_too_large = true;
  large.body_bytes = 1'678'025;
  EXPECT_EQ(desk.send(large).body,
            "{\"error_msg\":\"invalid request body: request size 1678025 is greater than the "
            "maximum size 1572864 allowed\"}\n");
}

TEST(AdminApi, Plugins) {
  Desk desk;
  EXPECT_EQ(desk.talk("GET", "/plugins/list"),
            R"(200 ["ip-restriction","key-auth","limit-count","traffic-split","grpc-transcode"])");
  EXPECT_EQ(desk.talk("GET", "/plugins/list?subsystem=stream"), R"(200 ["ip-restriction"])");
  EXPECT_EQ(desk.talk("GET", "/plugins/list?subsystem=x"), "400 invalid subsystem passed");
  EXPECT_EQ(desk.talk("GET", "/plugins/x"),
            R"(404 {"error_msg":"plugin not found in subsystem http"})");
  EXPECT_EQ(desk.talk("GET", "/plugins/key-auth?subsystem=stream"),
            R"(404 {"error_msg":"plugin not found in subsystem stream"})");
  EXPECT_EQ(desk.talk("GET", "/plugins/key-auth?subsystem=x"),
            R"(400 {"error_msg":"unsupported subsystem: x"})");
  EXPECT_EQ(desk.talk("GET", "/plugins/limit-count?schema_type=consumer"),
            R"(400 {"error_msg":"not found schema"})");
  std::string consumer = desk.talk("GET", "/schema/plugins/key-auth?schema_type=consumer");
  EXPECT_NE(consumer.find(R"("required":["key"])"), consumer.npos) << consumer;
  Json all = *Json::parse(desk.call("GET", "/plugins?all=true").body);
  EXPECT_EQ(all.size(), 5u);
  EXPECT_EQ(all.find("key-auth")->find("type")->as_string(), "auth");
  EXPECT_EQ(all.find("key-auth")->find("priority")->as_int(), 2500);
  EXPECT_DOUBLE_EQ(all.find("key-auth")->find("version")->as_double(), 0.1);
  EXPECT_TRUE(all.find("limit-count")->contains("metadata_schema"));
}

TEST(AdminApi, Reload) {
  Desk desk;
  EXPECT_EQ(desk.talk("PUT", "/plugins/reload"), "200 done");
  EXPECT_EQ(desk.node.reloads, 1);
  EXPECT_EQ(desk.talk("GET", "/plugins/reload"),
            R"(405 {"error_msg":"please use PUT method to reload the plugins, GET method is not )"
            R"(allowed."})");
}

TEST(AdminApi, Schemas) {
  Desk desk;
  std::string route = desk.talk("GET", "/schema/route");
  EXPECT_NE(route.find(R"("uri":{)"), route.npos);
  EXPECT_EQ(desk.talk("GET", "/schema/nope"), R"(400 {"error_msg":"not found schema: nope"})");
  EXPECT_EQ(desk.talk("POST", "/schema/validate/routes",
                      R"({"uri":"/a","upstream":{"nodes":{"a:1":1}}})"),
            "200 ");
  EXPECT_EQ(desk.talk("POST", "/schema/validate/routes", R"({"uri":666})"),
            R"(400 {"error_msg":"property \"uri\" validation failed: wrong type: expected string, )"
            R"(got number"})");
  EXPECT_EQ(desk.talk("POST", "/schema/validate/x", "{}"),
            R"(404 {"error_msg":"Unsupported resource type: x"})");
}

TEST(AdminApi, ValidatesWholeConfigurations) {
  Desk desk;
  auto validate = [&](const std::string& body) {
    return desk.talk("POST", "/configs/validate", body);
  };
  EXPECT_EQ(validate("{}"), "200 {}");
  EXPECT_EQ(validate(""), R"(400 {"error_msg":"invalid request body: empty request body"})");
  EXPECT_EQ(validate(R"({"routes":[{"id":"r","uri":"/a","upstream_id":"u"}],)"
                     R"("upstreams":[{"id":"u","type":"roundrobin","nodes":{"a:1":1}}],)"
                     R"("consumers":[{"username":"a"},{"id":"a/credentials/b",)"
                     R"("plugins":{"key-auth":{"key":"k"}}}],"routes_conf_version":3})"),
            "200 {}");
  EXPECT_EQ(validate(R"({"routes":[{"id":"r1","uri":1}],"routes_conf_version":"x",)"
                     R"("consumers":[{"username":"a"},{"username":"a"}],)"
                     R"("secrets":[{"id":"x"}]})"),
            R"(400 {"error_msg":"Configuration validation failed","errors":[)"
            R"({"resource_type":"routes","error":"routes_conf_version must be a number, got )"
            R"(string"},{"resource_type":"routes","resource_id":"r1","index":0,"error":)"
            R"("invalid configuration: property \"uri\" validation failed: wrong type: expected )"
            R"(string, got number"},{"resource_type":"consumers","resource_id":"a","index":1,)"
            R"("error":"found duplicate username a in consumers"},)"
            R"({"resource_type":"secrets","resource_id":"x","index":0,"error":)"
            R"("invalid secret id: x"}]})");
  http::ApiRequest yaml = request_of("POST", "/apisix/admin/configs/validate");
  yaml.fields = {{"Content-Type", "application/yaml"}};
  yaml.body = "routes:\n  - id: r\n    uri: /a\n    service_id: s\n";
  EXPECT_EQ(desk.send(yaml).body,
            R"({"error_msg":"Configuration validation failed","errors":[{"resource_type":"routes",)"
            R"("resource_id":"r","index":0,"error":"failed to fetch service info by service id )"
            R"([s], response code: 404"}]})"
            "\n");
  desk.talk("PUT", "/services/s", "{}");
  EXPECT_EQ(desk.send(yaml).body, "{}\n");
  EXPECT_EQ(validate(R"({"services":[{"id":"s","plugins":{"traffic-split":{"rules":[)"
                     R"({"weighted_upstreams":[{"upstream_id":"u"}]}]}}}]})"),
            R"(200 {"warnings":[{"resource_type":"services","resource_id":"s","index":0,"warning":)"
            R"("failed to fetch upstream info by upstream id [u], response code: 404"}]})");
  yaml.body = "routes: [";
  EXPECT_EQ(desk.send(yaml).body,
            "{\"error_msg\":\"invalid request body: invalid yaml request body\"}\n");
}

}  // namespace
}  // namespace pylon::admin

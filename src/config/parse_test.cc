#include <gtest/gtest.h>

#include "config/consumer.h"
#include "config/plugin_config.h"
#include "config/route.h"
#include "config/service.h"
#include "config/ssl.h"
#include "config/stream_route.h"
#include "config/upstream.h"

namespace pylon::config {
namespace {

Json json(std::string_view text) {
  auto parsed = Json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Json();
}

TEST(HostAndPort, EveryForm) {
  struct Case {
    std::string_view text, host;
    std::optional<int64_t> port;
  };
  const Case cases[] = {
      {"127.0.0.1:80", "127.0.0.1", 80},
      {"127.0.0.1", "127.0.0.1", {}},
      {"foo.com", "foo.com", {}},
      {"foo.com:8080", "foo.com", 8080},
      {"localhost:1", "localhost", 1},
      {"[::1]", "[::1]", {}},
      {"[::1]:443", "[::1]", 443},
      {"::1", "::1", {}},
      {"2001:db8::68", "2001:db8::68", {}},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1", {}},
      {"a:b", "a", {}},
      {"a:", "a:", {}},
      {"", "", {}},
      {":80", "", 80},
      {"[::1", "[::1", {}},
      {"a:99999", "a", 99999},
  };
  for (const Case& each : cases) {
    auto [host, port] = split_host_and_port(each.text);
    EXPECT_EQ(host, each.host) << each.text;
    EXPECT_EQ(port, each.port) << each.text;
  }
}

TEST(Upstream, NodesAsMapAndAsList) {
  auto map = parse_upstream(json(R"({"nodes":{"127.0.0.1:80":1,"[::1]:81":2,"foo.com":0}})"));
  ASSERT_TRUE(map) << map.error().message;
  ASSERT_EQ(map->nodes.list.size(), 3u);
  EXPECT_EQ(map->nodes.list[1].host, "::1");
  EXPECT_EQ(map->nodes.list[1].port, 81);
  EXPECT_EQ(map->nodes.list[1].weight, 2);
  EXPECT_EQ(map->nodes.list[2].host, "foo.com");
  EXPECT_EQ(map->nodes.list[2].port, 0);
  auto list = parse_upstream(json(R"({"nodes":[{"host":"[::1]","port":81,"weight":2,"priority":-1,)"
                                  R"("metadata":{"zone":"a"}}]})"));
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->nodes.list[0].host, "::1");
  EXPECT_EQ(list->nodes.list[0].priority, -1);
  EXPECT_EQ(list->nodes.list[0].metadata.dump(), R"({"zone":"a"})");
  EXPECT_EQ(schema::to_json(*list).find("nodes")->dump(),
            R"([{"host":"[::1]","weight":2,"priority":-1,"port":81,"metadata":{"zone":"a"}}])");
  list = parse_upstream(json(R"({"nodes":[{"host":"127.0.0.1:1980","port":80,"weight":1}]})"));
  EXPECT_EQ(list->nodes.list[0].host, "127.0.0.1");
  EXPECT_EQ(list->nodes.list[0].port, 1980);
  EXPECT_FALSE(parse_upstream(json(R"({"nodes":{"a:0":1}})")));
  EXPECT_TRUE(parse_upstream(json(R"({"nodes":{}})"))->nodes.list.empty());
}

TEST(Upstream, Defaults) {
  auto upstream = parse_upstream(json(
      R"({"service_name":"s","discovery_type":"dns","checks":{"active":{}},"keepalive_pool":{}})"));
  ASSERT_TRUE(upstream) << upstream.error().message;
  EXPECT_EQ(upstream->type, "roundrobin");
  EXPECT_EQ(upstream->scheme, UpstreamScheme::http);
  EXPECT_EQ(upstream->pass_host, PassHost::pass);
  EXPECT_FALSE(upstream->retries);
  EXPECT_EQ(upstream->timeout, nullptr);
  EXPECT_EQ(upstream->keepalive_pool->size, 320);
  ASSERT_TRUE(upstream->checks->active);
  EXPECT_FALSE(upstream->checks->passive);
  EXPECT_EQ(upstream->checks->active->healthy.http_statuses, (std::vector<int>{200, 302}));
  EXPECT_EQ(upstream->checks->active->unhealthy.timeouts, 3);
}

TEST(Upstream, SchemaFillsApisixsDefaults) {
  Json value =
      json(R"({"nodes":[],"checks":{"active":{"healthy":{},"unhealthy":{}},"passive":{}}})");
  EXPECT_FALSE(schema::compiled_schema_of<Upstream>().validate(value));
  EXPECT_EQ(value.find("hash_on")->as_string(), "vars");
  EXPECT_EQ(value.find("pass_host")->as_string(), "pass");
  EXPECT_FALSE(value.contains("retry_timeout"));
  const Json& active = *value.find("checks")->find("active");
  EXPECT_EQ(active.find("http_req_body")->as_string("missing"), "");
  EXPECT_EQ(active.find("concurrency")->as_int(), 10);
  EXPECT_FALSE(active.contains("host"));
  EXPECT_EQ(active.find("unhealthy")->dump_sorted(),
            R"({"http_failures":5,"http_statuses":[429,404,500,501,502,503,504,505],)"
            R"("interval":1,"tcp_failures":2,"timeouts":3})");
  EXPECT_EQ(value.find("checks")->find("passive")->dump(), R"({"type":"http"})");
}

TEST(Route, ListsAndDefaults) {
  auto route = parse_route(
      json(R"({"id":7,"uri":"/a/*","host":"*.foo.com","remote_addr":"10.0.0.0/8",)"
           R"("methods":["GET","PUT"],)"
           R"("vars":[["arg_a","==","1"]],"plugins":{"b":{},"a":{"x":1}},"enable_websocket":true,)"
           R"("timeout":{"connect":0.5,"send":6,"read":6},"upstream":{"nodes":{"a:1":1}},)"
           R"("labels":{"k":"v"},)"
           R"("create_time":1,"desc":"d"})"));
  ASSERT_TRUE(route) << route.error().message;
  EXPECT_EQ(route->id, "7");
  EXPECT_EQ(route->uris, std::vector<std::string>{"/a/*"});
  EXPECT_EQ(route->hosts, std::vector<std::string>{"*.foo.com"});
  EXPECT_EQ(route->remote_addrs, std::vector<std::string>{"10.0.0.0/8"});
  EXPECT_TRUE(route->uri.empty() && route->host.empty());
  EXPECT_TRUE(route->methods.contains(Method::get) && route->methods.contains(Method::put));
  EXPECT_FALSE(route->methods.contains(Method::post));
  EXPECT_EQ(route->plugins[0].first, "b");
  EXPECT_EQ(route->plugins[1].second.dump(), R"({"x":1})");
  EXPECT_EQ(route->timeout->connect, 0.5);
  EXPECT_EQ(route->upstream->nodes.list.size(), 1u);
  EXPECT_EQ(route->enable_websocket, true);
  EXPECT_EQ(route->status, 1);
  EXPECT_EQ(route->priority, 0);
  EXPECT_EQ(route->labels[0].second, "v");
  EXPECT_LE(sizeof(Route), 640u);
}

TEST(Route, MinimalForms) {
  auto route = parse_route(json(R"({"uris":["/a","/b"],"service_id":"s","status":0})"));
  ASSERT_TRUE(route) << route.error().message;
  EXPECT_EQ(route->uris.size(), 2u);
  EXPECT_TRUE(route->methods.empty());
  EXPECT_TRUE(route->vars.is_null());
  EXPECT_EQ(route->status, 0);
  EXPECT_EQ(route->upstream, nullptr);
}

TEST(Ssl, SniJoinsTheList) {
  auto ssl = parse_ssl(json(R"({"sni":"a.com","cert":"$ENV://C","key":"$ENV://K"})"));
  ASSERT_TRUE(ssl) << ssl.error().message;
  EXPECT_EQ(ssl->snis, std::vector<std::string>{"a.com"});
  EXPECT_TRUE(ssl->key.equals("$ENV://K"));
  EXPECT_EQ(ssl->type, SslType::server);
}

TEST(Others, Parse) {
  auto consumer = schema::parse<Consumer>(json(R"({"username":"bob","plugins":{"key-auth":{}}})"));
  ASSERT_TRUE(consumer);
  EXPECT_EQ(consumer->plugins[0].first, "key-auth");
  auto service = schema::parse<Service>(json(R"({"hosts":["a.com"],"enable_websocket":false})"));
  ASSERT_TRUE(service);
  EXPECT_EQ(service->enable_websocket, false);
  auto rule = schema::parse<GlobalRule>(json(R"({"id":"1","plugins":{}})"));
  EXPECT_TRUE(rule);
  auto stream = schema::parse<StreamRoute>(
      json(R"({"server_port":9100,"protocol":{"name":"redis","conf":{"a":1}}})"));
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->protocol->conf.dump(), R"({"a":1})");
  EXPECT_EQ(stream->server_port, 9100);
}

}  // namespace
}  // namespace pylon::config

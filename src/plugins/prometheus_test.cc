#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/fixture.h"
#include "plugins/prometheus_page.h"

namespace pylon::plugins {

plugin::PluginType prometheus();

namespace {

using namespace plugin;
using testing::HasSubstr;
using testing::Not;

class PrometheusTest : public testing::Test {
 protected:
  explicit PrometheusTest(std::string_view attributes = "{}")
      : fixture_({prometheus()}, Json::object({{"prometheus", *Json::parse(attributes)}})) {}

  // A request of route 1 that node 10.0.0.1 answered: 5 ms, 3 of them upstream.
  void request(std::string_view conf = "{}", int status = 200, bool proxied = true) {
    set_ = fixture_.plugins(std::string(R"({"prometheus":)").append(conf).append("}"));
    TestExchange test(fixture_);
    http::Exchange& exchange = test.exchange;
    exchange.route = &route_;
    exchange.consumer.name = "jack";
    exchange.metadata = metadata_.get();
    ASSERT_TRUE(test.run(*set_).proceeds());
    http::Attempt attempt{
        .address = "10.0.0.1:80", .started_us = exchange.start_us, .ended_us = exchange.start_us};
    attempt.ended_us += 3'000;
    if (proxied) {
      exchange.upstream.attempts = &attempt;
      exchange.upstream.count = 1;
      exchange.upstream.node_ip = "10.0.0.1";
    }
    exchange.response.status = status;
    exchange.response.from_upstream = proxied && status != 502;
    exchange.request_bytes = 100;
    exchange.bytes_sent = 1'000;
    exchange.end_us = exchange.start_us + 5'000;
    test.log();
  }
  std::string page() {
    observe::MetricText text;
    fixture_.metrics.write(text);
    return std::move(text).take();
  }

  Fixture fixture_;
  http::RouteLabels route_{"1", "shop", "2", "backend", "/hello", "*.foo.com", 0};
  Ref<const PluginSet> set_;
  Ref<const MetadataSet> metadata_;
};

TEST_F(PrometheusTest, CountsARequest) {
  request();
  request();
  std::string text = page();
  EXPECT_THAT(text,
              HasSubstr("apisix_http_status{code=\"200\",route=\"1\",matched_uri=\"/hello\","
                        "matched_host=\"*.foo.com\",service=\"2\",consumer=\"jack\","
                        "node=\"10.0.0.1\",request_type=\"traditional_http\","
                        "request_llm_model=\"\",llm_model=\"\",response_source=\"upstream\"} 2\n"));
  std::string traffic =
      "route=\"1\",service=\"2\",consumer=\"jack\",node=\"10.0.0.1\","
      "request_type=\"traditional_http\",request_llm_model=\"\",llm_model=\"\"";
  EXPECT_THAT(text, HasSubstr("apisix_bandwidth{type=\"ingress\"," + traffic + "} 200\n"));
  EXPECT_THAT(text, HasSubstr("apisix_bandwidth{type=\"egress\"," + traffic + "} 2000\n"));
  EXPECT_THAT(text, HasSubstr("apisix_http_latency_sum{type=\"request\"," + traffic + "} 10\n"));
  EXPECT_THAT(text, HasSubstr("apisix_http_latency_sum{type=\"upstream\"," + traffic + "} 6\n"));
  EXPECT_THAT(text, HasSubstr("apisix_http_latency_sum{type=\"apisix\"," + traffic + "} 4\n"));
  EXPECT_THAT(
      text, HasSubstr("apisix_http_latency_bucket{type=\"request\"," + traffic + ",le=\"5\"} 2\n"));
  EXPECT_THAT(
      text, HasSubstr("apisix_http_latency_bucket{type=\"request\"," + traffic + ",le=\"2\"} 0\n"));
}

TEST_F(PrometheusTest, SaysWhoMadeTheAnswer) {
  request("{}", 401, false);
  request("{}", 502, true);
  std::string text = page();
  EXPECT_THAT(text, HasSubstr("code=\"401\""));
  EXPECT_THAT(text, HasSubstr("node=\"\",request_type=\"traditional_http\",request_llm_model=\"\","
                              "llm_model=\"\",response_source=\"apisix\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("response_source=\"nginx\"} 1\n"));
}

TEST_F(PrometheusTest, NamesWhenPreferred) {
  request(R"({"prefer_name":true})");
  EXPECT_THAT(page(), HasSubstr("code=\"200\",route=\"shop\""));
  EXPECT_THAT(page(), HasSubstr("service=\"backend\""));
}

TEST_F(PrometheusTest, WithoutARouteLabelsAreEmpty) {
  auto set = fixture_.plugins(R"({"prometheus":{}})");
  TestExchange test(fixture_);
  ASSERT_TRUE(test.run(*set).proceeds());
  test.exchange.response.status = 404;
  test.exchange.end_us = test.exchange.start_us;
  test.log();
  EXPECT_THAT(page(), HasSubstr("code=\"404\",route=\"\",matched_uri=\"\",matched_host=\"\""));
  EXPECT_THAT(page(), Not(HasSubstr("type=\"upstream\"")));
}

TEST_F(PrometheusTest, DisabledLabelsStayEmpty) {
  request();
  metadata_ = fixture_.catalogue.metadata(*Json::parse(
      R"({"prometheus":{"disabled_labels":{"http_status":["node","consumer"],
                                           "bandwidth":["node"]}}})"));
  request();
  EXPECT_THAT(page(), HasSubstr("service=\"2\",consumer=\"\",node=\"\",request_type"));
  EXPECT_THAT(page(), HasSubstr("apisix_bandwidth{type=\"egress\",route=\"1\",service=\"2\","
                                "consumer=\"jack\",node=\"\""));
  EXPECT_THAT(page(), HasSubstr("apisix_http_latency_count{type=\"request\",route=\"1\","
                                "service=\"2\",consumer=\"jack\",node=\"10.0.0.1\","
                                "request_type=\"traditional_http\",request_llm_model=\"\","
                                "llm_model=\"\"} 2\n"));
}

TEST_F(PrometheusTest, StructuralLabelsCannotBeDisabled) {
  EXPECT_THAT(fixture_.check("prometheus", R"({"disabled_labels":{"http_status":["code"]}})",
                             Document::metadata),
              HasSubstr("matches none of the enum values"));
  EXPECT_THAT(fixture_.check("prometheus", R"({"disabled_labels":{"http_latency":["type"]}})",
                             Document::metadata),
              HasSubstr("matches none of the enum values"));
  EXPECT_THAT(
      fixture_.check("prometheus", R"({"disabled_labels":{"other":[]}})", Document::metadata),
      HasSubstr("additional properties forbidden, found other"));
}

TEST_F(PrometheusTest, AGlobalInstanceGivesWayToTheRoutes) {
  EXPECT_NE(fixture_.catalogue.find("prometheus")->prefer_bit, 0u);
}

class PrometheusAttributes : public PrometheusTest {
 protected:
  PrometheusAttributes()
      : PrometheusTest(R"({"metric_prefix":"pylon_","default_buckets":[10,1,1],
          "metrics":{"http_status":{"extra_labels":[{"peer":"$upstream_addr"},
                                                    {"route_name":"$route_name"}]},
                     "bandwidth":{"extra_labels":[{"bad name":"$host"},{"none":"host"}]}}})") {}
};

TEST_F(PrometheusAttributes, PrefixBucketsAndExtraLabels) {
  request();
  EXPECT_THAT(page(), HasSubstr("pylon_http_status{"));
  EXPECT_THAT(page(), HasSubstr("response_source=\"upstream\",peer=\"10.0.0.1:80\","
                                "route_name=\"shop\"} 1\n"));
  EXPECT_THAT(page(), HasSubstr("le=\"1\"} 0\n"));
  EXPECT_THAT(page(), HasSubstr("le=\"10\"} 1\n"));
  EXPECT_THAT(page(), Not(HasSubstr("bad name")));
}

TEST(PrometheusPage, TellsAboutTheGateway) {
  GatewayFigures figures;
  figures.hostname = "host-1";
  figures.version = "3.18.0";
  figures.requests = 7;
  figures.connections = {5, 3, 1, 1, 1};
  figures.nodes = {{"/apisix/upstreams/1", "10.0.0.1", 80, false}};
  figures.logs = {{"error", 3, std::nullopt, 4}, {"access", 0, 2}};
  figures.secrets = {5, 1};
  figures.evicted_counters = 9;
  figures.given_up_searches = 6;
  figures.modify_indexes = {{"routes", 12}};
  observe::MetricText text;
  write_gateway_figures(text, "apisix_", figures);
  std::string page = std::move(text).take();
  EXPECT_THAT(page, HasSubstr("# TYPE apisix_http_requests_total gauge\n"
                              "apisix_http_requests_total 7\n"));
  EXPECT_THAT(page, HasSubstr("apisix_nginx_http_current_connections{state=\"active\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("apisix_node_info{hostname=\"host-1\",version=\"3.18.0\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("apisix_upstream_status{name=\"/apisix/upstreams/1\","
                              "ip=\"10.0.0.1\",port=\"80\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("apisix_etcd_modify_indexes{key=\"routes\"} 12\n"));
  EXPECT_THAT(page, HasSubstr("pylon_log_lines_dropped_total{log=\"error\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("pylon_log_write_failures_total{log=\"access\"} 2\n"));
  EXPECT_THAT(page, Not(HasSubstr("pylon_log_write_failures_total{log=\"error\"}")));
  EXPECT_THAT(page, HasSubstr("pylon_log_lines_suppressed_total{log=\"error\"} 4\n"));
  EXPECT_THAT(page, Not(HasSubstr("pylon_log_lines_suppressed_total{log=\"access\"}")));
  EXPECT_THAT(page, HasSubstr("pylon_secret_fetches_total{outcome=\"fetched\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("pylon_secret_fetches_total{outcome=\"failed\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pylon_limit_count_evicted_total 9\n"));
  EXPECT_THAT(page, HasSubstr("pylon_regex_gave_up_total 6\n"));
  EXPECT_THAT(page, Not(HasSubstr("etcd_reachable")));
}

TEST(PrometheusPage, AnUnfitPrefixIsNotTaken) {
  EXPECT_EQ(metric_prefix(*Json::parse(R"({"metric_prefix":"9 x"})")), "apisix_");
  EXPECT_EQ(metric_prefix(*Json::parse(R"({"metric_prefix":"gw_"})")), "gw_");
  EXPECT_EQ(metric_prefix(Json::object()), "apisix_");
}

}  // namespace
}  // namespace pylon::plugins

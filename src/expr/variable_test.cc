#include "expr/variable.h"

#include <gtest/gtest.h>

#include "expr/test_exchange.h"

namespace pylon::expr {
namespace {

class VariableTest : public ::testing::Test {
 protected:
  std::string value(std::string_view name) {
    std::string_view text = Variable::compile(name).value(exchange_);
    return text.data() == nullptr ? "absent" : std::string(text);
  }

  TestExchange test_;
  http::Exchange& exchange_ = test_.exchange;
};

TEST_F(VariableTest, RequestLine) {
  test_.uri("/a/b", "x=1&y=%20z&x=2");
  exchange_.request.target = "/a/./b?x=1&y=%20z&x=2";
  EXPECT_EQ(value("uri"), "/a/b");
  EXPECT_EQ(value("request_uri"), "/a/b?x=1&y=%20z&x=2");
  EXPECT_EQ(value("real_request_uri"), "/a/./b?x=1&y=%20z&x=2");
  EXPECT_EQ(value("request"), "GET /a/./b?x=1&y=%20z&x=2 HTTP/1.1");
  EXPECT_EQ(value("args"), "x=1&y=%20z&x=2");
  EXPECT_EQ(value("query_string"), "x=1&y=%20z&x=2");
  EXPECT_EQ(value("is_args"), "?");
  EXPECT_EQ(value("arg_x"), "1");
  EXPECT_EQ(value("arg_y"), " z");
  EXPECT_EQ(value("arg_X"), "absent");
  EXPECT_EQ(value("request_method"), "GET");
  EXPECT_EQ(value("method"), "GET");
  EXPECT_EQ(value("scheme"), "http");
  EXPECT_EQ(value("https"), "");
  EXPECT_EQ(value("server_protocol"), "HTTP/1.1");
  EXPECT_EQ(value("host"), "localhost");
  exchange_.request.host = {};
  EXPECT_EQ(value("host"), "_");
}

TEST_F(VariableTest, WithoutQuery) {
  EXPECT_EQ(value("request_uri"), "/");
  EXPECT_EQ(value("args"), "absent");
  EXPECT_EQ(value("is_args"), "");
  EXPECT_EQ(value("arg_x"), "absent");
  test_.uri("/", "");
  EXPECT_EQ(value("args"), "");
}

TEST_F(VariableTest, Fields) {
  test_.field("X-Token", "a").field("user_id", "7").field("x-token", "b").field("Host", "h:80");
  test_.field("Cookie", "a=1; bb=2;c=\"x\" y; a=3").field("Cookie", "d=");
  EXPECT_EQ(value("http_x_token"), "a, b");
  EXPECT_EQ(value("http_X-Token"), "a, b");
  EXPECT_EQ(value("http_user_id"), "7");
  EXPECT_EQ(value("http_user_agent"), "absent");
  EXPECT_EQ(value("http_x"), "absent");
  EXPECT_EQ(value("http_host"), "h:80");
  EXPECT_EQ(value("http_cookie"), "a=1; bb=2;c=\"x\" y; a=3; d=");
  EXPECT_EQ(value("cookie_a"), "3");
  EXPECT_EQ(value("cookie_b"), "absent");
  EXPECT_EQ(value("cookie_bb"), "2");
  EXPECT_EQ(value("cookie_c"), "\"x\"");
  EXPECT_EQ(value("cookie_d"), "");
  EXPECT_EQ(value("cookie_"), "absent");
  test_.exchange.request.fields.remove("X-Token");
  EXPECT_EQ(value("http_x_token"), "absent");
}

TEST_F(VariableTest, ForwardedFieldsOfTheGateway) {
  test_.field("Host", "Api.test:81");
  exchange_.request.host = "api.test";
  exchange_.server_port = 9080;
  EXPECT_EQ(value("http_x_forwarded_proto"), "http");
  EXPECT_EQ(value("http_x_forwarded_host"), "Api.test:81");
  EXPECT_EQ(value("http_x_forwarded_port"), "9080");
  exchange_.request.port = 81;
  EXPECT_EQ(value("http_x_forwarded_port"), "81");
  test_.field("X-Forwarded-Proto", "https");
  EXPECT_EQ(value("http_x_forwarded_proto"), "https");
  exchange_.forward.left_out = uint64_t{1} << static_cast<int>(http::FieldId::x_forwarded_host);
  EXPECT_EQ(value("http_x_forwarded_host"), "absent");
}

TEST_F(VariableTest, ResponseFields) {
  exchange_.response.fields.add("X-Up", "1");
  EXPECT_EQ(value("sent_http_x_up"), "1");
  EXPECT_EQ(value("upstream_http_x_up"), "absent");
  exchange_.response.from_upstream = true;
  exchange_.response.content_length = 12;
  EXPECT_EQ(value("upstream_http_x_up"), "1");
  EXPECT_TRUE(upstream_fields_wanted());
  http::Fields received = exchange_.response.fields.copy_all();
  exchange_.upstream_fields = &received;
  exchange_.response.fields.set("X-Up", "changed");
  EXPECT_EQ(value("upstream_http_x_up"), "1");
  EXPECT_EQ(value("sent_http_x_up"), "changed");
  exchange_.response.fields.set("X-Up", "1");
  EXPECT_EQ(value("sent_http_content_length"), "12");
}

TEST_F(VariableTest, Connection) {
  exchange_.client.port = 1234;
  exchange_.socket.address = *IpAddress::parse("2001:db8::1");
  exchange_.socket.text = "2001:db8::1";
  exchange_.server_port = 9080;
  exchange_.connection_id = 18446744073709551615u;
  EXPECT_EQ(value("remote_addr"), "127.0.0.1");
  EXPECT_EQ(value("remote_port"), "1234");
  EXPECT_EQ(value("realip_remote_addr"), "2001:db8::1");
  EXPECT_EQ(value("binary_remote_addr"), std::string("\x7f\0\0\1", 4));
  EXPECT_EQ(value("server_port"), "9080");
  EXPECT_EQ(value("server_addr"), "0.0.0.0");
  EXPECT_EQ(value("connection"), "18446744073709551615");
  EXPECT_EQ(value("proxy_add_x_forwarded_for"), "127.0.0.1");
  test_.field("X-Forwarded-For", "1.1.1.1").field("X-Forwarded-For", "2.2.2.2");
  EXPECT_EQ(value("proxy_add_x_forwarded_for"), "1.1.1.1, 2.2.2.2, 127.0.0.1");
}

TEST_F(VariableTest, RemoteUser) {
  EXPECT_EQ(value("remote_user"), "absent");
  test_.field("Authorization", "basic Zm9vOmJhcg==");
  EXPECT_EQ(value("remote_user"), "foo");
  exchange_.request.fields.set("Authorization", "Basic !");
  EXPECT_EQ(value("remote_user"), "absent");
  exchange_.request.fields.set("Authorization", "Basic OmJhcg==");
  EXPECT_EQ(value("remote_user"), "absent");
}

TEST_F(VariableTest, Outcome) {
  EXPECT_EQ(value("status"), "000");
  EXPECT_EQ(value("request_time"), "0.000");
  exchange_.response.status = 404;
  exchange_.start_us = 1'000'000;
  exchange_.end_us = 3'045'999;
  exchange_.start_wall_us = 784'111'777'000'000;
  exchange_.body_bytes_sent = 10;
  EXPECT_EQ(value("status"), "404");
  EXPECT_EQ(value("request_time"), "2.045");
  EXPECT_EQ(value("msec"), "784111779.045");
  EXPECT_EQ(value("time_local"), "06/Nov/1994:08:49:39 +0000");
  EXPECT_EQ(value("time_iso8601"), "1994-11-06T08:49:39+00:00");
  EXPECT_EQ(value("body_bytes_sent"), "10");
}

TEST_F(VariableTest, RouteAndConsumer) {
  EXPECT_EQ(value("route_id"), "absent");
  EXPECT_EQ(value("consumer_name"), "absent");
  http::RouteLabels labels;
  labels.route_id = "1";
  exchange_.route = &labels;
  exchange_.consumer.name = "jack";
  EXPECT_EQ(value("route_id"), "1");
  EXPECT_EQ(value("service_id"), "absent");
  EXPECT_EQ(value("consumer_name"), "jack");
  http::UriParam param{"id", "7"};
  exchange_.uri_params = &param;
  exchange_.uri_param_count = 1;
  EXPECT_EQ(value("uri_param_id"), "7");
  EXPECT_EQ(value("uri_param_x"), "absent");
}

TEST_F(VariableTest, Upstream) {
  EXPECT_EQ(value("upstream_addr"), "absent");
  http::Attempt attempts[2];
  attempts[0] = {.address = "10.0.0.1:80", .started_us = 5, .ended_us = 1'000'005};
  attempts[1] = {.address = "10.0.0.2:80",
                 .status = 200,
                 .started_us = 1'000'005,
                 .connected_us = 1'002'005,
                 .header_us = 1'010'005,
                 .ended_us = 1'020'005,
                 .bytes_received = 99};
  exchange_.upstream.attempts = attempts;
  exchange_.upstream.count = 2;
  exchange_.upstream.node_port = 80;
  EXPECT_EQ(value("upstream_addr"), "10.0.0.1:80, 10.0.0.2:80");
  EXPECT_EQ(value("upstream_status"), "502, 200");
  EXPECT_EQ(value("upstream_connect_time"), "-, 0.002");
  EXPECT_EQ(value("upstream_header_time"), "-, 0.010");
  EXPECT_EQ(value("upstream_response_time"), "1.000, 0.020");
  EXPECT_EQ(value("upstream_bytes_received"), "0, 99");
  EXPECT_EQ(value("balancer_port"), "80");
  EXPECT_EQ(value("balancer_ip"), "absent");
}

TEST_F(VariableTest, RequestIdIsMadeOnce) {
  std::string id = value("request_id");
  EXPECT_EQ(id.size(), 32u);
  EXPECT_EQ(value("request_id"), id);
}

TEST_F(VariableTest, FormBody) {
  EXPECT_TRUE(Variable::compile("post_arg_test").needs_body());
  exchange_.body = "test=a+b&x=1";
  EXPECT_EQ(value("post_arg_test"), "absent");
  test_.field("Content-Type", "application/x-www-form-urlencoded;charset=utf-8");
  EXPECT_EQ(value("post_arg_test"), "a b");
  EXPECT_EQ(value("post_arg_y"), "absent");
}

TEST_F(VariableTest, UnknownNamesAreAbsent) {
  EXPECT_FALSE(Variable::compile("nonsense").known());
  EXPECT_TRUE(Variable::compile("uri").known());
  EXPECT_EQ(value("nonsense"), "absent");
  EXPECT_EQ(value(""), "absent");
}

}  // namespace
}  // namespace pylon::expr

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/downstream.h"
#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using http::BodyRead;
using http::Push;
using testing::HasSubstr;

// A client that has sent this body; its answer is nobody's business here.
class FakeClient final : public http::Downstream {
 public:
  explicit FakeClient(std::string_view sent) : sent_(sent), body_(sent) {}

  BodyRead fails = BodyRead::complete;
  int failure = 0;

  http::Body& request_body() override { return body_; }
  int body_failure() const override { return failure; }
  bool body_complete() const override { return true; }
  std::string_view request_trailers() const override { return {}; }
  Task<BodyRead> buffer_body(size_t limit, std::string_view& out) override {
    if (fails != BodyRead::complete) co_return fails;
    if (sent_.size() > limit) co_return BodyRead::too_large;
    out = sent_;
    co_return BodyRead::complete;
  }
  void replace_body(std::string_view octets) override { body_ = http::TextBody(octets); }
  http::Chunk fail_body(int status) override {
    failure = status;
    return {http::Pull::error, {}};
  }
  Push send_interim(const http::Response&) override { return Push::done; }
  void start_response(int64_t) override {}
  Push push(std::string_view, bool) override { return Push::done; }
  Push push_trailers(std::string_view) override { return Push::done; }
  Push flush() override { return Push::done; }
  size_t room() const override { return kAnyRoom; }
  size_t unsent() const override { return 0; }
  bool delivering() override { return false; }
  void abort() override {}
  void close_after_answer() override {}
  net::Waker& waker() override { std::abort(); }
  bool gone() const override { return false; }

 private:
  std::string_view sent_;
  http::TextBody body_;
};

class ForwardAuthTest : public testing::Test {
 protected:
  Verdict run(TestExchange& test, std::string_view more = "") {
    std::string conf = R"({"forward-auth":{"uri":"http://auth.test:8080/check?a=b")";
    set_ = fixture_.plugins(conf.append(more).append("}}"));
    return test.run(*set_);
  }
  Verdict post(TestExchange& test, FakeClient& client, std::string_view more = "") {
    test.exchange.downstream = &client;
    test.exchange.has_body = true;
    return run(test, std::string(R"(,"request_method":"POST")").append(more));
  }
  std::string asked(const std::string& name) const {
    auto found = fixture_.http.fields.find(name);
    return found != fixture_.http.fields.end() ? found->second : "none";
  }
  std::string wrong(std::string_view conf) { return fixture_.check("forward-auth", conf); }

  Fixture fixture_{all_plugins()};
  Ref<const PluginSet> set_;
};

TEST_F(ForwardAuthTest, TellsTheServiceAboutTheRequest) {
  TestExchange test(fixture_, "/orders?id=7");
  test.set_field("Authorization", "token");
  test.set_field("X-Forwarded-Host", "forged.test");
  test.set_field("Content-Encoding", "gzip");
  test.set_field("Cookie", "secret");
  EXPECT_TRUE(
      run(test, R"(,"request_headers":["Authorization","X-Forwarded-Host","X-None"])").proceeds());
  EXPECT_EQ(fixture_.http.method, "GET");
  EXPECT_EQ(fixture_.http.host, "auth.test");
  EXPECT_EQ(fixture_.http.port, 8080);
  EXPECT_EQ(fixture_.http.target, "/check?a=b");
  EXPECT_EQ(fixture_.http.timeout_ms, 3000);
  EXPECT_FALSE(fixture_.http.https);
  EXPECT_EQ(fixture_.http.body, "");
  EXPECT_EQ(asked("X-Forwarded-Proto"), "http");
  EXPECT_EQ(asked("X-Forwarded-Method"), "GET");
  EXPECT_EQ(asked("X-Forwarded-Host"), "example.com");
  EXPECT_EQ(asked("X-Forwarded-Uri"), "/orders?id=7");
  EXPECT_EQ(asked("X-Forwarded-For"), "192.0.2.1");
  EXPECT_EQ(asked("Authorization"), "token");
  EXPECT_EQ(fixture_.http.fields.size(), 6u);
}

TEST_F(ForwardAuthTest, ADecodedPathCannotAddFields) {
  TestExchange test(fixture_);
  test.exchange.request.uri = "/a\r\nX-User: root?";
  EXPECT_TRUE(run(test).proceeds());
  EXPECT_EQ(asked("X-Forwarded-Uri"), "/a%0D%0AX-User:%20root%3F");
}

TEST_F(ForwardAuthTest, TheUpstreamHearsOnlyWhatTheServiceSays) {
  TestExchange test(fixture_);
  test.set_field("X-User", "forged");
  test.set_field("X-Role", "forged");
  fixture_.http.answer_fields = {{"x-user", "ann"}, {"X-User", "ann2"}, {"X-Other", "no"}};
  EXPECT_TRUE(run(test, R"(,"upstream_headers":["X-User","X-Role"])").proceeds());
  std::vector<std::string> users;
  for (const http::Field& field : test.exchange.request.fields) {
    if (field.name() == "X-User") users.emplace_back(field.value());
  }
  EXPECT_THAT(users, testing::ElementsAre("ann", "ann2"));
  EXPECT_EQ(test.request_field("X-Role").data(), nullptr);
  EXPECT_EQ(test.request_field("X-Other").data(), nullptr);
}

TEST_F(ForwardAuthTest, ARefusalGoesToTheClient) {
  TestExchange test(fixture_);
  test.set_field("X-User", "kept");
  fixture_.http.status = 302;
  fixture_.http.answer_body = "go there";
  fixture_.http.answer_fields = {{"Location", "http://login.test/"}, {"X-Secret", "s"}};
  Verdict verdict = run(test, R"(,"client_headers":["Location"],"upstream_headers":["X-User"])");
  EXPECT_EQ(verdict.status(), 302);
  EXPECT_EQ(verdict.body(), "go there");
  EXPECT_EQ(test.response_field("Location"), "http://login.test/");
  EXPECT_EQ(test.response_field("X-Secret").data(), nullptr);

  TestExchange silent(fixture_);
  fixture_.http.answer_body.clear();
  EXPECT_NE(run(silent).body().data(), nullptr);  // empty, and no page in its place
}

TEST_F(ForwardAuthTest, ExtraHeaders) {
  TestExchange test(fixture_, "/hello?user=ann");
  std::string_view extra =
      R"(,"extra_headers":{"X-User":"u-$arg_user","x-forwarded-host":"own"},
          "request_headers":["X-User"])";
  test.set_field("X-User", "forged");
  EXPECT_TRUE(run(test, extra).proceeds());
  EXPECT_EQ(asked("X-User"), "u-ann");
  EXPECT_EQ(asked("X-Forwarded-Host"), "own");
  EXPECT_EQ(fixture_.http.fields.count("X-User"), 1u);
}

TEST_F(ForwardAuthTest, AValueThatWouldAddAFieldIsRefusedWhateverElseIsAllowed) {
  TestExchange test(fixture_, "/hello?user=a%0d%0aX-Role:%20root");
  Verdict verdict =
      run(test, R"(,"extra_headers":{"X-User":"$arg_user"},"allow_degradation":true)");
  EXPECT_EQ(verdict.status(), 403);
  EXPECT_EQ(fixture_.http.asked, 0);
}

TEST_F(ForwardAuthTest, PostSendsTheBodyAndKeepsIt) {
  TestExchange test(fixture_);
  FakeClient client("the body");
  test.set_field("Content-Encoding", "br");
  test.set_field("Content-Length", "5");
  EXPECT_TRUE(post(test, client, R"(,"request_headers":["Content-Length"])").proceeds());
  EXPECT_EQ(fixture_.http.method, "POST");
  EXPECT_EQ(fixture_.http.body, "the body");
  EXPECT_EQ(asked("Content-Encoding"), "br");
  EXPECT_EQ(test.exchange.request.content_length, 8);
  EXPECT_TRUE(test.exchange.body_known);
}

TEST_F(ForwardAuthTest, PostWithoutABody) {
  TestExchange test(fixture_);
  EXPECT_TRUE(run(test, R"(,"request_method":"POST")").proceeds());
  EXPECT_EQ(fixture_.http.body, "");
  EXPECT_EQ(test.exchange.request.content_length, -1);
}

TEST_F(ForwardAuthTest, BodiesThatCannotBeSent) {
  TestExchange large(fixture_);
  FakeClient client("the body");
  EXPECT_EQ(post(large, client, R"(,"max_req_body_size":7)").status(), 413);
  TestExchange announced(fixture_);
  announced.exchange.request.content_length = 8;
  EXPECT_EQ(post(announced, client, R"(,"max_req_body_size":7)").status(), 413);
  EXPECT_FALSE(announced.exchange.body_known);
  TestExchange exact(fixture_);
  EXPECT_TRUE(post(exact, client, R"(,"max_req_body_size":8)").proceeds());

  client.fails = BodyRead::failed;
  client.failure = 408;
  TestExchange slow(fixture_);
  EXPECT_EQ(post(slow, client).status(), 408);
  client.failure = 0;
  TestExchange gone(fixture_);
  EXPECT_EQ(post(gone, client, R"(,"allow_degradation":true)").status(), 400);
  EXPECT_EQ(fixture_.http.asked, 1);
}

TEST_F(ForwardAuthTest, ServiceDown) {
  fixture_.http.status = 0;
  TestExchange closed(fixture_), other(fixture_), open(fixture_);
  EXPECT_EQ(run(closed).status(), 403);
  EXPECT_EQ(run(other, R"(,"status_on_error":503)").status(), 503);
  EXPECT_TRUE(run(open, R"(,"allow_degradation":true)").proceeds());
}

TEST_F(ForwardAuthTest, Addresses) {
  TestExchange test(fixture_);
  auto set = fixture_.plugins(R"({"forward-auth":{"uri":"HTTPS://[::1]"}})");
  EXPECT_TRUE(test.run(*set).proceeds());
  EXPECT_TRUE(fixture_.http.https);
  EXPECT_EQ(fixture_.http.host, "::1");
  EXPECT_EQ(fixture_.http.port, 0);
  EXPECT_EQ(fixture_.http.target, "/");
}

TEST_F(ForwardAuthTest, ConfigurationErrors) {
  std::string start = "failed to check the configuration of plugin forward-auth err: ";
  EXPECT_EQ(wrong(R"({"request_headers":["test"]})"), start + "property \"uri\" is required");
  EXPECT_EQ(wrong(R"({"uri":3233})"),
            start + "property \"uri\" validation failed: wrong type: expected string, got number");
  EXPECT_EQ(wrong(R"({"uri":"http://127.0.0.1:8199","request_headers":"test"})"),
            start +
                "property \"request_headers\" validation failed: wrong type: expected array, "
                "got string");
  EXPECT_EQ(wrong(R"({"uri":"http://127.0.0.1:8199","request_method":"PUT"})"),
            start +
                "property \"request_method\" validation failed: matches none of the enum "
                "values");
  for (std::string_view uri : {"", "/auth", "auth.test", "ftp://a/", "http://", "http://a b/",
                               "http://u:p@a/", "http://a:99999/", "http://a/\\r\\nx"}) {
    EXPECT_THAT(wrong(std::string(R"({"uri":")").append(uri).append("\"}")),
                HasSubstr("it is no http or https address"))
        << uri;
  }
  std::string valid = R"({"uri":"http://a/",)";
  EXPECT_THAT(wrong(valid + R"("extra_headers":{}})"), HasSubstr("extra_headers"));
  EXPECT_THAT(wrong(valid + R"("extra_headers":{"a":1}})"), HasSubstr("extra_headers"));
  EXPECT_THAT(wrong(valid + R"("extra_headers":{"a b":"1"}})"), HasSubstr("invalid header name"));
  EXPECT_THAT(wrong(valid + R"("timeout":60001})"), HasSubstr("timeout"));
}

}  // namespace
}  // namespace pylon::plugins

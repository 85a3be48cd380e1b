#include "control/control_api.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "observe/metrics.h"
#include "plugin/context.h"

namespace pylon::control {
namespace {

using config::Kind;

class FakeView final : public RuntimeView {
 public:
  using Items = Result<std::vector<RuntimeItem>>;

  // Three at a time.
  class FakePages final : public Pages {
   public:
    FakePages(const FakeView& view, Kind kind) : view_(view), items_(view.of_kind(kind)) {}
    async::Task<Items> next() override {
      bool fails = !view_.store_error.empty();
      if (fails) co_return Items(fail(view_.store_error));
      size_t count = std::min<size_t>(items_.size(), 3);
      std::vector<RuntimeItem> some(items_.begin(), items_.begin() + static_cast<long>(count));
      items_.erase(items_.begin(), items_.begin() + static_cast<long>(count));
      co_return Items(std::move(some));
    }

   private:
    const FakeView& view_;
    std::vector<RuntimeItem> items_;
  };
  std::unique_ptr<Pages> pages(Kind kind) override {
    return std::make_unique<FakePages>(*this, kind);
  }
  async::Task<Items> checked_items() override { co_return Items(of_kind(Kind::route)); }
  async::Task<Result<std::optional<RuntimeItem>>> item(Kind kind, std::string id) override {
    std::optional<RuntimeItem> found;
    for (const RuntimeItem& item : of_kind(kind)) {
      if (item.key.substr(item.key.rfind('/') + 1) == id) found = item;
    }
    co_return found;
  }
  std::vector<NodeHealth> health(std::string_view key) const override {
    if (key != "/apisix/routes/1") return {};
    return {{"1.2.3.4", 80, "a<b", "unhealthy", 1, 2, 3, 4}};
  }
  int64_t revision() const override { return 7; }
  std::vector<snapshot::Quarantined> quarantined() const override {
    return {{Kind::route, "3", "unknown plugin [x]"}};
  }
  Workers workers() const override { return {2, 1}; }
  std::vector<TypeState> types() const override { return {{Kind::route, 2, 0xff, 7}}; }
  std::optional<std::string> out_of_touch() const override { return away; }
  std::optional<std::string> not_ready() const override { return reason; }
  void reload_plugins() override { ++reloads; }
  async::Task<Result<Json>> explain(Json question) override {
    if (!question.is_object()) co_return fail("wrong type");
    co_return Json::object({{"asked", std::move(question)}});
  }

  std::vector<std::pair<Kind, RuntimeItem>> all;
  std::string store_error;
  std::optional<std::string> reason;
  std::optional<std::string> away;
  int reloads = 0;

 private:
  std::vector<RuntimeItem> of_kind(Kind kind) const {
    std::vector<RuntimeItem> found;
    for (const auto& [known, item] : all) {
      if (known == kind) found.push_back(item);
    }
    return found;
  }
};

class ControlApiTest : public testing::Test {
 protected:
  ControlApiTest() {
    Json value = *Json::parse(R"({"id":"1","upstream":{"checks":{"active":{"type":"tcp"}}}})");
    Json faulty = *Json::parse(R"({"id":"3"})");
    view_.all = {{Kind::route, {"/apisix/routes/1", value, 2, 3, true}},
                 {Kind::route, {"/apisix/routes/2", Json::object(), 4, 4, false}},
                 {Kind::service, {"/apisix/services/3", faulty, 4, 5, false, "why"}},
                 {Kind::plugin_metadata,
                  {"/apisix/plugin_metadata/log", *Json::parse(R"({"id":"log"})"), 5, 5, false}}};
  }

  std::string talk(std::string method, std::string path, std::string accept = {},
                   std::string body = {}) {
    http::ApiRequest request;
    request.body = std::move(body);
    request.method = std::move(method);
    request.path = std::move(path);
    if (!accept.empty()) request.fields = {{"Accept", accept}};
    http::ApiResponse response = api_.answer(request).run_to_end();
    return std::to_string(response.status) + " " + response.body;
  }
  std::string status(std::string path) {
    http::ApiRequest request;
    request.path = std::move(path);
    http::ApiResponse response = answer_status(request, view_);
    return std::to_string(response.status) + " " + response.body;
  }

  SimulatedClock clock_;
  observe::Metrics metrics_{observe::Metrics::Options{}};
  plugin::Services services_{metrics_, clock_};
  plugin::Catalogue catalogue_{{}, services_};
  FakeView view_;
  ControlApi api_{view_, catalogue_};
};

TEST_F(ControlApiTest, Explains) {
  EXPECT_EQ(talk("POST", "/v1/explain", {}, R"({"uri":"/"})"), "200 {\"asked\":{\"uri\":\"/\"}}\n");
  EXPECT_EQ(talk("POST", "/v1/explain", {}, "1"), "400 {\"error_msg\":\"wrong type\"}\n");
  EXPECT_EQ(talk("POST", "/v1/explain").substr(0, 39),
            "400 {\"error_msg\":\"invalid request body:");
  EXPECT_EQ(talk("GET", "/v1/explain").substr(0, 3), "404");
  http::ApiRequest large;
  large.method = "POST";
  large.path = "/v1/explain";
  large.body_too_large = true;
  large.body_bytes = 70'000;
  EXPECT_EQ(api_.answer(large).run_to_end().body,
            "{\"error_msg\":\"invalid request body: 70000 bytes are too many\"}\n");
}

TEST_F(ControlApiTest, ShowsWhatIsInForce) {
  std::string one = R"({"key":"/apisix/routes/1","value":{"id":"1","upstream":{"checks":)"
                    R"({"active":{"type":"tcp"}}}},"createdIndex":2,)"
                    R"("modifiedIndex":3,"orig_modifiedIndex":3,"has_domain":true,)"
                    R"("update_count":0,"clean_handlers":{}})";
  EXPECT_EQ(talk("GET", "/v1/route/1"), "200 " + one + "\n");
  EXPECT_EQ(talk("GET", "/v1/routes").substr(0, one.size() + 6), "200 [" + one + ",");
  EXPECT_EQ(talk("GET", "/v1/route/9"), "404 {\"error_msg\":\"route[9] not found\"}\n");
  EXPECT_EQ(talk("GET", "/v1/upstreams"), "200 []\n");
  EXPECT_EQ(talk("GET", "/v1/upstream/9"), "404 {\"error_msg\":\"upstream[9] not found\"}\n");
  EXPECT_EQ(talk("GET", "/v1/plugin_metadatas"), "200 [{\"id\":\"log\"}]\n");
  EXPECT_EQ(talk("GET", "/v1/plugin_metadata/log"), "200 {\"id\":\"log\"}\n");
  EXPECT_EQ(talk("GET", "/v1/plugin_metadata/x"),
            "404 {\"error_msg\":\"plugin metadata[x] not found\"}\n");
}

TEST_F(ControlApiTest, ShowsWhatIsNotInForce) {
  EXPECT_NE(talk("GET", "/v1/service/3").find(R"("quarantined":"why"})"), std::string::npos);
  EXPECT_EQ(talk("GET", "/v1/config/status"),
            "200 {\"revision\":7,\"types\":{\"routes\":{\"revision\":7,\"objects\":2,"
            "\"quarantined\":1,\"digest\":\"00000000000000ff\"}},\"objects\":[{\"type\":\"routes\","
            "\"id\":\"3\",\"status\":"
            "\"quarantined\",\"reason\":\"unknown plugin [x]\"}],\"workers\":2,\"serving\":1}\n");
  view_.away = "etcd is away";
  EXPECT_NE(talk("GET", "/v1/config/status").find("\"out_of_touch\":\"etcd is away\""),
            std::string::npos);
  view_.store_error = "the store is closed";
  EXPECT_EQ(talk("GET", "/v1/routes"), "503 {\"error_msg\":\"the store is closed\"}\n");
}

TEST_F(ControlApiTest, WritesLongListsPieceByPiece) {
  view_.all.clear();
  for (int i = 0; i < 100; ++i) {
    Json value = Json::object({{"desc", Json(std::string(4'000, 'x'))}});
    view_.all.push_back({Kind::route, {fmt::format("/apisix/routes/{}", i), value, 2, 3, false}});
  }
  http::ApiRequest request;
  request.method = "GET";
  request.path = "/v1/routes";
  http::ApiResponse response = api_.answer(request).run_to_end();
  EXPECT_EQ(response.status, 200);
  EXPECT_LT(response.body.size(), 80'000);
  ASSERT_NE(response.rest, nullptr);
  std::string text = response.body;
  for (;;) {
    std::optional<std::string> piece = response.rest->next().run_to_end();
    ASSERT_TRUE(piece);
    if (piece->empty()) break;
    EXPECT_LT(piece->size(), 20'000);
    text += *piece;
  }
  EXPECT_TRUE(text.ends_with("]\n"));
  EXPECT_EQ(Json::parse(text)->items().size(), 100);

  http::ApiResponse broken = api_.answer(request).run_to_end();
  view_.store_error = "the store is closed";
  ASSERT_NE(broken.rest, nullptr);
  EXPECT_FALSE(broken.rest->next().run_to_end());
}

TEST_F(ControlApiTest, ShowsHealth) {
  std::string checker =
      R"({"name":"/apisix/routes/1","type":"tcp","nodes":[{"ip":"1.2.3.4","port":80,)"
      R"("hostname":"a<b","status":"unhealthy","counter":{"success":1,"http_failure":2,)"
      R"("tcp_failure":3,"timeout_failure":4}}]})";
  EXPECT_EQ(talk("GET", "/v1/healthcheck"), "200 [" + checker + "]\n");
  EXPECT_EQ(talk("GET", "/v1/healthcheck/routes/1"), "200 " + checker + "\n");
  EXPECT_EQ(talk("GET", "/v1/healthcheck/routes/2"),
            "404 {\"error_msg\":\"no checker for routes[2]\"}\n");
  EXPECT_EQ(talk("GET", "/v1/healthcheck/routes/9"),
            "404 {\"error_msg\":\"routes[9] not found\"}\n");
  EXPECT_EQ(talk("GET", "/v1/healthcheck/route/1"),
            "400 {\"error_msg\":\"invalid src type route\"}\n");
  EXPECT_EQ(talk("GET", "/v1/healthcheck/routes"),
            "404 {\"error_msg\":\"missing src id for src type routes\"}\n");
  std::string page = talk("GET", "/v1/healthcheck", "text/html,*/*");
  EXPECT_NE(page.find("<title>APISIX upstream check status</title>"), page.npos);
  EXPECT_NE(page.find("<tr bgcolor=\"#FF0000\">"), page.npos);
  EXPECT_NE(page.find("<td>1.2.3.4:80</td>"), page.npos);
}

TEST_F(ControlApiTest, SchemasAndActions) {
  Json schemas = *Json::parse(std::string_view(talk("GET", "/v1/schema")).substr(4));
  EXPECT_TRUE(schemas.find("main")->find("route")->contains("properties"));
  EXPECT_EQ(schemas.find("main")->find("upstream_hash_vars_schema")->find("type")->as_string(),
            "string");
  EXPECT_TRUE(schemas.find("stream_plugins")->is_object());
  EXPECT_EQ(talk("POST", "/v1/gc"), "200 ");
  EXPECT_EQ(talk("PUT", "/v1/plugins/reload"), "200 done");
  EXPECT_EQ(view_.reloads, 1);
  EXPECT_EQ(talk("GET", "/v2/routes").substr(0, 3), "404");
  EXPECT_EQ(talk("DELETE", "/v1/routes").substr(0, 3), "404");
}

TEST_F(ControlApiTest, Status) {
  EXPECT_EQ(status("/status"), "200 {\"status\":\"ok\"}");
  EXPECT_EQ(status("/status/ready"), "200 {\"status\":\"ok\"}");
  view_.away = "etcd is away";
  EXPECT_EQ(status("/status/ready"), "200 {\"status\":\"ok\",\"out_of_touch\":\"etcd is away\"}");
  view_.reason = "worker id: 0 has not received configuration";
  EXPECT_EQ(status("/status/ready"),
            "503 {\"status\":\"error\",\"error\":\"worker id: 0 has not received "
            "configuration\"}");
  EXPECT_EQ(status("/x").substr(0, 3), "404");
}

}  // namespace
}  // namespace pylon::control

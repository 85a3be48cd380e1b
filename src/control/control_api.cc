#include "control/control_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/api_answer.h"
#include "plugin/description.h"

namespace pylon::control {

using config::Kind;
using http::ApiRequest;
using http::ApiResponse;
using http::error_answer;
using http::json_answer;

namespace {

constexpr std::string_view kSchemas[] = {"consumer",
                                         "consumer_group",
                                         "global_rule",
                                         "graphql_cost_decoration",
                                         "plugin_config",
                                         "plugins",
                                         "proto",
                                         "route",
                                         "service",
                                         "ssl",
                                         "stream_route",
                                         "upstream",
                                         "upstream_hash_header_schema",
                                         "upstream_hash_vars_schema"};

// The collections that are shown, under "routes" for all and "route/" for one.
constexpr std::pair<std::string_view, Kind> kShown[] = {
    {"route", Kind::route}, {"service", Kind::service}, {"upstream", Kind::upstream}};

// Takes `prefix` off the front of the path.
bool take(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

Json shown(const RuntimeItem& item) {
  Json json = Json::object({{"key", Json(item.key)},
                            {"value", item.value},
                            {"createdIndex", Json(item.create_revision)},
                            {"modifiedIndex", Json(item.mod_revision)},
                            {"orig_modifiedIndex", Json(item.mod_revision)},
                            {"has_domain", Json(item.has_domain)},
                            {"update_count", 0},
                            {"clean_handlers", Json::object()}});
  if (!item.fault.empty()) json["quarantined"] = Json(item.fault);
  return json;
}

// "[item,item]" and a line feed, as it is read.
class ListText final : public http::ApiPieces {
 public:
  explicit ListText(std::unique_ptr<RuntimeView::Pages> pages) : pages_(std::move(pages)) {}

  bool ended() const { return ended_; }
  // Empty: that was all.
  async::Task<Result<std::string>> read() {
    if (ended_) co_return std::string();
    Result<std::vector<RuntimeItem>> items = co_await pages_->next();
    if (!items) co_return tl::unexpected(items.error());
    std::string text;
    for (const RuntimeItem& item : *items) {
      text += std::exchange(separator_, ',');
      text += shown(item).dump();
    }
    if (!items->empty()) co_return text;
    ended_ = true;
    co_return separator_ == '[' ? "[]\n" : "]\n";
  }

  async::Task<std::optional<std::string>> next() override {
    Result<std::string> text = co_await read();
    if (!text) co_return std::nullopt;
    co_return std::move(*text);
  }

 private:
  std::unique_ptr<RuntimeView::Pages> pages_;
  char separator_ = '[';
  bool ended_ = false;
};

ApiResponse unavailable(const Error& error) { return error_answer(503, error.message); }

// The `checks` of a resource or of the upstream in it; null: it has none.
const Json* checks_of(const Json& value) {
  if (const Json* checks = value.find("checks")) return checks;
  const Json* upstream = value.find("upstream");
  return upstream != nullptr ? upstream->find("checks") : nullptr;
}

std::string_view type_of_checks(const Json& checks) {
  for (std::string_view way : {"active", "passive"}) {
    const Json* check = checks.find(way);
    const Json* type = check != nullptr ? check->find("type") : nullptr;
    if (type != nullptr) return type->as_string();
  }
  return "http";
}

ApiResponse checkers_answer(const ApiRequest& request, const std::vector<Checker>& checkers,
                            const Json& as_json) {
  if (request.field("Accept").find("text/html") == std::string_view::npos) {
    return json_answer(200, as_json);
  }
  ApiResponse page = http::text_answer(200, health_page(checkers));
  http::set_field(page, "Content-Type", "text/html");
  return page;
}

// What is known without waiting.
async::Task<ApiResponse> done(ApiResponse response) { co_return response; }

}  // namespace

async::Task<ApiResponse> ControlApi::answer(const ApiRequest& request) {
  if (request.method == "GET") return get(request);
  return act(request);
}

async::Task<ApiResponse> ControlApi::act(const ApiRequest& request) {
  if (request.method == "POST" && request.path == "/v1/gc") co_return http::text_answer(200, "");
  if (request.method == "POST" && request.path == "/v1/explain")
    co_return co_await explain(request);
  if (request.method == "PUT" && request.path == "/v1/plugins/reload") {
    view_.reload_plugins();
    co_return http::text_answer(200, "done");
  }
  co_return http::page_answer(404);
}

async::Task<ApiResponse> ControlApi::explain(const ApiRequest& request) {
  if (request.body_too_large) {
    co_return error_answer(
        400, fmt::format("invalid request body: {} bytes are too many", request.body_bytes));
  }
  Result<Json> question = Json::parse(request.body);
  if (!question) co_return error_answer(400, "invalid request body: " + question.error().message);
  Result<Json> answer = co_await view_.explain(std::move(*question));
  if (!answer) co_return error_answer(400, answer.error().message);
  co_return json_answer(200, *answer);
}

async::Task<ApiResponse> ControlApi::get(const ApiRequest& request) {
  std::string_view path = request.path;
  if (!take(path, "/v1/")) return done(http::page_answer(404));
  if (path == "schema") return done(json_answer(200, schemas()));
  if (path == "config/status") return done(json_answer(200, config_status()));
  for (const auto& [word, kind] : kShown) {
    std::string_view rest = path;
    if (!take(rest, word)) continue;
    if (rest == "s") return list(kind);
    if (take(rest, "/")) return one(kind, std::string(rest.substr(0, rest.find('/'))));
  }
  if (path == "plugin_metadatas") return metadatas();
  if (take(path, "plugin_metadata/")) return metadata(std::string(path));
  if (path == "healthcheck") return checkers(request);
  if (take(path, "healthcheck/")) return checker(request, std::string(path));
  return done(http::page_answer(404));
}

// What is short is answered as a whole, and a long one while it is made.
async::Task<ApiResponse> ControlApi::list(Kind kind) {
  constexpr size_t kShortBytes = 64 << 10;
  auto list = std::make_shared<ListText>(view_.pages(kind));
  std::string text;
  for (bool more = true; more && text.size() < kShortBytes;) {
    Result<std::string> piece = co_await list->read();
    if (!piece) co_return unavailable(piece.error());
    more = !piece->empty();
    text += *piece;
  }
  bool ended = list->ended();
  ApiResponse response = http::text_answer(200, std::move(text));
  if (!ended) response.rest = std::move(list);
  co_return response;
}

async::Task<ApiResponse> ControlApi::one(Kind kind, std::string id) {
  Result<std::optional<RuntimeItem>> item = co_await view_.item(kind, id);
  if (!item) co_return unavailable(item.error());
  if (*item) co_return json_answer(200, shown(**item));
  std::string_view word = config::resource_type(kind).kind_word;
  co_return error_answer(404, fmt::format("{}[{}] not found", word, id));
}

async::Task<ApiResponse> ControlApi::metadatas() {
  Json values = Json::array();
  std::unique_ptr<RuntimeView::Pages> pages = view_.pages(Kind::plugin_metadata);
  for (;;) {
    Result<std::vector<RuntimeItem>> items = co_await pages->next();
    if (!items) co_return unavailable(items.error());
    if (items->empty()) co_return json_answer(200, values);
    for (RuntimeItem& item : *items) values.push_back(std::move(item.value));
  }
}

async::Task<ApiResponse> ControlApi::metadata(std::string plugin) {
  Result<std::optional<RuntimeItem>> item = co_await view_.item(Kind::plugin_metadata, plugin);
  if (!item) co_return unavailable(item.error());
  if (*item) co_return json_answer(200, (*item)->value);
  co_return error_answer(404, fmt::format("plugin metadata[{}] not found", plugin));
}

// ---- health

Checker ControlApi::checker_of(const RuntimeItem& item, const Json& checks) const {
  return {item.key, std::string(type_of_checks(checks)), view_.health(item.key)};
}

async::Task<ApiResponse> ControlApi::checkers(const ApiRequest& request) {
  Result<std::vector<RuntimeItem>> items = co_await view_.checked_items();
  if (!items) co_return unavailable(items.error());
  std::vector<Checker> found;
  for (const RuntimeItem& item : *items) {
    if (const Json* checks = checks_of(item.value)) found.push_back(checker_of(item, *checks));
  }
  co_return checkers_answer(request, found, health_json(found));
}

// `path` is "routes/1".
async::Task<ApiResponse> ControlApi::checker(const ApiRequest& request, std::string path) {
  size_t slash = std::min(path.find('/'), path.size());
  std::string type = path.substr(0, slash);
  std::string id = path.substr(std::min(slash + 1, path.size()));
  if (id.empty()) {
    co_return error_answer(404, fmt::format("missing src id for src type {}", type));
  }
  const config::ResourceType* found = config::find_resource_type(type);
  bool checked =
      found != nullptr && (found->kind == Kind::route || found->kind == Kind::service ||
                           found->kind == Kind::upstream || found->kind == Kind::stream_route);
  if (!checked) co_return error_answer(400, fmt::format("invalid src type {}", type));
  Result<std::optional<RuntimeItem>> item = co_await view_.item(found->kind, id);
  if (!item) co_return unavailable(item.error());
  if (!*item) co_return error_answer(404, fmt::format("{}[{}] not found", type, id));
  const Json* checks = checks_of((*item)->value);
  if (checks == nullptr) {
    co_return error_answer(404, fmt::format("no checker for {}[{}]", type, id));
  }
  std::vector<Checker> one{checker_of(**item, *checks)};
  co_return checkers_answer(request, one, health_json(one.front()));
}

// ---- the node

Json ControlApi::config_status() const {
  Json list = Json::array();
  std::vector<snapshot::Quarantined> quarantined = view_.quarantined();
  for (const snapshot::Quarantined& item : quarantined) {
    list.push_back(Json::object({{"type", config::resource_type(item.kind).name},
                                 {"id", item.id},
                                 {"status", "quarantined"},
                                 {"reason", item.reason}}));
  }
  RuntimeView::Workers workers = view_.workers();
  Json types = Json::object();
  for (const TypeState& type : view_.types()) {
    auto faulty = std::count_if(quarantined.begin(), quarantined.end(),
                                [&](const auto& item) { return item.kind == type.kind; });
    types[config::resource_type(type.kind).name] =
        Json::object({{"revision", type.revision},
                      {"objects", static_cast<int64_t>(type.objects)},
                      {"quarantined", static_cast<int64_t>(faulty)},
                      {"digest", fmt::format("{:016x}", type.digest)}});
  }
  Json status = Json::object({{"revision", view_.revision()},
                              {"types", std::move(types)},
                              {"objects", std::move(list)},
                              {"workers", static_cast<int64_t>(workers.all)},
                              {"serving", static_cast<int64_t>(workers.serving)}});
  if (std::optional<std::string> why = view_.out_of_touch()) status["out_of_touch"] = Json(*why);
  for (const SourceFault& fault : view_.source_faults()) {
    status["sources"].push_back(Json::object(
        {{"source", Json(fault.source)}, {"status", "not read"}, {"reason", Json(fault.reason)}}));
  }
  for (const SecretState& secret : view_.secrets()) {
    Json shown = Json::object(
        {{"secret", Json(secret.name)}, {"status", secret.known ? "known" : "not known"}});
    if (!secret.fault.empty()) shown["reason"] = Json(secret.fault);
    status["secrets"].push_back(std::move(shown));
  }
  return status;
}

Json ControlApi::schemas() const {
  Json main = Json::object();
  for (std::string_view name : kSchemas) {
    if (const Json* document = config::find_schema_document(name)) main[name] = *document;
  }
  return Json::object(
      {{"main", std::move(main)},
       {"plugins", plugin::describe_all(catalogue_, plugin::Subsystem::http)},
       {"stream_plugins", plugin::describe_all(catalogue_, plugin::Subsystem::stream)}});
}

ApiResponse answer_status(const ApiRequest& request, const RuntimeView& view) {
  constexpr std::string_view kOk = R"({"status":"ok"})";
  if (request.path == "/status") return http::text_answer(200, std::string(kOk));
  if (request.path != "/status/ready") return http::page_answer(404);
  std::optional<std::string> why = view.not_ready();
  std::optional<std::string> old = view.out_of_touch();
  if (!why && !old) return http::text_answer(200, std::string(kOk));
  if (!why) {
    Json ready = Json::object({{"status", "ok"}, {"out_of_touch", Json(*old)}});
    return http::text_answer(200, ready.dump());
  }
  Json error = Json::object({{"status", "error"}, {"error", Json(*why)}});
  return http::text_answer(503, error.dump());
}

}  // namespace pylon::control

#include "control/control_api.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "control/health_page.h"
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
  return Json::object({{"key", Json(item.key)},
                       {"value", item.value},
                       {"createdIndex", Json(item.create_revision)},
                       {"modifiedIndex", Json(item.mod_revision)},
                       {"orig_modifiedIndex", Json(item.mod_revision)},
                       {"has_domain", Json(item.has_domain)},
                       {"update_count", 0},
                       {"clean_handlers", Json::object()}});
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

}  // namespace

ApiResponse ControlApi::answer(const ApiRequest& request) const {
  if (request.method == "GET") return get(request);
  if (request.method == "POST" && request.path == "/v1/gc") return http::text_answer(200, "");
  if (request.method == "PUT" && request.path == "/v1/plugins/reload") {
    view_.reload_plugins();
    return http::text_answer(200, "done");
  }
  return http::page_answer(404);
}

ApiResponse ControlApi::get(const ApiRequest& request) const {
  std::string_view path = request.path;
  if (!take(path, "/v1/")) return http::page_answer(404);
  if (path == "schema") return json_answer(200, schemas());
  for (const auto& [word, kind] : kShown) {
    std::string_view rest = path;
    if (!take(rest, word)) continue;
    if (rest == "s") return list(kind);
    if (take(rest, "/")) return one(kind, rest.substr(0, rest.find('/')));
  }
  if (path == "plugin_metadatas") {
    Json values = Json::array();
    for (RuntimeItem& item : view_.items(Kind::plugin_metadata)) values.push_back(item.value);
    return json_answer(200, values);
  }
  if (take(path, "plugin_metadata/")) return metadata(path);
  if (path == "healthcheck") {
    std::vector<Checker> checkers = view_.checkers();
    return checkers_answer(request, checkers, health_json(checkers));
  }
  if (take(path, "healthcheck/")) return checker(request, path);
  return http::page_answer(404);
}

ApiResponse ControlApi::list(Kind kind) const {
  Json items = Json::array();
  for (const RuntimeItem& item : view_.items(kind)) items.push_back(shown(item));
  return json_answer(200, items);
}

ApiResponse ControlApi::one(Kind kind, std::string_view id) const {
  std::optional<RuntimeItem> item = view_.item(kind, id);
  if (item) return json_answer(200, shown(*item));
  std::string_view word = config::resource_type(kind).kind_word;
  return error_answer(404, fmt::format("{}[{}] not found", word, id));
}

ApiResponse ControlApi::metadata(std::string_view plugin) const {
  std::optional<RuntimeItem> item = view_.item(Kind::plugin_metadata, plugin);
  if (item) return json_answer(200, item->value);
  return error_answer(404, fmt::format("plugin metadata[{}] not found", plugin));
}

// `path` is "routes/1".
ApiResponse ControlApi::checker(const ApiRequest& request, std::string_view path) const {
  size_t slash = path.find('/');
  std::string_view type = path.substr(0, slash);
  if (slash == path.npos || slash + 1 == path.size()) {
    return error_answer(404, fmt::format("missing src id for src type {}", type));
  }
  std::string_view id = path.substr(slash + 1);
  const config::ResourceType* found = config::find_resource_type(type);
  bool checked =
      found != nullptr && (found->kind == Kind::route || found->kind == Kind::service ||
                           found->kind == Kind::upstream || found->kind == Kind::stream_route);
  if (!checked) return error_answer(400, fmt::format("invalid src type {}", type));
  if (!view_.item(found->kind, id)) {
    return error_answer(404, fmt::format("{}[{}] not found", type, id));
  }
  std::optional<Checker> checker = view_.checker(found->kind, id);
  if (!checker) return error_answer(404, fmt::format("no checker for {}[{}]", type, id));
  return checkers_answer(request, {*checker}, health_json(*checker));
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
  if (!why) return http::text_answer(200, std::string(kOk));
  Json error = Json::object({{"status", "error"}, {"error", Json(*why)}});
  return http::text_answer(503, error.dump());
}

}  // namespace pylon::control

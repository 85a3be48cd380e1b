#include "admin/admin_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "admin/answer.h"
#include "admin/body.h"
#include "admin/config_validation.h"
#include "admin/plugin_api.h"
#include "admin/target.h"
#include "base/strings.h"

namespace pylon::admin {

using http::ApiRequest;
using http::ApiResponse;

namespace {

constexpr std::string_view kMethods[] = {"GET", "PUT", "POST", "DELETE", "PATCH"};
constexpr double kMaxTtlS = 9'000'000'000;  // etcd's longest lease

bool is_known_method(std::string_view method) {
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

constexpr std::string_view kConfigsPath = "/apisix/admin/configs";
constexpr std::string_view kValidatePath = "/apisix/admin/configs/validate";

// What there is on a node whose configuration is pushed.
bool is_standalone(const ApiRequest& request) {
  const std::string& method = request.method;
  if (request.path == kValidatePath) return method == "POST";
  return request.path == kConfigsPath && (method == "GET" || method == "PUT" || method == "HEAD");
}

bool is_about_history(const std::vector<std::string>& segments, std::string_view method) {
  if (segments.size() != 1) return false;
  if (method == "GET") return segments[0] == "history" || segments[0] == "diff";
  return method == "POST" && segments[0] == "rollback";
}

bool is_below(std::string_view path, std::string_view root) {
  return path.starts_with(root) && path.size() > root.size() && path[root.size()] == '/';
}

ApiResponse refused(const Error& why) {
  return json_answer(401, Json::object({{"error_msg", "failed to check token"},
                                        {"description", Json(why.message)}}));
}

ApiResponse preflight() {
  ApiResponse response;
  set_field(response, "Content-Type", "text/plain");
  set_field(response, "Access-Control-Allow-Methods", "POST, GET, PUT, OPTIONS, DELETE, PATCH");
  set_field(response, "Access-Control-Allow-Headers", "*");
  return response;
}

ApiResponse unsupported_type(std::string_view name) {
  return error_answer(404, fmt::format("Unsupported resource type: {}", name));
}

}  // namespace

AdminApi::AdminApi(const ResourceApi::Parts& parts, AdminOptions options,
                   store::PushedStore* pushed)
    : parts_(parts),
      options_(std::move(options)),
      access_(options_.access),
      resources_(parts_, options_.key_prefix, options_.v3),
      history_({parts_.store, parts_.node, Keys(options_.key_prefix), resources_.turns(),
                parts_.catalogue, parts_.cipher}) {
  if (pushed == nullptr) return;
  standalone_.emplace(Standalone::Parts{*pushed, parts_.catalogue, parts_.node, parts_.clock});
}

async::Task<ApiResponse> AdminApi::handle(const ApiRequest& request) {
  Answer routing = route(request);
  ApiResponse response = co_await routing;
  finish(request, response);
  co_return response;
}

async::Task<ApiResponse> AdminApi::route(const ApiRequest& request) {
  if (!access_.admits(request.remote)) co_return page_answer(403);
  std::string_view path = request.path;
  if (path != kAdminPath && !is_below(path, kAdminPath)) co_return page_answer(404);
  if (options_.cors && request.method == "OPTIONS") co_return preflight();
  if (request.method == "HEAD" && path == kAdminPath) co_return text_answer(200, "");
  bool known = standalone_ ? is_standalone(request) : is_known_method(request.method);
  if (path == kAdminPath || !known) co_return page_answer(404);

  Result<std::string> author = access_.author_of(request);
  if (!author) co_return refused(author.error());
  Segments segments = path_segments(path);
  if (request.method == "POST" && path == kValidatePath) {
    Answer validating = validate(request);
    co_return co_await validating;
  }
  if (is_about_history(segments, request.method)) {
    Answer answering = of_history(request, std::move(*author));
    co_return co_await answering;
  }
  if (standalone_) {
    Answer answering = standalone(request);
    co_return co_await answering;
  }
  if (Settled settled = special(request, segments)) co_return std::move(*settled);
  Answer answering = resource(request, segments, std::move(*author));
  co_return co_await answering;
}

async::Task<ApiResponse> AdminApi::validate(const ApiRequest& request) {
  if (request.body_too_large || request.body.size() > kMaxBodyBytes) {
    co_return body_too_large(std::max<uint64_t>(request.body_bytes, request.body.size()));
  }
  Answer validating = validate_configs(
      request, {parts_.catalogue, parts_.node, parts_.store, Keys(options_.key_prefix)});
  co_return co_await validating;
}

async::Task<ApiResponse> AdminApi::standalone(const ApiRequest& request) {
  if (request.method == "GET") co_return standalone_->get(request);
  if (request.method == "HEAD") co_return standalone_->head();
  if (request.body_too_large) co_return body_too_large(request.body_bytes);
  Answer putting = standalone_->put(request);
  co_return co_await putting;
}

async::Task<ApiResponse> AdminApi::of_history(const ApiRequest& request, std::string author) {
  if (request.body_too_large) co_return body_too_large(request.body_bytes);
  Answer answering = request.method == "POST"            ? history_.rollback(request, author)
                     : request.path.ends_with("history") ? history_.history(request)
                                                         : history_.diff(request);
  co_return co_await answering;
}

// Paths that are no resource.
AdminApi::Settled AdminApi::special(const ApiRequest& request, const Segments& segments) {
  auto is = [&](std::string_view method, std::initializer_list<std::string_view> path) {
    return request.method == method &&
           std::equal(path.begin(), path.end(), segments.begin(), segments.end());
  };
  if (is("GET", {"plugins", "list"})) return plugin_names(parts_.catalogue, request);
  if (is("PUT", {"plugins", "reload"})) {
    parts_.node.reload_plugins();
    return text_answer(200, "done");
  }
  if (is(request.method, {"plugins", "reload"})) {
    return error_answer(405, fmt::format("please use PUT method to reload the plugins, {} method "
                                         "is not allowed.",
                                         request.method));
  }
  bool validates_one = request.method == "POST" && segments.size() >= 3 &&
                       segments[0] == "schema" && segments[1] == "validate";
  if (validates_one && request.body_too_large) return body_too_large(request.body_bytes);
  if (validates_one) return validate_resource(segments[2], request.body);
  return plugin_or_schema(request, segments);
}

AdminApi::Settled AdminApi::plugin_or_schema(const ApiRequest& request,
                                             const Segments& segments) const {
  if (segments.empty()) return unsupported_type("");
  bool of_schema = segments[0] == "schema";
  bool of_plugin = segments[0] == "plugins";
  if (!of_schema && !of_plugin) return std::nullopt;
  if (request.method != "GET") return error_answer(404, "not found");
  size_t at = 1;
  if (of_schema && segments.size() > 1 && segments[1] == "plugins") {
    of_plugin = true;
    at = 2;
  }
  std::string_view name = at < segments.size() ? std::string_view(segments[at]) : "";
  return of_plugin ? plugin_schema(parts_.catalogue, name, request) : resource_schema(name);
}

async::Task<ApiResponse> AdminApi::resource(const ApiRequest& request, const Segments& segments,
                                            std::string author) {
  const config::ResourceType* type = type_of(segments);
  if (segments[0] == "stream_routes" && !options_.stream_proxy) {
    co_return error_answer(400, "stream mode is disabled, can not add stream routes");
  }
  if (type == nullptr) co_return unsupported_type(segments[0]);
  Call call{.request = request,
            .target = target_of(*type, segments, request.path),
            .body = {},
            .ttl_s = {},
            .author = std::move(author)};
  if (Settled settled = parse(call)) co_return std::move(*settled);
  Answer running = resources_.run(std::move(call));
  ApiResponse response = co_await running;
  set_field(response, "X-API-VERSION", options_.v3 ? "v3" : "v2");
  co_return response;
}

// The body and the parameters that every method shares.
AdminApi::Settled AdminApi::parse(Call& call) const {
  const ApiRequest& request = call.request;
  if (request.body_too_large) return body_too_large(request.body_bytes);
  if (!request.body.empty()) {
    auto body = parse_body(request.body);
    if (!body) return std::move(body.error());
    call.body = std::move(*body);
  }
  std::string ttl;
  if (!request.argument("ttl", ttl)) return std::nullopt;
  std::optional<double> seconds = parse_double(trim(ttl));
  if (!seconds || *seconds < 1 || *seconds > kMaxTtlS) {
    return error_answer(400, "invalid argument ttl: should be a number");
  }
  call.ttl_s = static_cast<int64_t>(std::ceil(*seconds));
  return std::nullopt;
}

void AdminApi::finish(const ApiRequest& request, ApiResponse& response) const {
  set_field(response, "Server", options_.server_name);
  bool below = request.path == kAdminPath || is_below(request.path, kAdminPath);
  if (!options_.cors || !below || response.status == 403) return;
  set_field(response, "Access-Control-Allow-Origin", "*");
  set_field(response, "Access-Control-Allow-Credentials", "true");
  set_field(response, "Access-Control-Max-Age", "3600");
  if (request.method == "OPTIONS") return;
  set_field(response, "Access-Control-Expose-Headers", "*");
}

}  // namespace pylon::admin

#include "admin/standalone.h"

#include <fmt/format.h>

#include <utility>

#include "admin/answer.h"
#include "admin/body.h"
#include "admin/config_validation.h"
#include "base/yaml_text.h"

namespace pylon::admin {

using http::ApiRequest;
using http::ApiResponse;

namespace {

constexpr std::string_view kDigest = "X-Digest";
constexpr std::string_view kLastModified = "X-Last-Modified";

// The lists that a configuration has; each has a version of its own.
std::vector<std::string_view> list_names() {
  std::vector<std::string_view> names{"plugins"};
  for (const config::ResourceType& type : config::resource_types()) {
    if (type.parent.empty()) names.push_back(type.name);
  }
  return names;
}

std::string version_name(std::string_view list) { return fmt::format("{}_conf_version", list); }

// The fields that say which configuration is meant.
void describe(const Json& configuration, ApiResponse& response) {
  if (const Json* time = configuration.find(kLastModified)) {
    set_field(response, kLastModified, time->dump());
  }
  if (const Json* digest = configuration.find(kDigest)) {
    set_field(response, kDigest, digest->as_string());
  }
}

Json version_of(const Json& document, std::string_view list) {
  const Json* version = document.find(version_name(list));
  return version != nullptr ? *version : Json(0);
}

Json successor(const Json& version) {
  return version.is_integer() ? Json(version.as_int() + 1) : Json(version.as_double() + 1);
}

bool waits(const ApiRequest& request) {
  std::string value;
  return !request.argument("wait", value) || value != "none";
}

}  // namespace

Json Standalone::configuration() const {
  if (!parts_.store.configuration().is_null()) return parts_.store.configuration();
  Json empty = Json::object();
  for (std::string_view list : list_names()) empty[version_name(list)] = Json(0);
  return empty;
}

ApiResponse Standalone::get(const ApiRequest& request) const {
  Json held = configuration();
  ApiResponse response = json_answer(200, held);
  if (request.field("Accept").starts_with("application/yaml")) {
    response.body = to_yaml(held);
    set_field(response, "Content-Type", "application/yaml");
  }
  describe(held, response);
  return response;
}

ApiResponse Standalone::head() const {
  ApiResponse response = text_answer(200, "");
  describe(parts_.store.configuration(), response);
  return response;
}

async::Task<ApiResponse> Standalone::put(const ApiRequest& request) {
  std::string digest(request.field(kDigest));
  if (digest.empty()) co_return error_answer(400, "missing digest header");
  if (request.body.empty()) {
    co_return error_answer(400, "invalid request body: empty request body");
  }
  auto pushed = parse_document_body(request);
  if (!pushed) co_return std::move(pushed.error());
  // `null` is no wish to have nothing.
  if (!pushed->is_object()) {
    co_return error_answer(400, "invalid request body: it should be an object");
  }
  const Json* held = parts_.store.configuration().find(kDigest);
  if (held != nullptr && held->as_string() == digest) co_return ApiResponse{204, {}, ""};

  auto following = next(std::move(*pushed), digest);
  if (!following) co_return std::move(following.error());
  store::Outcome<int64_t> revision = parts_.store.push(std::move(*following));
  if (!revision) co_return store_failure(revision.error());
  if (waits(request)) {
    async::Task<void> waiting = parts_.node.applied(*revision);
    co_await waiting;
  }
  ApiResponse response = text_answer(202, "");
  describe(parts_.store.configuration(), response);
  co_return response;
}

tl::expected<Json, ApiResponse> Standalone::next(Json pushed, std::string_view digest) const {
  std::optional<std::string> fault = first_fault(pushed, parts_.catalogue);
  if (fault) return tl::unexpected(error_answer(400, *fault));
  const Json& held = parts_.store.configuration();
  Json following = Json::object();
  for (std::string_view list : list_names()) {
    Json before = version_of(held, list);
    const Json* version = pushed.find(version_name(list));
    if (version != nullptr && version->as_double() < before.as_double()) {
      return tl::unexpected(
          error_answer(400, fmt::format("{} must be greater than or equal to ({})",
                                        version_name(list), before.dump())));
    }
    bool same = version != nullptr && version->as_double() == before.as_double();
    following[version_name(list)] = version != nullptr ? *version : successor(before);
    const Json* items = same ? held.find(list) : pushed.find(list);
    bool listed = items == nullptr || items->is_array() || (items->is_object() && items->empty());
    if (!listed) {
      return tl::unexpected(error_answer(400, fmt::format("{} should be a list", list)));
    }
    if (items != nullptr && !items->empty()) following[list] = *items;
  }
  following[kLastModified] = Json(parts_.clock.wall_s());
  following[kDigest] = Json(digest);
  return following;
}

}  // namespace pylon::admin

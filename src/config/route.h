// Route: which requests, and what is done with them. Source: APISIX 3.18 schema_def.lua `route`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/common.h"
#include "config/upstream.h"

namespace pylon::config {

struct Route {
  std::string id;
  std::string name;
  Labels labels;
  std::vector<std::string> uris;          // never empty after parse_route: `uri` is moved in here
  std::vector<std::string> hosts;         // empty: any; `host` is moved in here
  std::vector<std::string> remote_addrs;  // empty: any; `remote_addr` is moved in here
  std::string uri, host, remote_addr;     // empty after parse_route
  int64_t priority = 0;
  MethodSet methods;
  std::unique_ptr<Timeout> timeout;
  Json vars;  // an expression as it is written, or null
  std::string filter_func;
  Plugins plugins;
  std::string plugin_config_id;
  std::unique_ptr<Upstream> upstream;
  std::string service_id;
  std::string upstream_id;
  std::optional<bool> enable_websocket;
  int status = 1;  // 0: switched off

  static constexpr std::string_view kStatus =
      R"({"description":"route status, 1 to enable, 0 to disable","type":"integer","enum":[1,0],)"
      R"("default":1})";
  static constexpr std::string_view kExclusive =
      R"({"allOf":[{"oneOf":[{"required":["uri"]},{"required":["uris"]}]},)"
      R"({"oneOf":[{"not":{"anyOf":[{"required":["host"]},{"required":["hosts"]}]}},)"
      R"({"required":["host"]},{"required":["hosts"]}]},)"
      R"({"oneOf":[{"not":{"anyOf":[{"required":["remote_addr"]},{"required":["remote_addrs"]}]}},)"
      R"({"required":["remote_addr"]},{"required":["remote_addrs"]}]}]})";
  static constexpr std::string_view kPurpose =
      R"({"anyOf":[{"required":["plugins","uri"]},{"required":["upstream","uri"]},)"
      R"({"required":["upstream_id","uri"]},{"required":["service_id","uri"]},)"
      R"({"required":["plugins","uris"]},{"required":["upstream","uris"]},)"
      R"({"required":["upstream_id","uris"]},{"required":["service_id","uris"]},)"
      R"({"required":["script","uri"]},{"required":["script","uris"]}],)"
      R"("not":{"anyOf":[{"required":["script","plugins"]},)"
      R"({"required":["script","plugin_config_id"]}]}})";

  static constexpr auto fields = std::tuple{
      id_field(&Route::id),
      name_field(&Route::name),
      kDescriptionField,
      labels_field(&Route::labels),
      kCreateTimeField,
      kUpdateTimeField,
      field("uri", &Route::uri, "Path, with * for the rest.").length(1, 4096),
      field("uris", &Route::uris, "Several paths.").min_items(1).unique(),
      field("priority", &Route::priority, "The higher is tried first."),
      field("methods", &Route::methods, "Request methods; none given: any."),
      field("host", &Route::host, "Host, * for a first label.").fragment(kHost),
      field("hosts", &Route::hosts, "Several hosts.")
          .items(each().fragment(kHost))
          .min_items(1)
          .unique(),
      field("remote_addr", &Route::remote_addr, "Client address or block.")
          .fragment(schema::kAddressOrBlock),
      field("remote_addrs", &Route::remote_addrs, "Several client addresses or blocks.")
          .items(each().fragment(schema::kAddressOrBlock))
          .min_items(1)
          .unique(),
      field("timeout", &Route::timeout, "Time limits towards a node; wins over the upstream's."),
      field("vars", &Route::vars, "Conditions on variables.").fragment(R"({"type":"array"})"),
      field("filter_func", &Route::filter_func, "Lua function that decides.")
          .min_length(10)
          .pattern("^function"),
      ignored("script", kScript, "Refused where plugins stand."),
      ignored("script_id", kId),
      plugins_field(&Route::plugins),
      field("plugin_config_id", &Route::plugin_config_id, "Plugins kept elsewhere.").fragment(kId),
      field("upstream", &Route::upstream, "Where to."),
      field("service_id", &Route::service_id, "The service it belongs to.").fragment(kId),
      field("upstream_id", &Route::upstream_id, "Where to, kept elsewhere.").fragment(kId),
      field("enable_websocket", &Route::enable_websocket, "Whether Upgrade opens a tunnel."),
      field("status", &Route::status, "1 on, 0 off.").fragment(kStatus)};
  static constexpr auto rules =
      std::tuple{schema::schema_fragment(kExclusive), schema::schema_fragment(kPurpose)};
  static constexpr bool closed = true;
};

// Validates, fills defaults, makes the lists. No look at plugins, vars and references.
Result<Route> parse_route(Json value);

}  // namespace pylon::config

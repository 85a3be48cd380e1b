// AdminApi: everything under /apisix/admin, as APISIX 3.18 answers it.
//
//   admin::AdminApi api({store, catalogue, node, clock}, std::move(options));
//   http::ApiHandler handler = [&](const http::ApiRequest& r) { return api.handle(r); };
//
// Control thread only. The order of what is checked: address, CORS preflight, path and method, key,
// resource type, body, parameters, then the resource's own rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/access.h"
#include "admin/history_api.h"
#include "admin/node.h"
#include "admin/resource_api.h"
#include "admin/standalone.h"
#include "http/api.h"

namespace pylon::admin {

struct AdminOptions {
  AccessRules access;
  bool cors = true;
  bool v3 = true;             // admin_api_version
  bool stream_proxy = false;  // proxy_mode has the stream side: stream_routes may be written
  std::string key_prefix = "/apisix";         // deployment.etcd.prefix
  std::string server_name = "APISIX/3.18.0";  // the Server field; clients read the version from it
};

class AdminApi {
 public:
  // `pushed`: the store, when it takes whole configurations only; else null.
  AdminApi(const ResourceApi::Parts& parts, AdminOptions options,
           store::PushedStore* pushed = nullptr);

  // The request must outlive the task.
  async::Task<http::ApiResponse> handle(const http::ApiRequest& request);

 private:
  using Answer = async::Task<http::ApiResponse>;
  using Segments = std::vector<std::string>;
  using Settled = std::optional<http::ApiResponse>;

  Answer route(const http::ApiRequest& request);
  Answer standalone(const http::ApiRequest& request);
  Answer validate(const http::ApiRequest& request);
  Answer of_history(const http::ApiRequest& request, std::string author);
  Settled special(const http::ApiRequest& request, const Segments& segments);
  Settled plugin_or_schema(const http::ApiRequest& request, const Segments& segments) const;
  Answer resource(const http::ApiRequest& request, const Segments& segments, std::string author);
  Settled parse(Call& call) const;
  void finish(const http::ApiRequest& request, http::ApiResponse& response) const;

  ResourceApi::Parts parts_;
  AdminOptions options_;
  Access access_;
  ResourceApi resources_;
  HistoryApi history_;
  std::optional<Standalone> standalone_;
};

}  // namespace pylon::admin

// ControlApi: /v1/..., the read-only view of what this node does; and the status API.
// Source: Admin API reference, sections 6 and 7. Without authentication: it listens on loopback.
#pragma once

#include "control/runtime_view.h"
#include "http/api.h"
#include "plugin/catalogue.h"

namespace pylon::control {

class ControlApi {
 public:
  ControlApi(RuntimeView& view, const plugin::Catalogue& catalogue)
      : view_(view), catalogue_(catalogue) {}

  http::ApiResponse answer(const http::ApiRequest& request) const;

 private:
  http::ApiResponse get(const http::ApiRequest& request) const;
  http::ApiResponse list(config::Kind kind) const;
  http::ApiResponse one(config::Kind kind, std::string_view id) const;
  http::ApiResponse metadata(std::string_view plugin) const;
  http::ApiResponse checker(const http::ApiRequest& request, std::string_view path) const;
  Json schemas() const;

  RuntimeView& view_;
  const plugin::Catalogue& catalogue_;
};

// GET /status and GET /status/ready.
http::ApiResponse answer_status(const http::ApiRequest& request, const RuntimeView& view);

}  // namespace pylon::control

// ControlApi: /v1/..., the read-only view of what this node does, and explains; and the status API.
// Source: Admin API reference, sections 6 and 7. Without authentication: it listens on loopback.
#pragma once

#include <string>

#include "async/task.h"
#include "control/health_page.h"
#include "control/runtime_view.h"
#include "http/api.h"
#include "plugin/catalogue.h"

namespace pylon::control {

class ControlApi {
 public:
  ControlApi(RuntimeView& view, const plugin::Catalogue& catalogue)
      : view_(view), catalogue_(catalogue) {}

  // The request must outlive the task.
  async::Task<http::ApiResponse> answer(const http::ApiRequest& request);

 private:
  using Answer = async::Task<http::ApiResponse>;

  Answer act(const http::ApiRequest& request);
  Answer get(const http::ApiRequest& request);
  Answer list(config::Kind kind);
  Answer one(config::Kind kind, std::string id);
  Answer explain(const http::ApiRequest& request);
  Answer metadatas();
  Answer metadata(std::string plugin);
  Answer checkers(const http::ApiRequest& request);
  Answer checker(const http::ApiRequest& request, std::string path);
  Checker checker_of(const RuntimeItem& item, const Json& checks) const;
  Json config_status() const;
  Json schemas() const;

  RuntimeView& view_;
  const plugin::Catalogue& catalogue_;
};

// GET /status and GET /status/ready.
http::ApiResponse answer_status(const http::ApiRequest& request, const RuntimeView& view);

}  // namespace pylon::control

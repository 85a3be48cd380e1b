// Standalone: the Admin API of a node whose configuration is pushed as a whole.
//
//   GET, HEAD  /apisix/admin/configs             what is in force, with X-Digest, X-Last-Modified
//   PUT        /apisix/admin/configs             the next one, checked item by item first
//   POST       /apisix/admin/configs/validate    as elsewhere
//
// A list whose <type>_conf_version is the one in force is ignored in favour of what is held; a
// lower one is refused. Source: the shared reference of the Admin API, section 5.
#pragma once

#include <string_view>

#include "admin/node.h"
#include "async/task.h"
#include "base/clock.h"
#include "http/api.h"
#include "plugin/catalogue.h"
#include "store/file/pushed_store.h"

namespace pylon::admin {

class Standalone {
 public:
  struct Parts {
    store::PushedStore& store;
    const plugin::Catalogue& catalogue;
    Node& node;
    const Clock& clock;
  };
  explicit Standalone(const Parts& parts) : parts_(parts) {}

  http::ApiResponse get(const http::ApiRequest& request) const;
  http::ApiResponse head() const;
  // Answers when the workers serve it (`?wait=none` does not wait).
  async::Task<http::ApiResponse> put(const http::ApiRequest& request);

 private:
  // What is in force; before the first push, every version 0.
  Json configuration() const;
  // The next configuration, or the answer that refuses it.
  tl::expected<Json, http::ApiResponse> next(Json pushed, std::string_view digest) const;

  Parts parts_;
};

}  // namespace pylon::admin

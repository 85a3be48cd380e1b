// RuntimeView: what is in force on this node, for the Control API and the status API to show.
// The gateway implements it over its newest snapshot. Control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "config/resource.h"

namespace pylon::control {

// A resource as the workers use it: defaults filled in, nodes as a list.
struct RuntimeItem {
  std::string key;  // "/apisix/routes/1"
  Json value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  bool has_domain = false;  // a node is named by a domain
};

struct NodeHealth {
  std::string ip;
  uint16_t port = 0;
  std::string hostname;
  std::string status;  // healthy, mostly_healthy, mostly_unhealthy, unhealthy
  uint64_t success = 0;
  uint64_t http_failure = 0;
  uint64_t tcp_failure = 0;
  uint64_t timeout_failure = 0;
};

// The health checks of a resource that has some.
struct Checker {
  std::string name;  // the resource's key
  std::string type;  // http, https, tcp
  std::vector<NodeHealth> nodes;
};

class RuntimeView {
 public:
  virtual ~RuntimeView() = default;

  virtual std::vector<RuntimeItem> items(config::Kind kind) const = 0;
  virtual std::optional<RuntimeItem> item(config::Kind kind, std::string_view id) const = 0;

  // Of all routes, stream routes, services and upstreams; and of one that exists.
  virtual std::vector<Checker> checkers() const = 0;
  virtual std::optional<Checker> checker(config::Kind kind, std::string_view id) const = 0;

  // Why this node should get no traffic yet; nothing when it may.
  virtual std::optional<std::string> not_ready() const = 0;

  virtual void reload_plugins() = 0;
};

}  // namespace pylon::control

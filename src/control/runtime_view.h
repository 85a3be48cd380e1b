// RuntimeView: what is in force on this node, for the Control API and the status API to show.
// The gateway implements it over its configuration. Control thread only; tasks resume on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/json.h"
#include "base/result.h"
#include "config/resource.h"
#include "snapshot/builder.h"

namespace pylon::control {

// A resource as the workers use it: defaults filled in, nodes as a list.
struct RuntimeItem {
  std::string key;  // "/apisix/routes/1"
  Json value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  bool has_domain = false;  // a node is named by a domain
  // Why this version is not served, but the one before, if there is one; empty: it is served.
  std::string fault = {};
};

// What the source of the configuration says and could not be read: a file, a list.
struct SourceFault {
  std::string source;  // "conf/apisix.yaml"
  std::string reason;
};

// All objects of one type, as they are stored and this node has taken them over. Nodes with the
// same digests have the same configuration.
struct TypeState {
  config::Kind kind;
  size_t objects = 0;
  uint64_t digest = 0;
  int64_t revision = 0;  // of the last change
};

// A secret of a secret manager that something refers to.
struct SecretState {
  std::string name;    // "vault/1/jack"
  bool known = false;  // a value is in force
  std::string fault;   // why it could not be fetched last; empty: it was, or is being fetched
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

class RuntimeView {
 public:
  virtual ~RuntimeView() = default;

  // Goes through all items of a kind in the order of their keys, a millisecond's work at a time.
  class Pages {
   public:
    virtual ~Pages() = default;
    virtual async::Task<Result<std::vector<RuntimeItem>>> next() = 0;  // none: that were all
  };

  // The configuration is read where it is stored: an error says why that is not possible.
  virtual std::unique_ptr<Pages> pages(config::Kind kind) = 0;
  virtual async::Task<Result<std::optional<RuntimeItem>>> item(config::Kind kind,
                                                               std::string id) = 0;
  // The routes, stream routes, services and upstreams that have health checks.
  virtual async::Task<Result<std::vector<RuntimeItem>>> checked_items() = 0;

  // What the checks of that resource ("/apisix/upstreams/1") have found.
  virtual std::vector<NodeHealth> health(std::string_view key) const = 0;

  // How far the stored configuration has been taken over, and what of it could not be.
  virtual int64_t revision() const = 0;
  virtual std::vector<snapshot::Quarantined> quarantined() const = 0;
  virtual std::vector<SourceFault> source_faults() const { return {}; }
  virtual std::vector<SecretState> secrets() const { return {}; }

  // How many workers there are, and how many of them serve a configuration.
  struct Workers {
    size_t all = 0;
    size_t serving = 0;
  };
  virtual Workers workers() const = 0;

  virtual std::vector<TypeState> types() const { return {}; }
  // Why what is served may be old: the store cannot be reached.
  virtual std::optional<std::string> out_of_touch() const { return std::nullopt; }

  // Why this node should get no traffic yet; nothing when it may.
  virtual std::optional<std::string> not_ready() const = 0;

  virtual void reload_plugins() = 0;

  // What would become of the request that is described; the error says what is wrong with that.
  virtual async::Task<Result<Json>> explain(Json question) = 0;
};

}  // namespace pylon::control

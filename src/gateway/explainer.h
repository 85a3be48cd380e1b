// Explainer: what would become of a request, and why: POST /v1/explain of the Control API.
//
// Asks the code that serves requests (intake, router, plugin chains, auth plugins, balancer) about
// a request that nobody sent, on the newest snapshot. Nothing is sent, counted or remembered.
// Control thread.
#pragma once

#include <cstddef>
#include <string>

#include "async/task.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "plugin/worker.h"
#include "proxy/options.h"
#include "snapshot/builder.h"
#include "store/store.h"

namespace pylon::gateway {

class Explainer {
 public:
  struct Parts {
    store::Store& store;
    const snapshot::Builder& builder;
    const proxy::Options& proxy;
    const Clock& clock;
    observe::MetricShard& metrics;  // lent to auth plugins
  };
  explicit Explainer(Parts parts) : parts_(parts) {}

  // `question`: {method, uri, host, headers, remote_addr, body, https, server_port}; all but uri
  // may be absent. Error: which of them is wrong.
  async::Task<Result<Json>> explain(Json question) const;

 private:
  struct Case;  // one question

  static constexpr size_t kMaxTrials = 1000;
  static constexpr size_t kMaxListed = 100;  // routes that are told, of each sort

  void search(Case& question) const;
  void add_not_reached(Case& question) const;
  async::Task<void> add_reasons(Case& question) const;
  async::Task<Json> stored_route(const std::string& id) const;
  void run_auth(Case& question) const;
  void list_plugins(Case& question) const;
  void pick_node(Case& question) const;

  Parts parts_;
};

}  // namespace pylon::gateway

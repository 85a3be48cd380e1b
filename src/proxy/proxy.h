// Proxy: the request's way through the gateway, in the words of the documentation. One per worker.
//
//   take in (normalise, host, client) -> match route -> rewrite: global, route -> consumer merge
//     -> rewrite: consumer -> access: global, route -> forward -> log
//
// Forwarding, with before_proxy, header_filter and body_filter, is proxy/forwarder.h.
#pragma once

#include <atomic>
#include <cstdint>

#include "http/server.h"
#include "plugin/access_log.h"
#include "plugin/consumer_merge.h"
#include "plugin/worker.h"
#include "proxy/forward_proxy.h"
#include "proxy/forwarder.h"
#include "proxy/options.h"
#include "snapshot/snapshot.h"
#include "snapshot/versions.h"

namespace pylon::proxy {

class Proxy final : public http::Service {
 public:
  struct Parts {
    net::Loop& loop;
    snapshot::Seat& seat;
    plugin::Worker& worker;
    Forwarder& forwarder;
    ForwardProxy& forward_proxy;
    plugin::AccessLog* access_log;  // null: off
    const Options& options;
    const std::atomic<bool>& debug;  // basic debug mode: tell which plugins ran
  };

  explicit Proxy(const Parts& parts) : parts_(parts) {}

  async::Task<void> serve(http::Exchange& exchange) override;
  bool draining() const override { return draining_; }
  void drain() { draining_ = true; }
  uint64_t requests() const { return requests_; }

 private:
  // One request on its way.
  struct Visit {
    snapshot::Pin pin;
    const snapshot::Route* route = nullptr;  // null: none matched
    Plugins plugins;
    plugin::ConsumerMerge::Lease merged;
    const upstream::Upstream* upstream = nullptr;
    bool client_left = false;  // nobody is there to be answered
    bool grpc = false;         // errors are told as grpc-status
    bool late = false;         // the client's grpc-timeout has passed
  };
  // What the plugins' phases are run in; the consumer's plugins are merged before the third.
  struct Stage {
    plugin::ActiveChain Plugins::*chain;
    plugin::Phase phase;
    bool merges_consumer = false;
  };
  static const Stage kStages[];

  void begin(http::Exchange& exchange, Visit& visit);
  plugin::Verdict admit(http::Exchange& exchange, const Visit& visit);
  bool match(http::Exchange& exchange, Visit& visit);
  async::Task<plugin::Verdict> know_body(http::Exchange& exchange, Visit& visit);
  async::Task<plugin::Verdict> match_with_body(http::Exchange& exchange, Visit& visit);
  bool merge_consumer(http::Exchange& exchange, Visit& visit, plugin::Verdict& verdict);
  static plugin::Verdict choose_upstream(const http::Exchange& exchange, Visit& visit);
  void answer(http::Exchange& exchange, Visit& visit, const plugin::Verdict& verdict);
  void finish(http::Exchange& exchange, Visit& visit);

  Parts parts_;
  plugin::ConsumerMerge merges_;
  uint64_t requests_ = 0;
  bool draining_ = false;
};

}  // namespace pylon::proxy

// Forwarder: gets an answer for an exchange from its upstream. One per worker.
//
//   pick a node -> before_proxy -> a connection to it -> head and body out, answer in
//     -> header_filter -> body_filter -> client
//
// and again with another node where the retry table allows it (upstream/retry.h). The coroutines
// only wait; what is done between two waits stands in plain functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "async/task.h"
#include "http/exchange.h"
#include "net/loop.h"
#include "plugin/chain.h"
#include "proxy/options.h"
#include "proxy/relay.h"
#include "snapshot/versions.h"
#include "upstream/balancer.h"
#include "upstream/http2_pool.h"
#include "upstream/pool.h"
#include "upstream/retry.h"
#include "upstream/upstream.h"

namespace pylon::proxy {

// The plugins at work for one exchange.
struct Plugins {
  plugin::ActiveChain global;
  plugin::ActiveChain route;
  plugin::Trace* trace = nullptr;  // of the basic debug mode; null: it is off

  bool idle() const { return global.idle() && route.idle(); }
  bool has(plugin::Phase phase) const { return global.has(phase) || route.has(phase); }
  void header_filter(http::Exchange& exchange) const {
    global.header_filter(exchange);
    route.header_filter(exchange);
    if (trace != nullptr) [[unlikely]]
      tell_trace(exchange);
  }
  http::Body& body_filter(http::Exchange& exchange, http::Body& source) const {
    return route.body_filter(exchange, global.body_filter(exchange, source));
  }

 private:
  void tell_trace(http::Exchange& exchange) const;  // as the field Apisix-Plugins
};

// What to do for one exchange; lives in the frame of whoever forwards it.
struct Errand {
  http::Exchange& exchange;
  const upstream::Upstream& upstream;
  upstream::Timeouts timeouts;
  Plugins& plugins;
  bool websocket = false;                    // an upgrade may become a tunnel
  snapshot::Pin* pin = nullptr;              // given up by a tunnel, which outlives configurations
  int64_t deadline_us = net::Timer::kNever;  // of all attempts: the client's grpc-timeout
  bool late = false;                         // it has passed
  bool grpc = false;                         // the client understands grpc-status
  http::Fields kept{exchange.arena};         // set by plugins before there was an answer
  plugin::Verdict verdict = {};              // of before_proxy, when it ended the request
};

class Forwarder {
 public:
  Forwarder(net::Loop& loop, upstream::Pool& pool, upstream::Http2Pool& http2,
            upstream::Balancer& balancer, const Options& settings)
      : loop_(loop), pool_(pool), http2_(http2), balancer_(balancer), settings_(settings) {}

  // 0: answered, or the client is gone. Else the status that the gateway has to answer itself;
  // errand.verdict tells the body when a plugin decided so.
  async::Task<int> forward(Errand& errand);

 private:
  enum class Outcome : uint8_t {
    answered,  // or the client is gone: nothing more to do
    refused,   // trial.status is to be answered, and no other node tried
    failed,    // trial.failure tells the retry table how
  };
  enum class Step : uint8_t { wait, ready, ended };

  // For a node that answers.
  struct Search {
    upstream::Tried tried;
    uint32_t retries = 0;                      // nodes tried beside the first
    int64_t deadline_us = net::Timer::kNever;  // no other node is tried after it
    int status = 0;                            // what came of it, as of forward()
  };

  // One node, tried once, or twice when its pooled connection turns out to be stale.
  struct Trial {
    upstream::Pick pick;
    upstream::SideLease connection;
    upstream::FailedAttempt failure;
    http::Attempt* trace = nullptr;  // in exchange.upstream.attempts
    int64_t progress_us = 0;         // when octets moved last
    int64_t rtt_us = -1;             // until the head of the answer; -1: none came
    int status = 0;                  // for Outcome::refused
    int interims = 0;                // 1xx answers so far
    size_t interim_octets = 0;
    bool upgrade = false;
    bool yields = false;  // more could be moved at once, but others have their turn first
    Outcome outcome = Outcome::answered;  // when a step ended the trial
  };

  static int refuse_scheme(const Errand& errand);
  int prepare(Errand& errand, Search& search) const;
  bool choose_node(Errand& errand, Search& search, Trial& trial);
  bool try_again(Errand& errand, Search& search, Trial& trial);
  [[gnu::cold]] bool try_next(Errand& errand, Search& search, Trial& trial);
  [[gnu::cold]] static void forget_answer(Errand& errand);
  static async::Task<plugin::Verdict> before_proxy(Errand& errand);
  async::Task<Step> wait_connected(Errand& errand, Trial& trial);

  static bool choose_session(const Errand& errand, const upstream::Endpoint& endpoint,
                             upstream::Session& session);
  bool begin(Errand& errand, Trial& trial);
  http::UpstreamSide* connect(Errand& errand, Trial& trial);
  Step send_request(Errand& errand, Trial& trial, RequestPump& request);
  Step await_head(Errand& errand, Trial& trial, RequestPump& request);
  Step take_head(Errand& errand, Trial& trial);
  [[gnu::cold]] Step take_interim(Errand& errand, Trial& trial);
  static bool held_by_client(const Errand& errand);
  http::Body& begin_answer(Errand& errand, Trial& trial);
  Step relay(Errand& errand, Trial& trial, RequestPump& request, AnswerPump& answer);
  Step pump_request(Errand& errand, Trial& trial, RequestPump& request);
  [[gnu::cold]] Step head_timeout(Errand& errand, Trial& trial, const RequestPump& request);
  [[gnu::cold]] Step answer_timeout(Errand& errand, Trial& trial);
  [[gnu::cold]] Step slow_client(Errand& errand, Trial& trial);
  Step finish(Errand& errand, Trial& trial);

  Step end(Trial& trial, Outcome outcome);
  [[gnu::cold]] Step refuse(Trial& trial, int status);
  [[gnu::cold]] Step fail(Errand& errand, Trial& trial, const RequestPump* request,
                          upstream::Failure failure, const char* reason);
  [[gnu::cold]] Step lose_client(Errand& errand, Trial& trial);
  bool too_late(const Errand& errand) const { return loop_.now_us() >= errand.deadline_us; }
  [[gnu::cold]] Step refuse_late(Errand& errand, Trial& trial);
  [[gnu::cold]] Step end_late(Errand& errand, Trial& trial);
  [[gnu::cold]] Step cut_short(Errand& errand, Trial& trial, int status, const char* reason);

  int64_t head_deadline_us(const Errand& errand, const Trial& trial,
                           const RequestPump& request) const;
  int64_t answer_deadline_us(const Errand& errand, const Trial& trial) const;
  void note_attempt(Errand& errand, Trial& trial);
  void end_attempt(Errand& errand, Trial& trial);

  net::Loop& loop_;
  upstream::Pool& pool_;
  upstream::Http2Pool& http2_;
  upstream::Balancer& balancer_;
  const Options& settings_;
};

}  // namespace pylon::proxy

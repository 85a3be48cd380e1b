#include "proxy/proxy.h"

#include <span>
#include <utility>

#include "observe/log.h"
#include "proxy/client_trust.h"
#include "proxy/grpc.h"
#include "proxy/intake.h"
#include "proxy/pages.h"
#include "proxy/upstream_status.h"

namespace pylon::proxy {

using http::Exchange;
using plugin::ActiveChain;
using plugin::Phase;
using plugin::Verdict;

const Proxy::Stage Proxy::kStages[] = {
    {&Plugins::global, Phase::rewrite},      {&Plugins::route, Phase::rewrite},
    {&Plugins::route, Phase::rewrite, true},  // what the consumer adds
    {&Plugins::global, Phase::access},       {&Plugins::route, Phase::access},
};

// The plugins of the route that are still to run are foreseen, as the field leaves before them;
// those of global rules go to the error log. As APISIX has it.
void Plugins::tell_trace(Exchange& exchange) const {
  global.note(Phase::header_filter, exchange, *trace);
  route.note(Phase::header_filter, exchange, *trace);
  plugin::Trace later(exchange.arena);
  for (Phase phase : {Phase::body_filter, Phase::log}) {
    route.note(phase, exchange, *trace);
    if (global.has(phase)) global.note(phase, exchange, later);
  }
  bool any = global.has(Phase::body_filter) || global.has(Phase::log);
  if (any) observe::log(observe::Level::warn, "Apisix-Plugins: {}", later.text());
  exchange.response.fields.set("Apisix-Plugins", trace->text());
}

async::Task<void> Proxy::serve(Exchange& exchange) {
  Visit visit;
  begin(exchange, visit);
  Verdict verdict = admit(exchange, visit);
  if (verdict.proceeds() && !match(exchange, visit)) {
    verdict = co_await match_with_body(exchange, visit);
  }
  if (verdict.proceeds() && visit.route != nullptr) verdict = {visit.route->refusal, {}};
  for (const Stage& stage : visit.plugins.idle() ? std::span<const Stage>() : kStages) {
    if (stage.merges_consumer && !merge_consumer(exchange, visit, verdict)) continue;
    ActiveChain& chain = visit.plugins.*stage.chain;
    if (verdict.proceeds() && chain.looks_at_body(stage.phase)) [[unlikely]] {
      verdict = co_await know_body(exchange, visit);
    }
    if (!verdict.proceeds() || !chain.has(stage.phase)) continue;
    if (chain.is_async(stage.phase) || visit.plugins.trace != nullptr) {
      verdict = co_await chain.run_async(stage.phase, exchange, visit.plugins.trace);
    } else {
      verdict = chain.run(stage.phase, exchange);
    }
  }
  if (verdict.proceeds()) verdict = choose_upstream(exchange, visit);
  if (verdict.proceeds() && exchange.forward_policy != nullptr) [[unlikely]] {
    verdict = co_await parts_.forward_proxy.serve(exchange, visit.plugins, visit.pin);
  } else if (verdict.proceeds()) {
    Errand errand{exchange,
                  *visit.upstream,
                  visit.route->timeouts.value_or(visit.upstream->timeouts),
                  visit.plugins,
                  visit.route->websocket,
                  &visit.pin};
    errand.grpc = visit.grpc;
    int status = co_await parts_.forwarder.forward(errand);
    verdict = {status, errand.verdict.body()};
    visit.late = errand.late;
  }
  if (!verdict.proceeds() && !visit.client_left) {
    // What follows was meant for the other end of a tunnel.
    bool refused = exchange.request.method == http::Method::connect;
    if (refused) exchange.downstream->close_after_answer();
    answer(exchange, visit, verdict);
  }
  finish(exchange, visit);
}

Verdict Proxy::admit(Exchange& exchange, const Visit& visit) {
  int status = exchange.refusal;
  if (status == 0) status = take_in(exchange, parts_.options);
  if (status == 0 && exchange.tls != nullptr) {
    status = check_client_trust(exchange, visit.pin.snapshot().certificates, parts_.options);
  }
  if (status == 0) return plugin::proceed();
  observe::log(observe::Level::info, "client {}: {}", exchange.client.text,
               exchange.refusal_reason);
  return plugin::finish(status);
}

// Somebody looks at the body. To conditions and plugins it is absent when it is too long.
async::Task<Verdict> Proxy::know_body(Exchange& exchange, Visit& visit) {
  int64_t limit = parts_.options.known_body_bytes;
  bool known = std::exchange(exchange.body_known, true);
  if (known || !exchange.has_body || exchange.request.content_length > limit) {
    co_return plugin::proceed();
  }
  http::BodyRead read = co_await exchange.downstream->buffer_body(limit, exchange.body);
  if (read == http::BodyRead::too_large) co_return plugin::finish(413);
  if (read == http::BodyRead::failed) {
    int failure = exchange.downstream->body_failure();
    if (failure != 0) co_return plugin::finish(failure);
    exchange.downstream->abort();
    visit.client_left = true;
    co_return plugin::finish(499);
  }
  exchange.request.content_length = static_cast<int64_t>(exchange.body.size());
  co_return plugin::proceed();
}

async::Task<Verdict> Proxy::match_with_body(Exchange& exchange, Visit& visit) {
  Verdict verdict = co_await know_body(exchange, visit);
  if (verdict.proceeds()) (void)match(exchange, visit);
  co_return verdict;
}

Verdict Proxy::choose_upstream(const Exchange& exchange, Visit& visit) {
  if (exchange.forward_policy != nullptr) return plugin::proceed();
  if (exchange.request.method == http::Method::connect) return plugin::finish(405);
  if (visit.route == nullptr) {
    if (exchange.request.uri == "*") return plugin::finish(200);  // OPTIONS *: about the gateway
    return plugin::finish(404, route_not_found_body());
  }
  const snapshot::Snapshot& snapshot = visit.pin.snapshot();
  if (exchange.chosen_upstream != http::kNoUpstream) {
    visit.upstream = snapshot.upstream_at(exchange.chosen_upstream);
    return visit.upstream != nullptr ? plugin::proceed() : plugin::finish(502);
  }
  visit.upstream = snapshot.upstream_of(*visit.route);
  if (visit.upstream == nullptr) return plugin::finish(visit.route->failure_status);
  return plugin::proceed();
}

void Proxy::begin(Exchange& exchange, Visit& visit) {
  requests_++;
  visit.pin = parts_.seat.pin();
  const snapshot::Snapshot& snapshot = visit.pin.snapshot();
  visit.grpc = is_grpc(exchange.request);
  exchange.worker = &parts_.worker;
  exchange.credentials = &snapshot.credentials;
  exchange.metadata = snapshot.metadata.get();
  visit.plugins.global = ActiveChain(snapshot.global_rules->chain(), exchange);
  if (parts_.debug.load(std::memory_order_relaxed)) [[unlikely]] {
    visit.plugins.trace = exchange.arena.make<plugin::Trace>(exchange.arena);
  }
}

// False when the body has to be known first.
bool Proxy::match(Exchange& exchange, Visit& visit) {
  const snapshot::Snapshot& snapshot = visit.pin.snapshot();
  router::Match match = router::match(snapshot.rules, exchange);
  if (match.state == router::Match::State::needs_body && !exchange.body_known) return false;
  if (!match) return true;
  const snapshot::Route* route = &snapshot.route_at(match.target);
  visit.route = route;
  exchange.route = exchange.arena.make<http::RouteLabels>(
      http::RouteLabels{route->id, route->name, route->service_id, route->service_name,
                        match.pattern, match.host, route->slot_id->id().index});
  visit.plugins.route = ActiveChain(route->chain->chain(), exchange);
  visit.plugins.global.hide(route->chain->chain().prefer_bits());
  return true;
}

// Puts the plugins of consumer and group over the route's. False: there are none, or `verdict`
// refuses.
bool Proxy::merge_consumer(Exchange& exchange, Visit& visit, Verdict& verdict) {
  if (!verdict.proceeds() || exchange.consumer.name.empty()) return false;
  const plugin::PluginSet* group = nullptr;
  if (!exchange.consumer.group_id.empty()) {
    const auto* found = visit.pin.snapshot().consumer_groups.find(exchange.consumer.group_id);
    if (found == nullptr) {
      verdict = plugin::finish(503);
      return false;
    }
    group = found->get();
  }
  if (group == nullptr && exchange.consumer.plugins == nullptr) return false;
  static const plugin::Chain kNothing;
  const plugin::Chain& route = visit.route != nullptr ? visit.route->chain->chain() : kNothing;
  visit.merged = merges_.chain_of(route, group, exchange.consumer.plugins);
  visit.plugins.route.adopt(visit.merged.chain(), exchange);
  return true;
}

namespace {

// Of a body that nobody wants, what has come is dropped: when that is all of it, the connection
// goes on behind the answer.
void drop_body(http::Downstream& client) {
  constexpr int kReads = 4;
  for (int reads = 0; reads < kReads && !client.body_complete(); reads++) {
    if (client.request_body().pull().state != http::Pull::data) return;
  }
}

}  // namespace

// The gateway's own answer, through the filters like any other.
void Proxy::answer(Exchange& exchange, Visit& visit, const Verdict& verdict) {
  int status = verdict.status();
  std::string_view body = verdict.body();
  http::Response& response = exchange.response;
  response.status = status;
  response.reason = {};
  response.fields.set(http::FieldId::server, parts_.options.server_field);
  bool told = parts_.options.show_upstream_status || status >= 500;
  if (told && exchange.upstream.count > 0) tell_upstream_status(exchange);
  bool page = body.data() == nullptr && status >= 400;
  if (page) body = error_page(status);
  if (!response.fields.has(http::FieldId::content_type) && !body.empty()) {
    response.fields.add(http::FieldId::content_type,
                        page ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
  }
  response.content_length = static_cast<int64_t>(body.size());
  if (exchange.has_body) drop_body(*exchange.downstream);
  visit.plugins.header_filter(exchange);
  if (response.status >= 400 && visit.grpc) {
    answer_as_grpc(exchange, page ? std::string_view{} : body, visit.late);
    exchange.downstream->start_response(-1);
    (void)exchange.downstream->push({}, true);
    return;
  }
  http::TextBody text(body);
  http::Body& source = visit.plugins.body_filter(exchange, text);
  http::Downstream& client = *exchange.downstream;
  client.start_response(response.content_length);
  for (;;) {
    http::Chunk chunk = source.pull();
    if (chunk.state == http::Pull::error || chunk.state == http::Pull::again) {
      client.abort();
      return;
    }
    bool end = chunk.state == http::Pull::end;
    if (client.push(chunk.octets, end) == http::Push::error || end) return;
  }
}

void Proxy::finish(Exchange& exchange, Visit& visit) {
  exchange.end_us = parts_.loop.now_us();
  if (exchange.client_aborted && exchange.response.status == 0) exchange.response.status = 499;
  visit.plugins.global.log(exchange);
  visit.plugins.route.log(exchange);
  if (parts_.access_log != nullptr) parts_.access_log->write(exchange);
}

}  // namespace pylon::proxy

#include "proxy/proxy.h"

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
  int status = exchange.refusal;
  std::string_view body;
  if (status == 0) status = take_in(exchange, parts_.options);
  if (status == 0 && exchange.tls != nullptr) {
    status = check_client_trust(exchange, visit.pin.snapshot().certificates, parts_.options);
  }
  if (status == 0) {
    status = co_await handle(exchange, visit, body);
  } else {
    observe::log(observe::Level::info, "client {}: {}", exchange.client.text,
                 exchange.refusal_reason);
  }
  if (status != 0) answer(exchange, visit, status, body);
  finish(exchange, visit);
}

// 0: answered. Else the status to answer, with `body` or the usual page.
async::Task<int> Proxy::handle(Exchange& exchange, Visit& visit, std::string_view& body) {
  if (!match(exchange, visit)) {  // a condition looks at the body
    exchange.body_known = true;   // to condition and plugin alike it is absent when it is too long
    if (exchange.request.content_length <= parts_.options.known_body_bytes) {
      http::BodyRead read =
          co_await exchange.downstream->buffer_body(parts_.options.known_body_bytes, exchange.body);
      if (read == http::BodyRead::too_large) co_return 413;
      if (read == http::BodyRead::failed) {
        int failure = exchange.downstream->body_failure();
        if (failure == 0) exchange.downstream->abort();
        co_return failure;
      }
      exchange.request.content_length = static_cast<int64_t>(exchange.body.size());
    }
    (void)match(exchange, visit);
  }
  if (visit.route != nullptr && visit.route->refusal != 0) {
    co_return visit.route->refusal;
  }
  for (const Stage& stage : kStages) {
    if (stage.merges_consumer) {
      if (exchange.consumer.name.empty()) continue;
      if (int refused = merge_consumer(exchange, visit); refused != 0) co_return refused;
      if (!visit.merged) continue;
    }
    ActiveChain& chain = visit.plugins.*stage.chain;
    if (!chain.has(stage.phase)) continue;
    Verdict verdict;
    if (visit.plugins.trace != nullptr) [[unlikely]] {
      verdict = co_await chain.run_traced(stage.phase, exchange, *visit.plugins.trace);
    } else if (chain.is_async(stage.phase)) {
      verdict = co_await chain.run_async(stage.phase, exchange);
    } else {
      verdict = chain.run(stage.phase, exchange);
    }
    if (verdict.proceeds()) continue;
    body = verdict.body();
    co_return verdict.status();
  }
  if (visit.route == nullptr) {
    if (exchange.request.uri == "*") co_return 200;  // OPTIONS *: about the gateway itself
    body = route_not_found_body();
    co_return 404;
  }
  const upstream::Upstream* upstream = visit.pin.snapshot().upstream_of(*visit.route);
  if (upstream == nullptr) co_return visit.route->failure_status;
  Errand errand{exchange,
                *upstream,
                visit.route->timeouts.value_or(upstream->timeouts),
                visit.plugins,
                visit.route->websocket,
                &visit.pin};
  int status = co_await parts_.forwarder.forward(errand);
  body = errand.verdict.body();
  co_return status;
}

void Proxy::begin(Exchange& exchange, Visit& visit) {
  requests_++;
  visit.pin = parts_.seat.pin();
  const snapshot::Snapshot& snapshot = visit.pin.snapshot();
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

// Puts the plugins of consumer and group over the route's. 0, or the status to refuse with.
int Proxy::merge_consumer(Exchange& exchange, Visit& visit) {
  const plugin::PluginSet* group = nullptr;
  if (!exchange.consumer.group_id.empty()) {
    const auto* found = visit.pin.snapshot().consumer_groups.find(exchange.consumer.group_id);
    if (found == nullptr) return 503;
    group = found->get();
  }
  if (group == nullptr && exchange.consumer.plugins == nullptr) return 0;
  static const plugin::Chain kNothing;
  const plugin::Chain& route = visit.route != nullptr ? visit.route->chain->chain() : kNothing;
  visit.merged = merges_.chain_of(route, group, exchange.consumer.plugins);
  visit.plugins.route.adopt(visit.merged.chain(), exchange);
  return 0;
}

// The gateway's own answer, through the filters like any other.
void Proxy::answer(Exchange& exchange, Visit& visit, int status, std::string_view body) {
  http::Response& response = exchange.response;
  if (response.from_upstream) response.fields.clear();
  response.from_upstream = false;
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
  visit.plugins.header_filter(exchange);
  if (response.status >= 400 && is_grpc(exchange.request)) {
    answer_as_grpc(exchange, page ? std::string_view{} : body);
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

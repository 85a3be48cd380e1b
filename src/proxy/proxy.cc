#include "proxy/proxy.h"

#include "config/credential_index.h"
#include "observe/log.h"
#include "proxy/intake.h"
#include "proxy/pages.h"

namespace pylon::proxy {

using http::Exchange;
using plugin::ActiveChain;
using plugin::Phase;
using plugin::Verdict;

async::Task<void> Proxy::serve(Exchange& exchange) {
  Visit visit;
  begin(exchange, visit);
  uint16_t refused = exchange.refusal;
  if (refused == 0) refused = take_in(exchange, parts_.options);
  if (refused != 0) {
    observe::log(observe::Level::info, "client {}: {}", exchange.client.text,
                 exchange.refusal_reason);
    answer(exchange, visit, refused, {});
  } else {
    co_await handle(exchange, visit);
  }
  finish(exchange, visit);
}

async::Task<void> Proxy::handle(Exchange& exchange, Visit& visit) {
  if (visit.pin.snapshot().needs_body(exchange)) co_await learn_body(exchange);
  match(exchange, visit);
  for (ActiveChain* chain : {&visit.plugins.global, &visit.plugins.route}) {
    bool any = chain->has(Phase::rewrite) || chain->has(Phase::access);
    if (!any) continue;
    visit.verdict = co_await run_plugins(exchange, visit);
    break;
  }
  if (!visit.verdict.proceeds()) {
    answer(exchange, visit, visit.verdict.status(), visit.verdict.body());
    co_return;
  }
  if (visit.route == nullptr) {
    answer(exchange, visit, 404, route_not_found_body());
    co_return;
  }
  if (visit.route->upstream() == nullptr) {
    answer(exchange, visit, visit.route->failure_status(), {});
    co_return;
  }
  Errand errand{exchange,
                *visit.route->upstream(),
                visit.route->timeouts(),
                visit.plugins,
                visit.route->websocket(),
                &visit.pin};
  int status = co_await parts_.forwarder.forward(errand);
  if (status != 0) answer(exchange, visit, status, errand.verdict.body());
}

}  // namespace pylon::proxy

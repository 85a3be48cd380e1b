#include "proxy/forwarder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "expr/variable.h"
#include "observe/log.h"
#include "proxy/grpc.h"
#include "proxy/tunnel.h"
#include "proxy/upstream_head.h"
#include "proxy/upstream_status.h"
#include "snapshot/snapshot.h"

namespace pylon::proxy {

using http::Exchange;
using http::Pull;
using http::ReadHead;
using net::Wake;
using upstream::Failure;
using upstream::Progress;
using upstream::Retry;

namespace {

constexpr size_t kHeadRead = 2048;  // of the first read, for clients with a window
constexpr int kMaxInterims = 1000;  // 1xx answers before the final one
constexpr size_t kMaxInterimOctets = 256 << 10;

bool asks_for_websocket(const Exchange& exchange) {
  return exchange.wants_upgrade &&
         iequals(exchange.request.fields.get(http::FieldId::upgrade), "websocket");
}

// "a.test:8443" -> "a.test", "[::1]:443" -> "::1"
std::string_view host_without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

// A 101 is an answer to what was asked, or none at all (RFC 9110 7.8). Nor can protocols change in
// the middle of a body: nobody could tell what follows.
bool accepts_upgrade(bool asked, const Exchange& exchange) {
  return asked && (!exchange.has_body || exchange.downstream->body_complete()) &&
         iequals(exchange.response.fields.get(http::FieldId::upgrade), "websocket");
}

bool speaks_grpc(const upstream::Upstream& upstream) {
  return upstream.scheme == config::UpstreamScheme::grpc ||
         upstream.scheme == config::UpstreamScheme::grpcs;
}

observe::LogContext context_of(const Exchange& exchange, const upstream::Pick& pick) {
  return {.connection = exchange.connection_id,
          .client = exchange.client.text,
          .server = exchange.request.host,
          .request = exchange.request.target,
          .upstream = pick.endpoint().text()};
}

// What the upstream was asked with, which frames its answer: a plugin may have changed it.
http::Method forwarded_method(const Exchange& exchange) {
  std::string_view changed = exchange.forward.method;
  return changed.empty() ? exchange.request.method : http::method_of(changed);
}

}  // namespace

// Each round is an attempt at a node; `continue` goes on to what follows it.
async::Task<int> Forwarder::forward(Errand& errand) {
  Search search;
  if (int refused = prepare(errand, search); refused != 0) co_return refused;
  Trial trial;
  if (!choose_node(errand, search, trial)) co_return search.status;
  if (errand.plugins.has(plugin::Phase::before_proxy)) {
    errand.verdict = co_await before_proxy(errand);
    if (!errand.verdict.proceeds()) {
      balancer_.finished(trial.pick.ticket, trial.rtt_us);
      co_return errand.verdict.status();
    }
  }
  net::Waker& waker = errand.exchange.downstream->waker();
  do {
    if (!begin(errand, trial)) continue;
    if (trial.connection->connecting()) {
      Step connected = co_await wait_connected(errand, trial);
      if (connected == Step::ended) continue;
    }
    RequestPump request(*errand.exchange.downstream, *trial.connection);
    Step step = send_request(errand, trial, request);
    while (step != Step::ended) {
      step = await_head(errand, trial, request);
      if (step != Step::wait) break;
      Wake wake = co_await waker.wait(head_deadline_us(errand, trial, request));
      if (wake == Wake::timeout && !trial.yields) step = head_timeout(errand, trial, request);
    }
    if (step == Step::ended) continue;
    AnswerPump answer(*errand.exchange.downstream, begin_answer(errand, trial));
    if (errand.exchange.response.without_trailers) answer.leave_trailers_out();
    if (errand.exchange.response.status == 101) {
      co_await run_tunnel(loop_, *errand.exchange.downstream, *trial.connection,
                          errand.timeouts.read_ms * 1000);
      continue;
    }
    for (;;) {
      step = relay(errand, trial, request, answer);
      if (step == Step::ended) break;
      Wake wake = co_await waker.wait(answer_deadline_us(errand, trial));
      if (wake == Wake::timeout && !trial.yields) step = answer_timeout(errand, trial);
      if (step == Step::ended) break;
    }
  } while (try_again(errand, search, trial));
  co_return search.status;
}

// Not 0: the status to be answered, as the upstream cannot be asked.
int Forwarder::prepare(Errand& errand, Search& search) const {
  const Exchange& exchange = errand.exchange;
  const upstream::Upstream& upstream = errand.upstream;
  if (upstream.empty()) return 503;
  if (int refused = refuse_scheme(errand); refused != 0) return refused;
  for (const http::Field& field : exchange.response.fields) {
    if (!field.removed()) errand.kept.push(field.id, field.name(), field.value());
  }
  if (speaks_grpc(upstream)) {
    std::optional<int64_t> patience_us = grpc_timeout_us(exchange.request);
    if (patience_us) errand.deadline_us = exchange.start_us + *patience_us;
  }
  if (upstream.retry_timeout_ms != 0) {
    search.deadline_us = loop_.now_us() + upstream.retry_timeout_ms * 1000;
  }
  search.status = 502;
  return 0;
}

// False: no node is left.
bool Forwarder::choose_node(Errand& errand, Search& search, Trial& trial) {
  trial.pick = balancer_.pick(errand.upstream, errand.exchange, search.tried);
  if (!trial.pick) return false;
  name_target(errand.exchange, errand.upstream, trial.pick);
  return true;
}

// After an attempt. True: the trial is ready for another one.
bool Forwarder::try_again(Errand& errand, Search& search, Trial& trial) {
  end_attempt(errand, trial);
  if (trial.outcome != Outcome::answered) return try_next(errand, search, trial);
  balancer_.finished(trial.pick.ticket, trial.rtt_us);
  search.status = 0;
  return false;
}

bool Forwarder::try_next(Errand& errand, Search& search, Trial& trial) {
  trial.failure.retries_left = search.retries < errand.upstream.retries;
  trial.failure.deadline_passed = loop_.now_us() >= search.deadline_us;
  Retry retry = upstream::decide(trial.failure);
  bool failed = trial.outcome == Outcome::failed;
  if (failed && retry == Retry::same_node) {
    trial.failure.fresh_tried = true;
    return true;
  }
  balancer_.finished(trial.pick.ticket, trial.rtt_us);
  forget_answer(errand);
  search.status = failed ? upstream::status_of(trial.failure) : trial.status;
  if (!failed || retry == Retry::give_up) return false;
  search.retries++;
  trial = {};
  return choose_node(errand, search, trial);
}

async::Task<plugin::Verdict> Forwarder::before_proxy(Errand& errand) {
  constexpr plugin::Phase kPhase = plugin::Phase::before_proxy;
  plugin::Verdict verdict;
  for (const plugin::ActiveChain* chain : {&errand.plugins.global, &errand.plugins.route}) {
    if (!chain->has(kPhase)) continue;
    if (chain->is_async(kPhase) || errand.plugins.trace != nullptr) {
      verdict = co_await chain->run_async(kPhase, errand.exchange, errand.plugins.trace);
    } else {
      verdict = chain->run(kPhase, errand.exchange);
    }
    if (!verdict.proceeds()) break;
  }
  co_return verdict;
}

// Octets meant for TLS or HTTP/2 must not leave as plain HTTP/1.
int Forwarder::refuse_scheme(const Errand& errand) {
  switch (errand.upstream.scheme) {
    case config::UpstreamScheme::http:
    case config::UpstreamScheme::https:
    case config::UpstreamScheme::grpc:
    case config::UpstreamScheme::grpcs:
      return 0;
    default:
      break;
  }
  observe::log(observe::Level::error, "client {}: scheme {} of an upstream is not served yet",
               errand.exchange.client.text, upstream::scheme_name(errand.upstream.scheme));
  return 502;
}

// What came of an answer that is not passed on: only the plugins' fields stay.
void Forwarder::forget_answer(Errand& errand) {
  http::Response& response = errand.exchange.response;
  response.fields.clear();
  response.from_upstream = false;
  for (const http::Field& field : errand.kept) {
    response.fields.push(field.id, field.name(), field.value());
  }
}

// ---- connecting

// The name that the node is asked for is that of the Host it gets. False: what we are to show is
// not there.
bool Forwarder::choose_session(const Errand& errand, const upstream::Endpoint& endpoint,
                               upstream::Session& session) {
  const tls::ClientIdentity* identity = nullptr;
  if (!errand.pin->snapshot().find_identity(errand.upstream, identity)) {
    observe::log(observe::Level::error, "no ssl object [{}] of type client",
                 errand.upstream.identity_id);
    return false;
  }
  session =
      upstream::Session::with(endpoint, host_without_port(errand.exchange.upstream.host), identity);
  return true;
}

// Gets a connection from the pool, or starts a new one.
bool Forwarder::begin(Errand& errand, Trial& trial) {
  Exchange& exchange = errand.exchange;
  bool idempotent = http::is_idempotent(forwarded_method(exchange));
  trial.failure = {.idempotent = idempotent, .fresh_tried = trial.failure.fresh_tried};
  trial.outcome = Outcome::answered;
  trial.upgrade = errand.websocket && asks_for_websocket(exchange);
  note_attempt(errand, trial);
  http::UpstreamSide* connection = connect(errand, trial);
  if (connection == nullptr) {
    if (trial.outcome == Outcome::refused) return false;
    fail(errand, trial, nullptr, Failure::local, std::strerror(errno));
    return false;
  }
  trial.connection.hold(connection);
  connection->use(exchange.downstream->waker());
  trial.progress_us = loop_.now_us();
  if (!connection->connecting()) {
    if (connection->broken()) {
      fail(errand, trial, nullptr, Failure::connect, std::strerror(connection->error()));
      return false;
    }
    trial.trace->connected_us = loop_.now_us();
  }
  return true;
}

// From the pool, or anew. Null with the trial ended, or with errno set.
http::UpstreamSide* Forwarder::connect(Errand& errand, Trial& trial) {
  const upstream::Endpoint& endpoint = trial.pick.endpoint();
  const upstream::Keepalive& keepalive = errand.upstream.keepalive;
  bool fresh = trial.failure.fresh_tried;
  upstream::Session session;
  if (endpoint.identity().tls.enabled && !choose_session(errand, endpoint, session)) {
    refuse(trial, 502);
    return nullptr;
  }
  if (speaks_grpc(errand.upstream)) {
    return http2_.open(endpoint, session, keepalive, fresh, trial.failure.reused_connection);
  }
  http::h1::ClientConnection* connection =
      fresh ? nullptr : pool_.take(endpoint, session, keepalive, !trial.failure.idempotent);
  trial.failure.reused_connection = connection != nullptr;
  return connection != nullptr ? connection : pool_.connect(endpoint, session);
}

async::Task<Forwarder::Step> Forwarder::wait_connected(Errand& errand, Trial& trial) {
  net::Waker& waker = errand.exchange.downstream->waker();
  int64_t deadline_us =
      std::min(errand.deadline_us, loop_.now_us() + errand.timeouts.connect_ms * 1000);
  while (trial.connection->connecting()) {
    Wake wake = co_await waker.wait(deadline_us);
    if (errand.exchange.downstream->gone()) co_return lose_client(errand, trial);
    if (too_late(errand)) co_return refuse_late(errand, trial);
    if (wake == Wake::timeout && loop_.now_us() >= deadline_us) {
      co_return fail(errand, trial, nullptr, Failure::timeout, "connecting took too long");
    }
  }
  if (trial.connection->broken()) {
    co_return fail(errand, trial, nullptr, Failure::connect,
                   std::strerror(trial.connection->error()));
  }
  trial.progress_us = loop_.now_us();
  trial.trace->connected_us = loop_.now_us();
  co_return Step::ready;
}

// ---- request and head of the answer

Forwarder::Step Forwarder::send_request(Errand& errand, Trial& trial, RequestPump& request) {
  Exchange& exchange = errand.exchange;
  int64_t length = exchange.request.content_length;
  size_t room = exchange.downstream->first_room();
  http::OutgoingHead head;
  if (trial.connection->is_http2()) {
    trial.connection->limit_reads(room);
    head.http2 = upstream_lines(exchange, length);
  } else {
    // With the head comes as much of the body as could be held for a client that does not read.
    if (room < http::Downstream::kAnyRoom) trial.connection->limit_reads(std::min(room, kHeadRead));
    head.http1 = write_upstream_head(exchange, length, trial.upgrade);
  }
  switch (request.start(head, upstream_framing(exchange, length), exchange.has_body)) {
    case Pumped::source:
      return lose_client(errand, trial);
    case Pumped::sink:
      request.give_up();  // an early answer may be there all the same
      return Step::wait;
    default:
      return Step::wait;
  }
}

// Moves the request on until the head of the final answer is here.
Forwarder::Step Forwarder::await_head(Errand& errand, Trial& trial, RequestPump& request) {
  if (errand.exchange.downstream->gone()) return lose_client(errand, trial);
  trial.yields = false;
  for (int moves = 0; moves < kMoves; moves++) {
    Step pumped = request.finished() ? Step::wait : pump_request(errand, trial, request);
    if (pumped == Step::ended) return pumped;
    if (trial.interims != 0 && held_by_client(errand)) return Step::wait;
    http::Response& response = errand.exchange.response;
    http::Method asked = forwarded_method(errand.exchange);
    switch (trial.connection->read_head(settings_.answer_head, asked, response)) {
      case ReadHead::complete:
        trial.progress_us = loop_.now_us();
        if (Step taken = take_head(errand, trial); taken != Step::wait) return taken;
        continue;
      case ReadHead::again:
        if (pumped == Step::ready) continue;
        return Step::wait;
      case ReadHead::closed:
        return fail(errand, trial, &request, Failure::closed,
                    "the upstream closed the connection before it answered");
      case ReadHead::malformed:
        return fail(errand, trial, &request, Failure::malformed, trial.connection->reason());
    }
  }
  trial.yields = true;
  return Step::wait;
}

// ready: some octets moved. ended: the client has failed.
Forwarder::Step Forwarder::pump_request(Errand& errand, Trial& trial, RequestPump& request) {
  switch (request.pump()) {
    case Pumped::some:
    case Pumped::finished:
      trial.progress_us = loop_.now_us();
      return Step::ready;
    case Pumped::source:
      return lose_client(errand, trial);
    case Pumped::sink:
      request.give_up();
      return Step::wait;
    case Pumped::nothing:
      break;
  }
  return Step::wait;
}

// A head is here: an interim one is passed on, and the next awaited; a final one ends the waiting.
Forwarder::Step Forwarder::take_head(Errand& errand, Trial& trial) {
  http::Response& response = errand.exchange.response;
  http::Attempt& trace = *trial.trace;
  if (response.status == 101 && !accepts_upgrade(trial.upgrade, errand.exchange)) {
    return fail(errand, trial, nullptr, Failure::malformed, "a 101 unasked, or too early");
  }
  if (response.status >= 200 || response.status == 101) {
    trace.status = response.status;
    trace.header_us = loop_.now_us();
    return Step::ready;
  }
  return take_interim(errand, trial);
}

Forwarder::Step Forwarder::take_interim(Errand& errand, Trial& trial) {
  http::Response& response = errand.exchange.response;
  trial.interim_octets += response.fields.line_octets();
  if (++trial.interims > kMaxInterims || trial.interim_octets > kMaxInterimOctets) {
    return fail(errand, trial, nullptr, Failure::malformed, "too many interim answers");
  }
  if (errand.exchange.downstream->send_interim(response) == http::Push::error) {
    return lose_client(errand, trial);
  }
  return Step::wait;
}

// Interim answers go on as fast as the client reads them, and no faster.
bool Forwarder::held_by_client(const Errand& errand) {
  http::Downstream& client = *errand.exchange.downstream;
  if (client.unsent() == 0) return false;
  (void)client.flush();
  return client.unsent() != 0 && !client.gone();
}

int64_t Forwarder::head_deadline_us(const Errand& errand, const Trial& trial,
                                    const RequestPump& request) const {
  if (trial.yields) return loop_.now_us();
  int64_t patience_us = settings_.body_timeout_us;
  if (trial.interims != 0 && errand.exchange.downstream->unsent() != 0) {
    patience_us = settings_.send_timeout_us;
  } else if (!request.waits_for_client()) {
    patience_us = 1000 * (request.finished() ? errand.timeouts.read_ms : errand.timeouts.send_ms);
  }
  return std::min(errand.deadline_us, trial.progress_us + patience_us);
}

Forwarder::Step Forwarder::refuse_late(Errand& errand, Trial& trial) {
  errand.late = true;
  trial.trace->status = 504;
  return refuse(trial, 504);
}

Forwarder::Step Forwarder::head_timeout(Errand& errand, Trial& trial, const RequestPump& request) {
  if (loop_.now_us() < head_deadline_us(errand, trial, request)) return Step::wait;
  if (too_late(errand)) return refuse_late(errand, trial);
  if (trial.interims != 0 && held_by_client(errand)) return slow_client(errand, trial);
  if (request.waits_for_client()) return refuse(trial, 408);
  return fail(errand, trial, &request, Failure::timeout, "the upstream took too long");
}

// ---- answer

// Filters the head and hands it to the client's side; gives the body that the client gets.
http::Body& Forwarder::begin_answer(Errand& errand, Trial& trial) {
  Exchange& exchange = errand.exchange;
  http::Response& response = exchange.response;
  response.from_upstream = true;
  exchange.answering = &*trial.connection;
  if (expr::upstream_fields_wanted()) {
    exchange.upstream_fields = exchange.arena.make<http::Fields>(response.fields.copy_all());
  }
  if (forwarded_method(exchange) == http::Method::head &&
      exchange.request.method != http::Method::head) {
    response.content_length = 0;  // the one it told is that of another answer
  }
  response.fields.set(http::FieldId::server, settings_.server_field);
  if (settings_.show_upstream_status || response.status >= 500) tell_upstream_status(exchange);
  for (const http::Field& field : errand.kept) response.fields.set(field.name(), field.value());
  errand.plugins.header_filter(exchange);
  http::Body& body = errand.plugins.body_filter(exchange, trial.connection->body());
  exchange.downstream->start_response(response.content_length);
  return body;
}

Forwarder::Step Forwarder::relay(Errand& errand, Trial& trial, RequestPump& request,
                                 AnswerPump& answer) {
  if (errand.exchange.downstream->gone()) return lose_client(errand, trial);
  trial.yields = false;
  for (int moves = 0; moves < kMoves; moves++) {
    Step pumped = request.finished() ? Step::wait : pump_request(errand, trial, request);
    if (pumped == Step::ended) return pumped;
    switch (answer.pump(&*trial.connection)) {
      case Pumped::some:
        trial.progress_us = loop_.now_us();
        continue;
      case Pumped::nothing:
        if (pumped == Step::ready) continue;
        return Step::wait;
      case Pumped::finished:
        return finish(errand, trial);
      case Pumped::source:
        return cut_short(errand, trial, 502, trial.connection->reason());
      case Pumped::sink:
        return lose_client(errand, trial);
    }
  }
  trial.yields = true;
  return Step::wait;
}

int64_t Forwarder::answer_deadline_us(const Errand& errand, const Trial& trial) const {
  if (trial.yields) return loop_.now_us();
  int64_t patience_us = errand.exchange.downstream->blocked() ? settings_.send_timeout_us
                                                              : errand.timeouts.read_ms * 1000;
  return std::min(errand.deadline_us, trial.progress_us + patience_us);
}

Forwarder::Step Forwarder::answer_timeout(Errand& errand, Trial& trial) {
  if (loop_.now_us() < answer_deadline_us(errand, trial)) return Step::wait;
  if (too_late(errand)) return end_late(errand, trial);
  if (errand.exchange.downstream->blocked()) return slow_client(errand, trial);
  return cut_short(errand, trial, 504, "the upstream stopped in the middle of its answer");
}

// It took nothing for as long as it may: but perhaps it reads, and the kernel has not said so yet.
Forwarder::Step Forwarder::slow_client(Errand& errand, Trial& trial) {
  if (!errand.exchange.downstream->delivering()) return lose_client(errand, trial);
  trial.progress_us = loop_.now_us();
  return Step::wait;
}

Forwarder::Step Forwarder::finish(Errand& errand, Trial& trial) {
  trial.trace->bytes_received = trial.connection->received_bytes();
  if (trial.connection->is_http2()) {
    trial.connection.drop();
  } else {
    auto& connection = static_cast<http::h1::ClientConnection&>(*trial.connection.release());
    pool_.give_back(trial.pick.endpoint(), connection, errand.upstream.keepalive);
  }
  return end(trial, Outcome::answered);
}

// ---- how a trial ends

Forwarder::Step Forwarder::end(Trial& trial, Outcome outcome) {
  trial.outcome = outcome;
  return Step::ended;
}

Forwarder::Step Forwarder::refuse(Trial& trial, int status) {
  trial.status = status;
  return end(trial, Outcome::refused);
}

Forwarder::Step Forwarder::fail(Errand& errand, Trial& trial, const RequestPump* request,
                                Failure failure, const char* reason) {
  const Exchange& exchange = errand.exchange;
  upstream::FailedAttempt& failed = trial.failure;
  trial.trace->status = failure == Failure::timeout ? 504 : 502;
  failed.failure = failure;
  failed.progress = Progress::nothing_sent;
  failed.replayable = request == nullptr || !request->body_touched();
  if (trial.connection && request != nullptr) {
    bool sent = trial.connection->sent_bytes() != 0 || request->body_touched();
    if (sent) failed.progress = Progress::partly_sent;
    if (sent && request->finished()) failed.progress = Progress::fully_sent;
    if (trial.connection->began()) failed.progress = Progress::answer_began;
  } else if (trial.connection && trial.connection->began()) {
    failed.progress = Progress::answer_began;
  }
  failed.client_gone = exchange.downstream->gone();
  observe::log(observe::Level::error, context_of(exchange, trial.pick), "{}", reason);
  return end(trial, Outcome::failed);
}

// The client left, or sent a body that cannot be understood.
Forwarder::Step Forwarder::lose_client(Errand& errand, Trial& trial) {
  http::Downstream& client = *errand.exchange.downstream;
  int status = client.gone() ? 0 : client.body_failure();
  if (status != 0 && errand.exchange.bytes_sent == 0) return refuse(trial, status);
  errand.exchange.client_aborted = true;
  client.abort();
  return end(trial, Outcome::answered);
}

// The time that the client gave passed in the middle of the answer. Whoever reads is told so.
Forwarder::Step Forwarder::end_late(Errand& errand, Trial& trial) {
  constexpr const char* kReason = "the client's grpc-timeout passed";
  Exchange& exchange = errand.exchange;
  bool told = errand.grpc && exchange.bytes_sent != 0 && !exchange.downstream->blocked() &&
              !exchange.response.without_trailers;
  if (!told) return cut_short(errand, trial, 504, kReason);
  observe::log(observe::Level::info, context_of(exchange, trial.pick), "{}", kReason);
  (void)exchange.downstream->push_trailers(late_trailers());
  return end(trial, Outcome::answered);
}

// The answer broke off. The client must not take what it has for the whole.
Forwarder::Step Forwarder::cut_short(Errand& errand, Trial& trial, int status, const char* reason) {
  Exchange& exchange = errand.exchange;
  observe::log(observe::Level::error, context_of(exchange, trial.pick), "{}", reason);
  if (exchange.bytes_sent == 0) return refuse(trial, status);
  exchange.downstream->abort();
  return end(trial, Outcome::answered);
}

// ---- trace

void Forwarder::note_attempt(Errand& errand, Trial& trial) {
  http::UpstreamTrace& trace = errand.exchange.upstream;
  int index = trace.add({.address = trial.pick.endpoint().text(), .started_us = loop_.now_us()},
                        errand.exchange.arena);
  trial.trace = &trace.attempts[index];
}

void Forwarder::end_attempt(Errand& errand, Trial& trial) {
  http::Attempt& trace = *trial.trace;
  trace.ended_us = loop_.now_us();
  if (trial.connection) trace.bytes_received = trial.connection->received_bytes();
  trial.rtt_us = trace.header_us == 0 ? -1 : trace.header_us - trace.started_us;
  errand.exchange.answering = nullptr;
  trial.connection.drop();
}

}  // namespace pylon::proxy

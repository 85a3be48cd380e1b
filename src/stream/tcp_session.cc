#include "stream/tcp_session.h"

#include <cstring>

#include "net/burial.h"
#include "net/proxy_header.h"
#include "observe/log.h"
#include "tls/client_hello.h"
#include "upstream/pool.h"

namespace pylon::stream {

using observe::Level;
using plugin::Verdict;

namespace {

constexpr size_t kReadBytes = 32 << 10;  // so that what a stalled receiver leaves behind is small
constexpr int kRounds = 16;              // of reads before others get their turn

}  // namespace

// ---- the proxy

TcpProxy::TcpProxy(const Workplace& place, const TcpLimits& limits)
    : place_(place), limits_(limits) {}

TcpProxy::~TcpProxy() { close_all(); }

void TcpProxy::accept(std::unique_ptr<net::Stream> client, const Arrival& arrival) {
  counts_.accepted++;
  TcpSession::open(*this, std::move(client), arrival);
}

void TcpProxy::close_all() {
  while (!sessions_.empty()) sessions_.front()->close(true);
}

// ---- life

TcpSession::TcpSession(TcpProxy& proxy, std::unique_ptr<net::Stream> client,
                       const TcpProxy::Arrival& arrival)
    : proxy_(proxy),
      stay_(proxy.presence_, arrival.ends.server, arrival.ends.server_port),
      client_(std::move(client)),
      waker_(proxy.place_.loop, &TcpSession::on_event, this),
      idle_timeout_us_(proxy.limits_.idle_timeout_us),
      announces_(arrival.announces) {
  client_->set_waker(&waker_);
  proxy_.sessions_.push_back(*this);
}

TcpSession::~TcpSession() = default;

void TcpSession::open(TcpProxy& proxy, std::unique_ptr<net::Stream> client,
                      const TcpProxy::Arrival& arrival) {
  auto* session = new TcpSession(proxy, std::move(client), arrival);
  session->admission_ =
      std::make_unique<Admission>(proxy.place_, arrival.ends, "TCP", arrival.name);
  session->task_ = session->establish();
  session->task_.start(&TcpSession::on_opened, session);
}

void TcpSession::on_opened(void* self) {
  auto& session = *static_cast<TcpSession*>(self);
  if (session.state_ == State::closed) return;
  session.task_ = {};
  if (session.status_ != SessionStatus::done) return session.close(false);
  if (!session.admission_->wants_log()) session.admission_.reset();
  session.begin_relay();
}

void TcpSession::on_event(void* self) {
  auto& session = *static_cast<TcpSession*>(self);
  if (session.state_ != State::relaying) return;
  if (session.waker_.timed_out() && !session.yielded_) {
    session.on_silence();
  } else {
    session.relay();
  }
}

void TcpSession::close(bool reset) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  leave();
  waker_.disarm();
  if (admission_ != nullptr) admission_->log(status_, up_.octets, down_.octets);
  client_->close(reset);
  if (node_ != nullptr) node_->close(reset);
  if (ticket_) proxy_.place_.balancer.finished(*ticket_, -1);
  proxy_.place_.loop.retire(this);
}

// ---- until both sides are connected

// status_ tells in the end whether there is somebody to relay to.
async::Task<bool> TcpSession::establish() {
  Admission& admission = *admission_;
  bool terminated = admission.ends.tls != nullptr;
  if (!terminated && admission.snapshot().streams.looks_at_names(admission.ends.server_port)) {
    co_await find_name();
  }
  if (!admission.match()) {
    proxy_.counts_.unmatched++;
    co_return false;
  }
  bool admitted = co_await preread();
  if (!admitted) {
    proxy_.counts_.refused++;
    status_ = SessionStatus::refused;
    co_return false;
  }
  const upstream::Upstream* upstream = admission.upstream();
  if (upstream == nullptr) co_return false;
  bool established = co_await connect(*upstream);
  status_ = established ? SessionStatus::done : SessionStatus::unreached;
  if (!established) proxy_.counts_.unreached++;
  co_return established;
}

// The name in a ClientHello that goes to the node as it is. A client that says something else, or
// nothing for a while, asks for no name.
async::Task<void> TcpSession::find_name() {
  Admission& admission = *admission_;
  int64_t deadline_us = admission.exchange.start_us + proxy_.limits_.name_timeout_us;
  for (;;) {
    tls::ClientHello hello = tls::read_client_hello(inbox_.view());
    if (hello.state == tls::ClientHello::State::complete) {
      admission.name = std::move(hello.name);
      admission.exchange.preread_name = admission.name;
    }
    if (hello.state != tls::ClientHello::State::incomplete || admission.connection.complete) break;
    bool more = co_await more_octets(deadline_us);
    if (!more) break;
  }
}

async::Task<bool> TcpSession::preread() {
  Admission& admission = *admission_;
  int64_t deadline_us = admission.exchange.start_us + proxy_.limits_.preread_timeout_us;
  size_t at = 0;
  for (;;) {
    Verdict verdict = admission.chain.preread(admission.connection, at);
    if (verdict.proceeds()) co_return true;
    if (verdict.pauses()) {
      net::Loop& loop = proxy_.place_.loop;
      int64_t until_us = loop.now_us() + int64_t{verdict.pause_ms()} * 1000;
      while (loop.now_us() < until_us && !client_->broken()) (void)co_await waker_.wait(until_us);
      continue;
    }
    if (!verdict.waits() || admission.connection.complete) co_return false;
    bool more = co_await more_octets(deadline_us);
    if (!more) co_return false;
  }
}

// Waits for more of what the client sends. False: it left, or it took too long.
async::Task<bool> TcpSession::more_octets(int64_t deadline_us) {
  size_t limit = proxy_.limits_.preread_bytes;
  plugin::Connection& connection = admission_->connection;
  for (;;) {
    net::Io io = inbox_.fill(*client_, limit - inbox_.view().size());
    if (io.state == net::IoState::error) co_return false;
    if (io.state != net::IoState::again) {
      inbox_.stash();
      connection.octets = inbox_.view();
      connection.complete = io.state == net::IoState::end || connection.octets.size() >= limit;
      co_return true;
    }
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::timeout) co_return false;
  }
}

// Tries the nodes in turn.
async::Task<bool> TcpSession::connect(const upstream::Upstream& upstream) {
  upstream::Tried tried;
  for (uint32_t tries = 0; tries <= upstream.retries; tries++) {
    upstream::Pick pick;
    if (!admission_->pick(upstream, tried, pick)) co_return false;
    const char* failure = co_await dial(upstream, pick);
    if (failure == nullptr) {
      ticket_ = pick.ticket;
      admission_->attempt().connected_us = proxy_.place_.loop.now_us();
      if (upstream.own_timeouts) idle_timeout_us_ = upstream.timeouts.read_ms * 1000;
      co_return true;
    }
    proxy_.place_.balancer.finished(pick.ticket, -1);
    bool abandoned = client_->broken();  // then nothing is said against the node
    if (!abandoned) {
      std::string_view told = failure;
      observe::log(Level::error, "client {}: cannot connect to {}: {}",
                   admission_->exchange.client.text, pick.endpoint().text(),
                   told.empty() ? problem() : told);
    }
    net::bury(proxy_.place_.loop, std::move(node_));
    if (abandoned) co_return false;
  }
  co_return false;
}

// Null: the node can be written to. Otherwise why not; empty: problem() knows.
async::Task<const char*> TcpSession::dial(const upstream::Upstream& upstream,
                                          const upstream::Pick& pick) {
  net::Loop& loop = proxy_.place_.loop;
  const upstream::Endpoint& endpoint = pick.endpoint();
  int64_t deadline_us = loop.now_us() + upstream.timeouts.connect_ms * 1000;
  node_ = proxy_.place_.dialer.connect(endpoint);
  if (node_ == nullptr) co_return "no descriptor is free for it";
  node_->set_waker(&waker_);
  bool reached = co_await connected(deadline_us);
  if (!reached) co_return node_->broken() ? "" : "it took too long";
  if (announces_ && !announce(*node_)) co_return "";
  if (!upstream.is_tls()) co_return nullptr;
  if (!secure(upstream, pick)) co_return "what is to be shown to it cannot be used";
  bool agreed = co_await connected(deadline_us);
  if (agreed) co_return nullptr;
  co_return node_->broken() ? "" : "the TLS handshake took too long";
}

async::Task<bool> TcpSession::connected(int64_t deadline_us) {
  while (node_->connecting()) {
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::timeout || client_->broken()) co_return false;
  }
  co_return !node_->broken();
}

// Our header is the first that the socket gets: there is room for it.
bool TcpSession::announce(net::Stream& node) {
  const http::ConnectionEnds& ends = admission_->ends;
  char line[net::ProxyHeader::kMaxLine + 1];
  std::string_view header =
      net::write_proxy_header(ends.client, ends.client_port, ends.server, ends.server_port, line);
  net::Io io = node.write(header.data(), header.size());
  return io.state == net::IoState::ok && io.bytes == header.size();
}

// The name that the node is asked for: the one that the client asked us for; else its own, if it
// is known by one. Source: APISIX docs "Proxy to TLS over TCP upstream".
bool TcpSession::secure(const upstream::Upstream& upstream, const upstream::Pick& pick) {
  const tls::ClientIdentity* identity = nullptr;
  if (!admission_->snapshot().find_identity(upstream, identity)) return false;
  const upstream::Endpoint& endpoint = pick.endpoint();
  bool verify = endpoint.identity().tls.verify;
  std::string_view name = admission_->name;
  if (name.empty() && upstream.pass_host == config::PassHost::rewrite)
    name = upstream.upstream_host;
  bool is_address = IpAddress::parse(pick.node->host).has_value();
  if (name.empty() && (verify || !is_address)) name = pick.node->host;
  if (name.empty()) name = "apisix_backend";
  uint64_t session = upstream::Session::with(endpoint, name, identity).variant;
  node_ = proxy_.place_.tls.wrap(
      proxy_.place_.loop, std::move(node_),
      {.name = name, .verify = verify, .identity = identity, .session_key = session});
  if (node_ == nullptr) return false;
  node_->set_waker(&waker_);
  return true;
}

// Why the node's stream is broken.
std::string_view TcpSession::problem() const {
  const auto* secured = dynamic_cast<const tls::Stream*>(node_.get());
  if (secured != nullptr && !secured->failure().empty()) return secured->failure();
  return node_->error() != 0 ? std::strerror(node_->error()) : "it closed the connection";
}

// ---- relay

void TcpSession::begin_relay() {
  state_ = State::relaying;
  moved_us_ = proxy_.place_.loop.now_us();
  if (!inbox_.empty()) {
    std::string_view octets = inbox_.view();
    iovec part{const_cast<char*>(octets.data()), octets.size()};
    if (up_.outbox.send(*node_, &part, 1) == net::IoState::error) return close(true);
    up_.octets = octets.size();
    inbox_.clear();
    inbox_.trim();
  }
  relay();
}

// Moves what can be moved now, then waits for the next event.
void TcpSession::relay() {
  int64_t now_us = proxy_.place_.loop.now_us();
  yielded_ = false;
  for (int round = 0; round < kRounds; round++) {
    Moved up = move(*client_, *node_, up_);
    Moved down = move(*node_, *client_, down_);
    if (up == Moved::failed || down == Moved::failed) return close(true);
    if (up_.passed && down_.passed && all_left(*client_) && all_left(*node_)) return close(false);
    if (up == Moved::nothing && down == Moved::nothing) {
      // A side that is gone need not be read from to be known: the other may take nothing more.
      if (client_->broken() || node_->broken()) return close(true);
      waker_.arm(moved_us_ + idle_timeout_us_);
      return;
    }
    moved_us_ = now_us;
  }
  yielded_ = true;
  waker_.arm(now_us);
}

void TcpSession::on_silence() {
  observe::log(Level::info, "a relayed connection was silent for {} ms: closed",
               idle_timeout_us_ / 1000);
  close(false);
}

// What a stream has taken and the kernel has not would be lost with close().
bool TcpSession::all_left(net::Stream& to) {
  if (to.untaken() != 0) to.shutdown_write();
  return to.untaken() == 0;
}

// When both have ended, close() says so to both.
TcpSession::Moved TcpSession::pass_end(net::Stream& to, Direction& direction) {
  direction.passed = true;
  if (!up_.passed || !down_.passed) to.shutdown_write();
  return Moved::some;
}

TcpSession::Moved TcpSession::move(net::Stream& from, net::Stream& to, Direction& direction) {
  if (direction.passed) return Moved::nothing;
  if (!direction.outbox.empty()) {
    size_t waiting = direction.outbox.size();
    net::IoState state = direction.outbox.flush(to);
    if (state == net::IoState::error) return Moved::failed;
    if (state == net::IoState::again) {
      return direction.outbox.size() < waiting ? Moved::some : Moved::nothing;
    }
  }
  if (direction.ended) return pass_end(to, direction);
  if (direction.bulk && from.pipes() && to.pipes()) {
    net::PipeLease pipe = net::take_pipe();
    if (pipe != nullptr) return pass(from, to, direction, std::move(pipe));
  }
  net::Inbox inbox;
  net::Io io = inbox.fill(from, kReadBytes);
  if (io.state == net::IoState::again) return Moved::nothing;
  if (io.state == net::IoState::error) return Moved::failed;
  direction.ended = io.state == net::IoState::end || from.at_end();
  if (io.state == net::IoState::end) return pass_end(to, direction);
  std::string_view octets = inbox.view();
  direction.octets += octets.size();
  direction.bulk = octets.size() == kReadBytes;
  if (direction.ended) {
    net::Io last = to.write_last(octets.data(), octets.size());
    if (last.state == net::IoState::error) return Moved::failed;
    octets.remove_prefix(last.bytes);
    if (octets.empty()) return pass_end(to, direction);
  }
  iovec part{const_cast<char*>(octets.data()), octets.size()};
  return direction.outbox.send(to, &part, 1) == net::IoState::error ? Moved::failed : Moved::some;
}

// Octets of a large transfer go from socket to socket.
TcpSession::Moved TcpSession::pass(net::Stream& from, net::Stream& to, Direction& direction,
                                   net::PipeLease pipe) {
  net::Io io = from.fill(*pipe, net::Pipe::kBytes);
  if (io.state == net::IoState::again) return Moved::nothing;
  if (io.state == net::IoState::error) return Moved::failed;
  direction.ended = io.state == net::IoState::end;
  if (direction.ended) return Moved::some;
  direction.octets += io.bytes;
  direction.bulk = io.bytes >= kReadBytes;
  bool failed = direction.outbox.send(to, std::move(pipe)) == net::IoState::error;
  return failed ? Moved::failed : Moved::some;
}

}  // namespace pylon::stream

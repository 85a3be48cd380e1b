#include "stream/tcp_session.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "http/exchange_memory.h"
#include "net/tcp_stream.h"
#include "observe/log.h"
#include "plugin/connection.h"

namespace pylon::stream {

using observe::Level;
using plugin::Verdict;

namespace {

constexpr size_t kReadBytes = 32 << 10;  // so that what a stalled receiver leaves behind is small
constexpr int kRounds = 16;              // of reads before others get their turn

}  // namespace

struct TcpSession::Opening final : http::ExchangeMemory {
  http::ConnectionEnds ends;
  snapshot::Pin pin;
  std::string name;  // lower case
  plugin::Connection connection{exchange, {}, false};
};

// ---- the proxy

TcpProxy::TcpProxy(const Parts& parts) : parts_(parts) {}

TcpProxy::~TcpProxy() { close_all(); }

void TcpProxy::accept(std::unique_ptr<net::Stream> client, const http::ConnectionEnds& ends,
                      std::string_view name) {
  counts_.accepted++;
  TcpSession::open(*this, std::move(client), ends, name);
}

void TcpProxy::close_all() {
  while (!sessions_.empty()) sessions_.front()->close(true);
}

// ---- life

TcpSession::TcpSession(TcpProxy& proxy, std::unique_ptr<net::Stream> client)
    : proxy_(proxy),
      client_(std::move(client)),
      waker_(proxy.parts_.loop, &TcpSession::on_event, this),
      idle_timeout_us_(proxy.parts_.limits.idle_timeout_us) {
  client_->set_waker(&waker_);
  proxy_.sessions_.push_back(*this);
}

TcpSession::~TcpSession() = default;

void TcpSession::open(TcpProxy& proxy, std::unique_ptr<net::Stream> client,
                      const http::ConnectionEnds& ends, std::string_view name) {
  auto* session = new TcpSession(proxy, std::move(client));
  session->opening_ = std::make_unique<Opening>();
  Opening& opening = *session->opening_;
  opening.ends = ends;
  opening.name = to_lower(name);
  opening.pin = proxy.parts_.seat.pin();
  http::Exchange& exchange = opening.exchange;
  exchange.client = {opening.ends.client, opening.ends.client_port, opening.ends.client_name()};
  exchange.socket = exchange.client;
  exchange.server_address = opening.ends.server;
  exchange.server_port = opening.ends.server_port;
  exchange.start_us = proxy.parts_.loop.now_us();
  exchange.start_wall_us = exchange.start_us + proxy.parts_.loop.wall_offset_us();
  exchange.worker = &proxy.parts_.worker;
  exchange.metadata = opening.pin.snapshot().metadata.get();
  session->task_ = session->establish();
  session->task_.start(&TcpSession::on_opened, session);
}

void TcpSession::on_opened(void* self) {
  auto& session = *static_cast<TcpSession*>(self);
  if (session.state_ == State::closed) return;
  session.task_ = {};
  session.opening_.reset();
  if (session.established_) {
    session.begin_relay();
  } else {
    session.close(false);
  }
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
  client_->close(reset);
  if (node_ != nullptr) node_->close(reset);
  if (ticket_) proxy_.parts_.balancer.finished(*ticket_, -1);
  proxy_.parts_.loop.retire(this);
}

// ---- until both sides are connected

// True in the end when there is somebody to relay to.
async::Task<bool> TcpSession::establish() {
  Opening& opening = *opening_;
  const snapshot::Snapshot& snapshot = opening.pin.snapshot();
  const snapshot::StreamRoute* route = snapshot.streams.match(
      {opening.ends.client, opening.ends.server, opening.ends.server_port, opening.name});
  if (route == nullptr) {
    proxy_.counts_.unmatched++;
    observe::log(Level::info, "client {}: no stream route takes port {}",
                 opening.exchange.client.text, opening.ends.server_port);
    co_return false;
  }
  plugin::ActiveChain chain(route->chain->chain(), opening.exchange);
  bool admitted = co_await preread(chain);
  if (!admitted) {
    proxy_.counts_.refused++;
    co_return false;
  }
  const upstream::Upstream* upstream = snapshot.upstream_of(*route);
  if (upstream == nullptr || upstream->empty()) {
    observe::log(Level::error, "stream route {}: no upstream", route->id);
    co_return false;
  }
  established_ = co_await connect(*upstream);
  if (!established_) proxy_.counts_.unreached++;
  co_return established_;
}

async::Task<bool> TcpSession::preread(const plugin::ActiveChain& chain) {
  plugin::Connection& connection = opening_->connection;
  size_t at = 0;
  for (;;) {
    Verdict verdict = chain.preread(connection, at);
    if (verdict.proceeds()) co_return true;
    if (!verdict.waits() || connection.complete) co_return false;
    bool more = co_await more_octets();
    if (!more) co_return false;
  }
}

// Waits for more of what the client sends. False: it left, or it took too long.
async::Task<bool> TcpSession::more_octets() {
  const TcpLimits& limits = proxy_.parts_.limits;
  plugin::Connection& connection = opening_->connection;
  int64_t deadline_us = opening_->exchange.start_us + limits.preread_timeout_us;
  for (;;) {
    net::Io io = inbox_.fill(*client_, limits.preread_bytes - inbox_.view().size());
    if (io.state == net::IoState::error) co_return false;
    if (io.state != net::IoState::again) {
      inbox_.stash();
      connection.octets = inbox_.view();
      connection.complete =
          io.state == net::IoState::end || connection.octets.size() >= limits.preread_bytes;
      co_return true;
    }
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::timeout) co_return false;
  }
}

// Tries the nodes in turn.
async::Task<bool> TcpSession::connect(const upstream::Upstream& upstream) {
  net::Loop& loop = proxy_.parts_.loop;
  if (upstream.is_tls()) {
    observe::log(Level::error, "TLS to the upstreams of stream routes is not served yet");
    co_return false;
  }
  upstream::Tried tried;
  for (uint32_t tries = 0; tries <= upstream.retries; tries++) {
    upstream::Pick pick = proxy_.parts_.balancer.pick(upstream, opening_->exchange, tried);
    if (!pick) co_return false;
    const upstream::Endpoint& endpoint = pick.endpoint();
    int64_t started_us = loop.now_us();
    node_ =
        net::TcpStream::connect(loop, endpoint.socket_address(), endpoint.socket_address_bytes());
    bool reached = false;
    if (node_ != nullptr) {
      node_->set_waker(&waker_);
      reached = co_await connected(*node_, started_us + upstream.timeouts.connect_ms * 1000);
    }
    if (reached) {
      ticket_ = pick.ticket;
      if (upstream.own_timeouts) idle_timeout_us_ = upstream.timeouts.read_ms * 1000;
      co_return true;
    }
    proxy_.parts_.balancer.finished(pick.ticket, -1);
    observe::log(Level::error, "client {}: cannot connect to {}: {}",
                 opening_->exchange.client.text, endpoint.text(),
                 node_ != nullptr && node_->broken() ? std::strerror(node_->error()) : "timed out");
    node_.reset();
    if (client_->broken()) co_return false;
  }
  co_return false;
}

async::Task<bool> TcpSession::connected(net::Stream& node, int64_t deadline_us) {
  while (node.connecting()) {
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::timeout || client_->broken()) co_return false;
  }
  co_return !node.broken();
}

// ---- relay

void TcpSession::begin_relay() {
  state_ = State::relaying;
  moved_us_ = proxy_.parts_.loop.now_us();
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
  int64_t now_us = proxy_.parts_.loop.now_us();
  yielded_ = false;
  for (int round = 0; round < kRounds; round++) {
    Moved up = move(*client_, *node_, up_);
    Moved down = move(*node_, *client_, down_);
    if (up == Moved::failed || down == Moved::failed) return close(true);
    if (up_.passed && down_.passed) return close(false);
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
  if (direction.ended) {
    to.shutdown_write();
    direction.passed = true;
    return Moved::some;
  }
  net::Inbox inbox;
  net::Io io = inbox.fill(from, kReadBytes);
  if (io.state == net::IoState::again) return Moved::nothing;
  if (io.state == net::IoState::error) return Moved::failed;
  if (io.state == net::IoState::end) {
    direction.ended = true;
    return Moved::some;
  }
  std::string_view octets = inbox.view();
  iovec part{const_cast<char*>(octets.data()), octets.size()};
  direction.octets += octets.size();
  return direction.outbox.send(to, &part, 1) == net::IoState::error ? Moved::failed : Moved::some;
}

}  // namespace pylon::stream

#include "stream/udp_session.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "observe/log.h"

namespace pylon::stream {

using observe::Level;
using plugin::Verdict;

namespace {

constexpr int kBatches = 8;  // before others get their turn

}  // namespace

UdpProxy::Exit::Exit(int fd) : fd_(::fcntl(fd, F_DUPFD_CLOEXEC, 0)) {}

UdpProxy::Exit::~Exit() {
  if (fd_ >= 0) ::close(fd_);
}

UdpSession* UdpSession::open(UdpProxy& proxy, const Arrival& arrival, std::string_view octets) {
  std::unique_ptr<UdpSession> session(new UdpSession(proxy, arrival));
  session->status_ = session->establish(octets);
  if (session->status_ != SessionStatus::done) {
    session->admission_->log(session->status_, octets.size(), 0);
    return nullptr;
  }
  if (!session->admission_->wants_log()) session->admission_.reset();
  session->touch();
  session->arm(session->touched_us_ + session->idle_timeout_us_);
  return session.release();
}

UdpSession::UdpSession(UdpProxy& proxy, const Arrival& arrival)
    : Timer(proxy.place_.loop.timers()),
      proxy_(proxy),
      stay_(proxy.presence_, arrival.ends.server, arrival.ends.server_port),
      key_(arrival.key),
      exit_(arrival.exit),
      client_(arrival.client),
      admission_(
          std::make_unique<Admission>(proxy.place_, arrival.ends, "UDP", std::string_view{})),
      idle_timeout_us_(proxy.limits_.idle_timeout_us) {
  if (arrival.wildcard) local_ = arrival.ends.server;
}

UdpSession::~UdpSession() {
  if (fd_ >= 0) ::close(fd_);
}

SessionStatus UdpSession::establish(std::string_view octets) {
  Admission& admission = *admission_;
  if (!admission.match()) {
    proxy_.counts_.unmatched++;
    return SessionStatus::failed;
  }
  admission.connection.octets = octets;
  admission.connection.complete = true;
  Verdict verdict;
  size_t at = 0;
  do {  // a datagram does not wait
    verdict = admission.chain.preread(admission.connection, at);
  } while (verdict.pauses());
  if (!verdict.proceeds()) {
    proxy_.counts_.refused++;
    return SessionStatus::refused;
  }
  const upstream::Upstream* upstream = admission.upstream();
  upstream::Tried tried;
  upstream::Pick pick;
  proxy_.counts_.unreached++;
  if (upstream == nullptr) return SessionStatus::failed;
  if (upstream->is_tls()) {
    observe::log(Level::error, "stream route {}: there is no TLS over UDP", admission.route().id);
    return SessionStatus::failed;
  }
  if (!admission.pick(*upstream, tried, pick)) return SessionStatus::unreached;
  if (!connect(pick.endpoint())) {
    observe::log(Level::error, "client {}: no socket to {}: {}", admission.exchange.client.text,
                 pick.endpoint().text(), std::strerror(errno));
    proxy_.place_.balancer.finished(pick.ticket, -1);
    return SessionStatus::unreached;
  }
  proxy_.counts_.unreached--;
  ticket_ = pick.ticket;
  if (upstream->own_timeouts) idle_timeout_us_ = upstream->timeouts.read_ms * 1000;
  return SessionStatus::done;
}

bool UdpSession::connect(const upstream::Endpoint& endpoint) {
  int family = endpoint.socket_family();
  fd_ = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  if (::connect(fd_, endpoint.socket_address(), endpoint.socket_address_bytes()) != 0) return false;
  return proxy_.place_.loop.watch(fd_, *this, EPOLLIN);
}

void UdpSession::send(unsigned first, unsigned count) {
  if (closed_) return;  // it made room for another of the same batch
  touch();
  for (unsigned i = first; i < first + count; i++) up_ += proxy_.batch_->octets(i).size();
  while (count > 0) {
    int sent = proxy_.batch_->send(fd_, first, count);
    if (sent < 0) return fail(errno);
    first += static_cast<unsigned>(sent);
    count -= static_cast<unsigned>(sent);
  }
}

// What the node sends goes to the client; a full socket drops it, as the network would.
void UdpSession::on_events(uint32_t) {
  if (closed_) return;
  for (int round = 0; round < kBatches; round++) {
    int got = proxy_.batch_->receive(fd_);
    if (got < 0) return fail(errno);
    if (got == 0) return;
    touch();
    auto count = static_cast<unsigned>(got);
    for (unsigned i = 0; i < count; i++) down_ += proxy_.batch_->octets(i).size();
    (void)proxy_.batch_->send_to(exit_->fd(), count, client_, local_ ? &*local_ : nullptr);
    if (count < net::Datagrams::kMost) return;
  }
}

// A node that is not there is told by ICMP: the client's next datagram may find another.
void UdpSession::fail(int error) {
  if (error == EAGAIN || error == ENOBUFS || error == EMSGSIZE) return;  // that datagram is lost
  if (down_ == 0) status_ = SessionStatus::unreached;
  observe::log(Level::info, "a UDP session's node: {}", std::strerror(error));
  close();
}

void UdpSession::fire() {
  int64_t due_us = touched_us_ + idle_timeout_us_;
  if (proxy_.place_.loop.now_us() < due_us) return arm(due_us);
  close();
}

void UdpSession::touch() {
  touched_us_ = proxy_.place_.loop.now_us();
  leave();
  proxy_.sessions_.push_back(*this);
}

void UdpSession::close() {
  if (closed_) return;
  closed_ = true;
  leave();
  disarm();
  proxy_.by_key_.erase(key_);
  proxy_.place_.loop.unwatch(fd_);
  if (admission_ != nullptr) admission_->log(status_, up_, down_);
  if (ticket_) proxy_.place_.balancer.finished(*ticket_, -1);
  proxy_.place_.loop.retire(this);
}

}  // namespace pylon::stream

#include "gateway/worker.h"

#include <sys/resource.h>

#include <algorithm>

#include "gateway/room_options.h"
#include "gateway/socket_ends.h"
#include "net/listener.h"
#include "net/tcp_stream.h"
#include "observe/log.h"

namespace pylon::gateway {
namespace {

constexpr int64_t kTickUs = 1'000'000;
constexpr int64_t kDrainGraceUs = 2'000'000;
constexpr size_t kSpareDescriptors = 64;  // logs, store, sockets of the control thread

// Clients may hold a share of the descriptors only, or none would be left for upstreams.
size_t connections_allowed(const ProcessSettings& process, unsigned workers) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  size_t usable = files.rlim_cur > kSpareDescriptors ? files.rlim_cur - kSpareDescriptors : 1;
  size_t share = std::max<size_t>(usable * 2 / 3 / workers, 8);
  return std::min(share, static_cast<size_t>(process.connections));
}

// A handshake under way holds some 40 KiB.
tls::Handshakes::Limits handshake_limits(const WorkerShared& shared) {
  constexpr size_t kOfProcess = 320;
  tls::Handshakes::Limits limits;
  limits.under_way = std::max<size_t>(kOfProcess / shared.settings.worker_count(), 32);
  limits.timeout_us = shared.limits.head_timeout_us;
  return limits;
}

std::unique_ptr<plugin::AccessLog> log_of(observe::LogWriter* writer, const expr::LogFormat& format,
                                          unsigned index) {
  if (writer == nullptr) return nullptr;
  return std::make_unique<plugin::AccessLog>(format, writer->lane(index));
}

// As in APISIX, the number of connections is told where streams have the plugin prometheus.
const std::string* active_prefix(const Settings& settings) {
  const auto& plugins = settings.stream_plugins;
  bool told = std::find(plugins.begin(), plugins.end(), "prometheus") != plugins.end();
  return told ? &settings.metrics.name_prefix : nullptr;
}

}  // namespace

// One listening socket.
class Worker::Door final : public net::Listener::Acceptor, public net::Retirable {
 public:
  Door(Worker& worker, ListeningSocket socket)
      : worker_(worker),
        near_(socket.fd),
        entry_(socket.entry),
        listener_(worker.loop_, socket.fd, *this) {}
  void shut() {
    listener_.accept_waiting();
    listener_.stop();
  }

 private:
  void on_accept(int fd, const sockaddr_storage& peer) override {
    http::ConnectionEnds ends = near_.ends_of(fd, peer);
    auto stream = net::TcpStream::adopt(worker_.loop_, fd);
    if (stream != nullptr) worker_.arrive(std::move(stream), ends, entry_);
  }
  bool may_accept() override { return worker_.may_accept(); }
  void on_exhausted() override { worker_.relieve(); }

  Worker& worker_;
  NearEnd near_;
  Entry entry_;
  net::Listener listener_;
};

// What is done about once a second.
class Worker::Tick final : public net::Timer {
 public:
  explicit Tick(Worker& worker) : Timer(worker.loop_.timers()), worker_(worker) {
    arm(worker_.loop_.now_us() + kTickUs);
  }

 private:
  void fire() override {
    arm(worker_.loop_.now_us() + kTickUs);
    worker_.every_second();
  }
  Worker& worker_;
};

Worker::Worker(const WorkerShared& shared, unsigned index)
    : shared_(shared),
      index_(index),
      max_connections_(
          connections_allowed(shared.settings.process, shared.settings.worker_count())),
      dns_transport_(std::make_unique<upstream::dns::NetTransport>(loop_)),
      resolver_(shared.dns, *dns_transport_, clock_),
      tls_client_(shared.tls_client.another().value()),
      http2_pool_(loop_, *tls_client_, upstream_pings(shared.settings)),
      log_courier_(loop_, resolver_, *tls_client_),
      lent_{.clock = clock_,
            .metrics = shared.metrics.shard(index),
            .http = http_client_,
            .pauses = pauses_,
            .logs = log_courier_,
            .index = index},
      forwarder_(loop_, pool_, http2_pool_, balancer_, shared.options),
      forward_proxy_(loop_, resolver_, *tls_client_, clock_, shared.options),
      access_log_(log_of(shared.access_log, shared.log_format, index)),
      session_log_(log_of(shared.session_log, shared.session_log_format, index)),
      proxy_({loop_, shared.versions.seat(index), lent_, forwarder_, forward_proxy_,
              access_log_.get(), shared.options, shared.debug}),
      session_metrics_(shared.metrics, shared.metrics.shard(index), active_prefix(shared.settings)),
      tls_(loop_, shared.versions.seat(index), http_client_, shared.tls, shared.tls_share,
           handshake_limits(shared),
           [this](std::unique_ptr<tls::Stream> stream, const http::ConnectionEnds& ends,
                  Entry entry) { open_secured(std::move(stream), ends, entry); }),
      tcp_({loop_, shared.versions.seat(index), lent_, balancer_, *tls_client_, dialer_,
            session_log_.get()}),
      udp_({loop_, shared.versions.seat(index), lent_, balancer_, *tls_client_, dialer_,
            session_log_.get()},
           {.sessions = std::min(shared.settings.limits.udp_sessions, max_connections_ / 2)}),
      introductions_(
          loop_, {shared.settings.client.real_ip_from.set, shared.settings.stream.real_ip_from.set},
          [this](std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends,
                 Entry entry) { enter(std::move(stream), ends, entry); }) {
  connections_.http2 = &http2_connections_;
}

Worker::~Worker() = default;

void Worker::start(ListeningSet listening) {
  listening_ = std::move(listening);
  thread_ = std::thread([this] { run(); });
}

// The steps of a connection: introduced by a load balancer, secured by TLS, opened; each if its
// entry asks for it.
void Worker::arrive(std::unique_ptr<net::TcpStream> stream, const http::ConnectionEnds& ends,
                    Entry entry) {
  if (entry.announced) return introductions_.accept(std::move(stream), ends, entry);
  enter(std::move(stream), ends, entry);
}

void Worker::enter(std::unique_ptr<net::Stream> stream, http::ConnectionEnds ends, Entry entry) {
  switch (entry.way) {
    case Way::http:
      ends.http2 = shared_.settings.proxy.enable_http2;
      return open(std::move(stream), ends);
    case Way::stream:
      return tcp_.accept(std::move(stream), {ends, {}, entry.announces});
    case Way::https:
    case Way::stream_tls:
      return tls_.accept(std::move(stream), ends, entry);
  }
}

void Worker::open_secured(std::unique_ptr<tls::Stream> stream, const http::ConnectionEnds& ends,
                          Entry entry) {
  if (entry.way == Way::https) return open(std::move(stream), ends);
  std::string name = stream->agreed().server_name;
  tcp_.accept(std::move(stream), {ends, name, entry.announces});
}

// The codec of a connection: what TLS has agreed on, or HTTP/1.
void Worker::open(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends) {
  if (ends.tls != nullptr && ends.tls->agreed().alpn == "h2") {
    http::h2::ServerConnection::open(loop_, std::move(stream), ends, shared_.limits, proxy_,
                                     http2_connections_);
    return;
  }
  http::h1::ServerConnection::open(loop_, std::move(stream), ends, shared_.limits, proxy_,
                                   connections_);
}

void Worker::run() {
  tick_ = std::make_unique<Tick>(*this);
  loop_.set_at_top([this] { at_top(); });
  at_top();
  for (const ListeningSocket& socket : listening_.connections) {
    doors_.push_back(std::make_unique<Door>(*this, socket));
  }
  for (int fd : listening_.datagrams) udp_.listen(fd);
  loop_.run();
  doors_.clear();
  introductions_.close_all();
  tls_.close_handshakes();
  connections_.close_all();
  tcp_.close_all();
  udp_.stop_listening();
  udp_.close_all();
  http2_connections_.close_all();
  loop_.turn(0);  // buries what was closed
  tick_.reset();
  flush_logs();
  ended_.store(true, std::memory_order_release);
  shared_.snapshot_taken();
}

void Worker::at_top() {
  if (shared_.versions.seat(index_).take_newest()) shared_.snapshot_taken();
  if (!draining_ || open_connections() != 0) return;
  log_courier_.hurry();
  if (log_courier_.settled()) loop_.stop();
}

void Worker::every_second() {
  // Draining, requests in flight to parked connections get their moment; then these are closed.
  // Handshakes and announcements that have begun have a limited time of their own.
  if (draining_ && loop_.now_us() > drain_started_us_ + kDrainGraceUs) {
    connections_.close_unused(loop_.now_us() - kDrainGraceUs);
    tls_.close_silent();
    udp_.close_all();
  }
  flush_logs();
  const http::h2::ServerConnections& http2 = http2_connections_;
  auto idle = static_cast<uint32_t>(connections_.idle.size() + http2.idle.size());
  auto busy = static_cast<uint32_t>(connections_.busy.size() + http2.busy.size());
  counts_.idle.store(idle, std::memory_order_relaxed);
  counts_.busy.store(busy, std::memory_order_relaxed);
  counts_.accepted.store(connections_.opened, std::memory_order_relaxed);
  counts_.requests.store(proxy_.requests(), std::memory_order_relaxed);
  http2_metrics_.report(http2.nuisances, http2_pool_.nuisances());
  session_metrics_.report(tcp_, udp_);
  log_metrics_.report(log_courier_);
  dns_metrics_.report(resolver_.cache());
  net::close_spare_pipes();
  pipe_metrics_.report();
  tls_metrics_.report(tls_, *tls_client_);
}

void Worker::flush_logs() {
  if (access_log_ != nullptr) access_log_->flush();
  if (session_log_ != nullptr) session_log_->flush();
}

void Worker::drain() {
  loop_.post([this] { begin_drain(); });
}

void Worker::begin_drain() {
  draining_ = true;
  drain_started_us_ = loop_.now_us();
  proxy_.drain();
  http2_connections_.drain();
  for (auto& door : doors_) {
    door->shut();
    loop_.retire(door.release());  // events of this turn may still name it
  }
  doors_.clear();
  udp_.stop_listening();
  accepting_.store(false, std::memory_order_release);
}

void Worker::stop() { loop_.stop(); }

bool Worker::may_accept() {
  // Those who wait in the backlog do not push out who is here.
  return open_connections() < max_connections_;
}

// Descriptors are short: what nobody needs now goes.
void Worker::relieve() {
  observe::log(observe::Level::alert, "no descriptor is free: accepting again in a moment");
  pool_.shed(16);
}

}  // namespace pylon::gateway

// Worker: one thread with everything that serving needs: loop, listeners, connections, pools.
//
// Nothing of it is shared but the snapshot's seat, the metric cells and the log lanes, which are
// made for that. The control thread starts it, wakes it for a new snapshot, and tells it to drain.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "expr/template.h"
#include "gateway/dns_metrics.h"
#include "gateway/entry.h"
#include "gateway/http2_metrics.h"
#include "gateway/inherited.h"
#include "gateway/introductions.h"
#include "gateway/log_metrics.h"
#include "gateway/pipe_metrics.h"
#include "gateway/session_metrics.h"
#include "gateway/settings.h"
#include "gateway/tls_metrics.h"
#include "gateway/tls_side.h"
#include "http/h1/server_connection.h"
#include "http/h2/server_connection.h"
#include "net/loop_clock.h"
#include "observe/log_writer.h"
#include "observe/metrics.h"
#include "proxy/http_client.h"
#include "proxy/log_courier.h"
#include "proxy/pauses.h"
#include "proxy/proxy.h"
#include "stream/tcp_proxy.h"
#include "stream/udp_proxy.h"
#include "tls/client_context.h"
#include "upstream/dns_transport.h"

namespace pylon::gateway {

// What all workers share. Immutable but for what says otherwise; outlives them.
struct WorkerShared {
  const Settings& settings;
  const proxy::Options& options;
  const http::ServerLimits& limits;
  const upstream::dns::Config& dns;
  const expr::LogFormat& log_format;
  observe::LogWriter* access_log;  // null: off
  const expr::LogFormat& session_log_format;
  observe::LogWriter* session_log;  // null: off
  observe::Metrics& metrics;
  snapshot::Versions& versions;
  const tls::ServerOptions& tls;
  const tls::ClientContext& tls_client;
  tls::ServerShare& tls_share;
  const std::atomic<bool>& debug;        // basic debug mode; changes while they run
  std::function<void()> snapshot_taken;  // from a worker's thread: the control thread is to settle
};

// What a worker accepts from.
struct ListeningSocket {
  int fd;
  Entry entry;
};
struct ListeningSet {
  std::vector<ListeningSocket> connections;
  std::vector<int> datagrams;  // of this worker alone
};

// The state of a worker's connections, as other threads may read it.
struct WorkerCounts {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> requests{0};
  std::atomic<uint32_t> idle{0};
  std::atomic<uint32_t> busy{0};
};

class Worker {
 public:
  Worker(const WorkerShared& shared, unsigned index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread; it accepts from these sockets as soon as there is a snapshot.
  void start(ListeningSet listening);

  // From the control thread:
  void wake() {
    loop_.post([] {});
  }
  void drain();  // accept no more; the thread ends when the last connection has
  void stop();   // ends at once
  bool accepting() const { return accepting_.load(std::memory_order_acquire); }
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  void join() { thread_.join(); }
  const WorkerCounts& counts() const { return counts_; }

 private:
  void run();
  void arrive(std::unique_ptr<net::TcpStream> stream, const http::ConnectionEnds& ends,
              Entry entry);
  void enter(std::unique_ptr<net::Stream> stream, http::ConnectionEnds ends, Entry entry);
  void open_secured(std::unique_ptr<tls::Stream> stream, const http::ConnectionEnds& ends,
                    Entry entry);
  void open(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends);
  void at_top();
  void every_second();
  void begin_drain();
  size_t open_connections() const {
    return connections_.idle.size() + connections_.busy.size() + http2_connections_.size() +
           tls_.handshakes() + introductions_.size() + tcp_.sessions() + udp_.sessions();
  }

  bool may_accept();
  void relieve();
  void flush_logs();

  class Door;
  class Tick;

  const WorkerShared& shared_;
  unsigned index_;
  size_t max_connections_;
  net::Loop loop_;
  net::LoopClock clock_{loop_};
  std::unique_ptr<upstream::dns::Transport> dns_transport_;
  upstream::Resolver resolver_;
  std::unique_ptr<tls::ClientContext> tls_client_;
  upstream::Pool pool_{loop_, *tls_client_};
  upstream::Http2Pool http2_pool_;
  upstream::Balancer balancer_{clock_};
  proxy::WorkerHttpClient http_client_{loop_, resolver_, *tls_client_};
  proxy::WorkerPauses pauses_{loop_};
  proxy::WorkerLogCourier log_courier_;
  plugin::Worker lent_;
  proxy::Forwarder forwarder_;
  proxy::ForwardProxy forward_proxy_;
  std::unique_ptr<plugin::AccessLog> access_log_;   // null: off
  std::unique_ptr<plugin::AccessLog> session_log_;  // likewise
  proxy::Proxy proxy_;
  http::h2::ServerConnections http2_connections_;
  Http2Metrics http2_metrics_{shared_.metrics, shared_.metrics.shard(index_)};
  http::h1::ServerConnections connections_;
  SessionMetrics session_metrics_;
  PipeMetrics pipe_metrics_{shared_.metrics, shared_.metrics.shard(index_)};
  LogMetrics log_metrics_{shared_.metrics, shared_.metrics.shard(index_)};
  DnsMetrics dns_metrics_{shared_.metrics, shared_.metrics.shard(index_)};
  TlsSide tls_;
  TlsMetrics tls_metrics_{shared_.metrics, shared_.metrics.shard(index_)};
  stream::TcpDialer dialer_{loop_};
  stream::TcpProxy tcp_;
  stream::UdpProxy udp_;
  Introductions introductions_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::unique_ptr<Tick> tick_;
  ListeningSet listening_;
  WorkerCounts counts_;
  bool draining_ = false;
  int64_t drain_started_us_ = 0;
  std::atomic<bool> accepting_{true};  // uses the listening sockets
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace pylon::gateway

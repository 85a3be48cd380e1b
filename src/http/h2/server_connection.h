// ServerConnection: one client's HTTP/2 connection, from preface to close.
//
// It reads frames, starts one task of the Service per stream and sends what the streams push, all
// in one write at the end of the loop's turn. It owns itself and its streams: when the connection
// is over it retires. Belongs to one loop. Source: RFC 9113.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/intrusive_list.h"
#include "http/h2/server_stream.h"
#include "http/h2/session.h"
#include "http/server.h"
#include "net/inbox.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/waker.h"

namespace pylon::http::h2 {

class ServerConnection;

// The HTTP/2 connections of one worker: those without a stream in order of parking, and the others.
struct ServerConnections {
  static constexpr uint64_t kMaxHeadOctets = 32 << 20;

  IntrusiveList<ServerConnection> idle;
  IntrusiveList<ServerConnection> busy;
  Grants grants;
  NuisanceCounts nuisances;
  uint64_t opened = 0;
  uint64_t head_octets = 0;  // of all requests under way, as HPACK unfolded them

  // Tells all clients to send no more requests here; each ends when its streams have.
  void drain();
  void close_all();
  size_t size() const { return idle.size() + busy.size(); }
};

class ServerConnection final : public Session,
                               public net::Retirable,
                               public net::TurnEnd,
                               public ListHook<ServerConnection> {
 public:
  // Takes over the stream and what was read from it already, and begins to read.
  static void open(net::Loop& loop, std::unique_ptr<net::Stream> stream, const ConnectionEnds& ends,
                   const ServerLimits& limits, Service& service, ServerConnections& all,
                   std::string_view read = {});
  ~ServerConnection() override;

  void close_now();  // whatever it does
  void drain();

  // ---- for its streams
  net::Loop& loop() { return loop_; }
  const ServerLimits& limits() const { return limits_; }
  Service& service() { return service_; }
  const ConnectionEnds& ends() const { return ends_; }
  uint64_t id() const { return id_; }
  uint32_t count_request() { return ++requests_; }
  void on_output() { loop_.at_turn_end(*this); }
  // Calls proceed() of the stream soon.
  void make_due(Stream& stream) { due_.push_back(stream); }
  // Calls proceed() of the stream when the connection can send again.
  void make_wait(Stream& stream) {
    if (output_full()) was_full_ = true;
    if (!stream.in_list()) waiting_.push_back(stream);
  }
  bool write_out();  // false: the connection is broken
  size_t waiting_octets() { return output().size(); }
  bool output_is_full() const { return output_full(); }
  // A stream's exchange is over, but not all of its answer has left.
  void on_flushing() {
    if (flushing_us_ == 0) flushing_us_ = loop_.now_us();
  }
  uint64_t delivered() const;
  size_t streams_under_way() const { return live_.size(); }
  void head_grew(uint32_t octets);
  void stream_ended(ServerStream& stream);

 private:
  enum class State : uint8_t {
    open,
    lost,      // the peer has gone; some exchange is not over yet
    draining,  // everything is over but the last octets
    closed,
  };

  ServerConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream, const ConnectionEnds& ends,
                   const ServerLimits& limits, Service& service, ServerConnections& all);

  // Session
  Stream* begin_stream(uint32_t id) override;
  void on_field(Stream& stream, const FieldLine& line) override;
  const char* on_head(Stream& stream) override;
  const char* on_data(Stream& stream, size_t octets) override;
  void on_reset(Stream& stream) override;
  void on_window(Stream& stream) override;
  void on_connection_window() override;
  void on_goaway(uint32_t last_stream, ErrorCode code) override;
  void on_ping_ack(uint64_t opaque) override;
  int64_t now_us() const override { return loop_.now_us(); }

  static void on_event(void* self);
  void at_turn_end() override;
  void advance();
  bool read();
  void run_streams();
  void wake_waiting();
  // Waking those who wait is of use only then.
  bool may_send() const { return !output_full() && (was_full_ || !connection_window_closed()); }
  void settle();
  void arm();
  void on_timeout();
  void shed_stalled();
  void end_gracefully();
  void linger();
  void lose();
  void reset_streams();
  void part(bool reset);
  void close(bool reset);

  net::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  const ServerLimits& limits_;
  Service& service_;
  ServerConnections& all_;
  net::Waker waker_;
  net::Inbox inbox_;
  IntrusiveList<ServerStream> live_;
  IntrusiveList<Stream> due_;
  IntrusiveList<Stream> waiting_;
  uint64_t id_;
  uint64_t written_ = 0;         // octets that the socket took
  uint64_t seen_delivered_ = 0;  // octets the peer had at the last time-out
  int64_t partial_us_ = 0;       // since when a frame or header block is incomplete; 0: none is
  int64_t stuck_us_ = 0;         // since when output waits; 0: none does
  int64_t idle_us_ = 0;          // since when there is no stream; 0: there are
  int64_t flushing_us_ = 0;      // since when a stream without exchange has octets left; 0: none
  int64_t end_us_ = 0;           // draining: when to stop reading
  int64_t drain_us_ = 0;         // when the second GOAWAY is due; 0: it is not
  uint32_t head_octets_ = 0;
  uint32_t requests_ = 0;
  State state_ = State::open;
  bool in_run_ = false;
  bool was_full_ = false;    // some wait for room in the output, whatever the window
  bool parked_ = false;      // in the list of those without streams
  bool going_away_ = false;  // the last GOAWAY is out
  bool end_sent_ = false;    // draining: our end mark is out
  ConnectionEnds ends_;
};

}  // namespace pylon::http::h2

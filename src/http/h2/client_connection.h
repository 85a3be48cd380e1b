// ClientConnection: one HTTP/2 connection to an upstream node, shared by many exchanges, and
// ClientStream: the upstream's side of one of them.
//
// A connection owns itself and its streams; its pool knows it until it takes no more exchanges.
// Streams that the peer says it has not processed look as if nothing had been sent, so that the
// retry table may try them elsewhere. Belongs to one loop. Source: RFC 9113.
//
// A client that stops reading holds its own stream back and no other of the connection. Windows
// start narrow and grow with what is read, out of a budget of the worker's: what nobody reads is
// little, however many streams there are.
//
// A peer that is silent while exchanges wait is asked by PING whether it is there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/intrusive_list.h"
#include "http/h2/head.h"
#include "http/h2/session.h"
#include "http/upstream_side.h"
#include "net/inbox.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/waker.h"

namespace pylon::http::h2 {

class ClientConnection;

// What the streams of one worker were granted beyond their first window. Their peers may send all
// of it although nobody reads.
struct WindowBudget {
  static constexpr uint32_t kMost = 16 << 20;

  uint32_t lend(uint32_t octets) {
    octets = std::min(octets, kMost - lent);
    lent += octets;
    return octets;
  }
  void give_back(uint32_t octets) { lent -= octets; }

  uint32_t lent = 0;
};

// When a silent peer is asked. Only while exchanges wait: idle connections are left alone.
struct PingTerms {
  int64_t after_us = 10'000'000;     // of silence; 0: never
  int64_t patience_us = 20'000'000;  // until a connection on which nothing comes back is given up
  // Between two PINGs while nothing but their answers comes: servers of gRPC count those that come
  // sooner than 5 minutes apart, and end the connection at the third.
  int64_t apart_us = 310'000'000;
};

class ClientStream final : public Stream,
                           public UpstreamSide,
                           public net::Retirable,
                           public ListHook<ClientStream>,
                           private Body {
 public:
  explicit ClientStream(ClientConnection& connection) : Stream(0), connection_(connection) {}

  // ---- for the connection
  void take_field(const FieldLine& line);
  const char* take_head();  // null, or why it is malformed
  const char* take_data(size_t octets);
  void wake();
  void set_unprocessed() { unprocessed_ = true; }

  // ---- UpstreamSide
  void use(net::Waker& waker) override { waker_ = &waker; }
  void end() override;
  bool is_http2() const override { return true; }
  bool connecting() const override;
  bool broken() const override;
  int error() const override;
  Push send_head(const OutgoingHead& head, h1::Framing framing, std::string_view octets,
                 bool end) override;
  Push push(std::string_view octets, bool end) override;
  Push push_trailers(std::string_view lines) override;
  Push flush() override;
  void limit_reads(size_t octets) override { room_ = octets; }
  size_t unsent() const override { return pending.size(); }
  bool blocked() const override;
  uint64_t sent_bytes() const override { return unprocessed_ ? 0 : sent_; }
  ReadHead read_head(const h1::HeadLimits& limits, Method asked, Response& response) override;
  Body& body() override { return *this; }
  bool began() const override { return received_ != 0; }
  uint64_t received_bytes() const override { return received_; }
  const char* reason() const override { return reason_; }
  std::string_view trailers() const override { return trailer_lines_.text(); }

 private:
  struct Head {
    int status = 0;
    std::string lines;
  };

  Chunk pull() override;
  uint32_t growth();
  uint32_t borrow(size_t octets);
  Push after_push();
  ReadHead malformed(const char* why);

  ClientConnection& connection_;
  net::Waker* waker_ = nullptr;
  std::deque<Head> heads_;  // came, and were not read yet
  size_t held_lines_ = 0;   // octets of the interim ones among them
  Head block_;              // the one that is coming
  TrailerSection trailer_lines_;
  Buffer held_;  // the octets that the last pull() gave
  const char* reason_ = "the upstream ended the stream before the answer was complete";
  const char* malformed_ = nullptr;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  int64_t announced_ = -1;  // of the body; -1: nothing was
  uint64_t body_octets_ = 0;
  size_t room_ = Downstream::kAnyRoom;  // where the body goes to
  uint32_t lent_ = 0;                   // of its window, by the budget
  uint32_t taken_ = 0;                  // octets since the window grew
  int64_t opened_us_ = 0;
  bool unprocessed_ = false;
  bool regular_ = false;  // a field that is no pseudo-header field came
};

// The connections of one pool, by endpoint.
class ClientConnection final : public Session,
                               public net::Retirable,
                               public net::TurnEnd,
                               public ListHook<ClientConnection> {
 public:
  static constexpr uint32_t kMostStreams = 100;  // whatever more the peer allows

  struct Terms {
    uint64_t serial;   // of the endpoint that it was made for
    uint64_t variant;  // connections of another variant are no substitute
    int64_t idle_timeout_us;
    uint32_t streams = kMostStreams;  // at once, until the peer has said how many it allows
  };

  // What all connections to upstreams grant.
  static constexpr Grants kGrants{
      .stream_window = 4 << 10, .connection_window = 16 << 20, .streams_apart = true};

  // What the connections of one worker share.
  struct Shared {
    NuisanceCounts nuisances;
    WindowBudget windows;
    PingTerms pings;
  };

  ClientConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream, Shared& shared,
                   const Terms& terms);
  ~ClientConnection() override;

  // Whether one more exchange may use it.
  bool has_room() const;
  uint32_t allowed_streams() const {
    return settings_came() ? std::min(peer_streams(), kMostStreams) : terms_.streams;
  }
  ClientStream& add();
  void close();

  uint64_t serial() const { return terms_.serial; }
  uint64_t variant() const { return terms_.variant; }
  bool connecting() const { return stream_->connecting() && !stream_->broken(); }
  bool broken() const { return lost_ || stream_->broken(); }
  int error() const { return stream_->error(); }
  bool used() const { return exchanges_ > 1; }

  // ---- for its streams
  net::Loop& loop() { return loop_; }
  void open(ClientStream& stream);
  void on_output() { loop_.at_turn_end(*this); }
  bool write_out();
  size_t waiting_octets() { return output().size(); }
  WindowBudget& windows() { return shared_.windows; }
  void saw_large_answer() { expect_large_ = kLargeMemory; }
  bool expects_large_answer() { return expect_large_ > 0 && expect_large_-- > 0; }
  void make_wait(Stream& stream) {
    if (!stream.in_list()) waiting_.push_back(stream);
  }
  void ended(ClientStream& stream);
  // A stream of that age was given up before it was answered.
  void given_up(int64_t opened_us);

 private:
  static constexpr int kLargeMemory = 64;  // streams after a large answer that expect one, too

  Stream* begin_stream(uint32_t) override { return nullptr; }
  void on_field(Stream& stream, const FieldLine& line) override;
  const char* on_head(Stream& stream) override;
  const char* on_data(Stream& stream, size_t octets) override;
  void on_reset(Stream& stream) override;
  void on_window(Stream& stream) override { due_.push_back(stream); }
  void on_connection_window() override { on_output(); }
  void on_goaway(uint32_t last_stream, ErrorCode code) override;
  void on_ping_ack(uint64_t) override {}
  int64_t now_us() const override { return loop_.now_us(); }

  static void on_event(void* self);
  void at_turn_end() override;
  void advance();
  bool read();
  void wake_streams();
  // Waking those who wait is of use only then.
  bool may_send() const { return !output_full() && !connection_window_closed(); }
  void lose();
  void settle();
  bool unanswered() const { return pinged_us_ > heard_us_; }
  int64_t due_us() const;
  void on_timeout();

  net::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  net::Waker waker_;
  net::Inbox inbox_;
  IntrusiveList<ClientStream> live_;
  IntrusiveList<Stream> due_;
  IntrusiveList<Stream> waiting_;
  Terms terms_;
  Shared& shared_;
  int64_t heard_us_ = 0;   // when octets came last
  int64_t said_us_ = 0;    // when some of an answer came last
  int64_t since_us_;       // since when there are exchanges, or none
  int64_t pinged_us_ = 0;  // when it was asked last
  int expect_large_ = 0;
  uint64_t exchanges_ = 0;
  bool leaving_ = false;  // the peer takes no more streams
  bool lost_ = false;
  bool closed_ = false;
  bool in_wake_ = false;
};

}  // namespace pylon::http::h2

// ClientConnection: one HTTP/2 connection to an upstream node, shared by many exchanges, and
// ClientStream: the upstream's side of one of them.
//
// A connection owns itself and its streams; its pool knows it until it takes no more exchanges.
// Streams that the peer says it has not processed look as if nothing had been sent, so that the
// retry table may try them elsewhere. Belongs to one loop. Source: RFC 9113.
#pragma once

#include <deque>
#include <memory>
#include <string>

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
  void limit_reads(size_t) override {}
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
  Push after_push();
  ReadHead malformed(const char* why);

  ClientConnection& connection_;
  net::Waker* waker_ = nullptr;
  std::deque<Head> heads_;  // came, and were not read yet
  Head block_;              // the one that is coming
  TrailerSection trailer_lines_;
  Buffer held_;  // the octets that the last pull() gave
  const char* reason_ = "the upstream ended the stream before the answer was complete";
  const char* malformed_ = nullptr;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  int64_t announced_ = -1;  // of the body; -1: nothing was
  uint64_t body_octets_ = 0;
  bool unprocessed_ = false;
  bool regular_ = false;  // a field that is no pseudo-header field came
};

// The connections of one pool, by endpoint.
class ClientConnection final : public Session,
                               public net::Retirable,
                               public net::TurnEnd,
                               public ListHook<ClientConnection> {
 public:
  struct Terms {
    uint64_t serial;   // of the endpoint that it was made for
    uint64_t variant;  // connections of another variant are no substitute
    int64_t idle_timeout_us;
  };

  ClientConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream, const Grants& grants,
                   NuisanceCounts& counts, const Terms& terms);
  ~ClientConnection() override;

  // Whether one more exchange may use it.
  bool has_room() const;
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
  void make_wait(Stream& stream) {
    if (!stream.in_list()) waiting_.push_back(stream);
  }
  void ended(ClientStream& stream);

 private:
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
  void lose();
  void settle();

  net::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  net::Waker waker_;
  net::Inbox inbox_;
  IntrusiveList<ClientStream> live_;
  IntrusiveList<Stream> due_;
  IntrusiveList<Stream> waiting_;
  Terms terms_;
  uint64_t exchanges_ = 0;
  bool leaving_ = false;  // the peer takes no more streams
  bool lost_ = false;
  bool closed_ = false;
  bool in_wake_ = false;
};

}  // namespace pylon::http::h2

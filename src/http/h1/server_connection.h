// ServerConnection: one client's HTTP/1 connection, from accept to close.
//
// It parses heads, starts one task of the Service per request and is the Downstream of that
// exchange. Between requests it holds no coroutine: it parks in the loop. It owns itself: when the
// connection is over it retires. Belongs to one loop. Source: RFC 9112.
#pragma once

#include <memory>

#include "base/intrusive_list.h"
#include "http/exchange_memory.h"
#include "http/h1/body_decoder.h"
#include "http/h1/message.h"
#include "http/server.h"
#include "net/inbox.h"
#include "net/loop.h"
#include "net/outbox.h"
#include "net/stream.h"
#include "net/waker.h"

namespace pylon::http::h2 {
struct ServerConnections;
}

namespace pylon::http::h1 {

class ServerConnection;

class HeadWriter;

// The connections of one worker: parked ones in order of parking, and busy ones.
struct ServerConnections {
  h2::ServerConnections* http2 = nullptr;  // for clients that begin with HTTP/2's preface
  IntrusiveList<ServerConnection> idle;
  IntrusiveList<ServerConnection> busy;
  uint64_t opened = 0;

  // Closes parked connections to get descriptors back, the longest parked first. Returns how many.
  size_t shed_idle(size_t at_most);
  // Closes the connections that are parked since then or longer, and on which nothing is on its way
  // in either direction.
  void close_unused(int64_t since_us);
  void close_all();
  size_t fresh() const;  // accepted, but no request of theirs has come yet
};

class ServerConnection final : public Downstream,
                               private Body,
                               public net::Retirable,
                               public ListHook<ServerConnection> {
 public:
  // Takes over the stream and begins to read.
  static void open(net::Loop& loop, std::unique_ptr<net::Stream> stream, const ConnectionEnds& ends,
                   const ServerLimits& limits, Service& service, ServerConnections& all);
  ~ServerConnection() override;

  void close_idle();    // only while parked
  void close_unused();  // likewise, and nothing is lost by it
  bool unused_since(int64_t us) const;
  void close_now();  // whatever it does
  bool fresh() const { return requests_ == 0; }

  // Downstream
  Body& request_body() override { return *body_; }
  int body_failure() const override;
  bool body_complete() const override;
  std::string_view request_trailers() const override;
  async::Task<BodyRead> buffer_body(size_t limit, std::string_view& out) override;
  void replace_body(std::string_view octets) override;
  Chunk fail_body(int status) override;
  Push send_interim(const Response& response) override;
  void start_response(int64_t length) override;
  Push push(std::string_view octets, bool end) override;
  uint64_t pipe_room() const override;
  Push push_pipe(net::PipeLease octets, bool end) override;
  Push push_trailers(std::string_view lines) override;
  Push flush() override;
  size_t unsent() const override { return outbox_.size(); }
  size_t room() const override { return outbox_.empty() ? kAnyRoom : 0; }
  bool delivering() override;
  void abort() override;
  void close_after_answer() override;
  net::Waker& waker() override { return waker_; }
  bool gone() const override { return stream_->broken(); }

 private:
  enum class State : uint8_t { reading, busy, draining, closed };
  enum class Delimiter : uint8_t { none, length, chunked, close, tunnel };

  // What one request needs beside its exchange.
  struct Request final : ExchangeMemory {
    BodyDecoder decoder;
    std::string_view head;  // of the answer, until the first push
    TextBody buffered{{}};
    uint64_t body_bytes = 0;
    int64_t left = 0;  // octets of an answer with a length that are still to be pushed
    int body_failure = 0;
    Delimiter delimiter = Delimiter::none;
    bool keep_alive = true;
    bool last = false;      // the client has said that it sends nothing behind it
    bool answered = false;  // the last octet was pushed
    bool started = false;   // an answer's head was made
  };

  ServerConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream, const ConnectionEnds& ends,
                   const ServerLimits& limits, Service& service, ServerConnections& all);

  static void on_idle(void* self);
  static void on_served(void* self);

  void advance();
  void yield();
  bool flushed();
  bool parse_head();
  bool oversized() const;
  bool may_speak_http2() const;
  [[gnu::cold]] void hand_to_http2();
  void begin(ParseResult head);
  [[gnu::cold]] void refuse(uint16_t status, const char* reason);
  void admit(ParseResult head);
  void fill_peers(Exchange& exchange);
  void serve();
  void finish_exchange();
  bool receive();
  void park();
  [[gnu::cold]] void on_timeout();
  bool all_taken() const;
  void start_draining();
  void drain();
  void close(bool reset);

  Chunk pull() override;
  Chunk no_more(net::IoState state);
  uint64_t passable() const override;
  Pull pass(net::Pipe& into, uint64_t at_most) override;
  Push send(const iovec* parts, int count);
  Push sent(net::IoState state);
  void ended();
  void write_framing_fields(HeadWriter& head, int64_t length);
  Delimiter delimiter_for(const Exchange& exchange, int64_t length) const;

  net::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  const ServerLimits& limits_;
  Service& service_;
  ServerConnections& all_;
  net::Waker waker_;
  net::Inbox inbox_;
  net::Outbox outbox_;
  std::unique_ptr<Request> request_;
  async::Task<void> task_;  // dies before what it works on
  Body* body_ = this;
  int64_t head_deadline_us_ = 0;  // 0: no octet of the next head yet
  uint64_t id_;
  uint64_t delivered_ = 0;  // of all octets sent, at the last delivering()
  uint32_t requests_ = 0;
  uint32_t seen_ = 0;  // octets of a partial head that were looked at
  State state_ = State::reading;
  bool aborted_ = false;
  bool in_advance_ = false;
  bool yielded_ = false;   // parked only to let others have a turn
  bool end_sent_ = false;  // draining: our end mark is out
  ConnectionEnds ends_;
};

}  // namespace pylon::http::h1

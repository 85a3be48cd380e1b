// ClientConnection: one HTTP/1 connection to an upstream node, used by one exchange at a time.
//
// Nothing blocks: `again` means to wait on the waker that was given to use(). Whoever uses it keeps
// the order send_head, push..., read_head (until the final one), body().pull()... ; requests and
// answers may overlap. Between exchanges it lies in a pool. Belongs to one loop. Source: RFC 9112.
#pragma once

#include <algorithm>
#include <memory>

#include "base/intrusive_list.h"
#include "http/body.h"
#include "http/downstream.h"
#include "http/h1/body_decoder.h"
#include "http/h1/message.h"
#include "http/upstream_side.h"
#include "net/inbox.h"
#include "net/outbox.h"
#include "net/stream.h"
#include "net/waker.h"

namespace pylon::http::h1 {

using http::ReadHead;

class ClientConnection final : public UpstreamSide,
                               private Body,
                               public net::Retirable,
                               public ListHook<ClientConnection> {
 public:
  using Dropped = void (*)(void* pool, ClientConnection& connection);

  ClientConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream, uint64_t serial,
                   uint64_t variant = 0);
  ~ClientConnection() override;

  // ---- life
  void use(net::Waker& waker) override;
  // Idle now: `dropped` is called when the peer stirs or `deadline_us` passes. Only if reusable().
  void rest(int64_t deadline_us, Dropped dropped, void* pool);
  // Closes and retires it.
  void end() override;

  bool connecting() const override { return stream_->connecting(); }
  bool broken() const override { return stream_->broken(); }
  int error() const override { return stream_->error(); }
  bool reused() const { return exchanges_ > 1; }
  uint32_t exchanges() const { return exchanges_; }
  uint64_t serial() const { return serial_; }  // of the endpoint that it was made for
  // What sets its TLS session apart from others with the endpoint; 0: plain.
  uint64_t variant() const { return variant_; }
  // Something happened on it since it was laid to rest; asks the kernel when `thorough`.
  bool stirred(bool thorough) const { return stream_->stirred(thorough) || broken(); }

  // ---- request
  Push send_head(const OutgoingHead& head, Framing framing, std::string_view octets,
                 bool end) override {
    return send_head(head.http1, framing, octets, end);
  }
  Push send_head(std::string_view head, Framing framing, std::string_view octets, bool end);
  Push push(std::string_view octets, bool end) override;
  uint64_t pipe_room() const override;
  Push push_pipe(net::PipeLease octets, bool end) override;
  Push push_trailers(std::string_view lines) override;  // instead of push(end), for chunked bodies
  Push flush() override;
  void limit_reads(size_t octets) override { read_limit_ = std::max(octets, kLeastRead); }
  size_t unsent() const override { return outbox_.size(); }
  bool blocked() const override { return unsent() != 0; }
  uint64_t sent_bytes() const override {
    uint64_t taken = outbox_.sent_bytes() - sent_before_;
    return taken - std::min<uint64_t>(taken, stream_->untaken());
  }
  bool finish_writing() override {
    stream_->shutdown_write();
    return stream_->untaken() == 0 || stream_->broken();
  }

  // ---- answer
  // The octets of the head are copied into the arena of response.fields.
  ReadHead read_head(const HeadLimits& limits, Method asked, Response& response) override;
  Body& body() override { return *this; }
  // After a 101: from now on body() yields plain octets.
  void become_tunnel() override;
  void cut() override { stream_->close(true); }
  bool began() const override { return received_ != 0; }  // an octet of the answer came
  uint64_t received_bytes() const override { return received_; }
  const char* reason() const override { return reason_; }  // of `malformed` or a failed body
  std::string_view trailers() const override { return decoder_.trailer_octets(); }
  // The exchange is over and left the connection clean.
  bool reusable() const {
    return keep_alive_ && decoder_.done() && inbox_.empty() && outbox_.empty() && request_ended_ &&
           !stream_->can_read() && !broken() && !stream_->peer_ended();
  }

 private:
  static void on_idle(void* self);
  Chunk pull() override;
  uint64_t passable() const override;
  Pull pass(net::Pipe& into, uint64_t at_most) override;
  Chunk no_more(net::IoState state);
  Push sent(net::IoState state) const;
  void relocate(Response& response, uint32_t head_bytes);

  net::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  net::Waker idle_waker_;
  net::Inbox inbox_;
  net::Outbox outbox_;
  BodyDecoder decoder_;
  HeadLimits limits_;
  Dropped dropped_ = nullptr;
  void* pool_ = nullptr;
  const char* reason_ = "";
  static constexpr size_t kLeastRead = 256;

  size_t read_limit_ = net::ReadBuffer::kBytes;
  uint64_t serial_;
  uint64_t variant_;
  uint64_t sent_before_ = 0;
  uint64_t received_ = 0;
  uint32_t exchanges_ = 0;
  uint32_t seen_ = 0;
  Framing framing_ = Framing::none;
  bool keep_alive_ = false;
  bool request_ended_ = false;
};

}  // namespace pylon::http::h1

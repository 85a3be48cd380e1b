// ServerStream: one request on a ServerConnection, and the client's side of its exchange.
//
// It lives as long as the task of its exchange, and on until what was pushed has left. It belongs
// to its connection. Source: RFC 9113 sections 5 and 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "http/downstream.h"
#include "http/exchange_memory.h"
#include "http/h2/head.h"
#include "http/h2/session.h"
#include "net/loop.h"
#include "net/waker.h"

namespace pylon::http::h2 {

class ServerConnection;

class ServerStream final : public Stream,
                           public Downstream,
                           public net::Retirable,
                           public ListHook<ServerStream>,
                           private Body {
 public:
  ServerStream(ServerConnection& connection, uint32_t id);
  ~ServerStream() override;

  // ---- for the connection
  void take_field(const FieldLine& line);
  const char* take_head();  // null, or why head or trailers are malformed
  const char* take_data(size_t octets);
  // Something happened: starts the exchange, wakes it, or sends on what is pending.
  void proceed();
  bool over() const { return ended_; }  // nothing reads its body any more
  void kill();                          // ends the exchange wherever it stands
  bool started() const { return started_; }
  uint32_t head_octets() const { return head_octets_; }
  // For streams without an exchange: whether octets left since this was asked last.
  bool stalled();

  // ---- Downstream
  Body& request_body() override { return *body_; }
  int body_failure() const override { return body_failure_ == 499 ? 0 : body_failure_; }
  bool body_complete() const override { return remote_ended; }
  std::string_view request_trailers() const override { return trailers_.text(); }
  async::Task<BodyRead> buffer_body(size_t limit, std::string_view& out) override;
  void replace_body(std::string_view octets) override;
  Chunk fail_body(int status) override;
  Push send_interim(const Response& response) override;
  void start_response(int64_t length) override;
  Push push(std::string_view octets, bool end) override;
  Push push_trailers(std::string_view lines) override;
  Push flush() override;
  size_t unsent() const override;
  size_t room() const override;
  size_t first_room() const override;
  bool delivering() override;
  void abort() override { aborted_ = true; }
  void close_after_answer() override {}
  net::Waker& waker() override { return waker_; }
  bool gone() const override { return reset; }

 private:
  static void on_served(void* self);
  void start();
  void finish();
  bool is_connected() const;
  void fill_peers(Exchange& exchange);
  Chunk pull() override;
  Push state_after_push();
  static void judge_tunnel(Response& response);
  void write_head(bool end);
  Push lost();

  ServerConnection& connection_;
  std::unique_ptr<ExchangeMemory> memory_;
  net::Waker waker_;
  RequestHead head_;
  TrailerSection trailers_;
  Buffer held_;  // the octets that the last pull() gave
  TextBody buffered_{{}};
  Body* body_ = this;
  async::Task<void> task_;  // dies before what it works on
  uint64_t received_ = 0;   // octets of the body
  int64_t length_ = -1;     // of the answer; -1: not known
  int64_t left_ = -1;       // of that, octets that are still to be pushed
  uint64_t watched_ = 0;    // octets sent when delivering() or stalled() was asked last
  uint32_t head_octets_ = 0;
  int body_failure_ = 0;
  bool started_ = false;
  bool ended_ = false;         // the task is over
  bool head_pending_ = false;  // start_response() was called, the first push was not
  bool head_sent_ = false;
  bool bodiless_ = false;  // HEAD, 204, 304
  bool answered_ = false;  // the last octet was pushed
  bool aborted_ = false;
};

}  // namespace pylon::http::h2

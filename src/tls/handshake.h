// Handshakes: the connections of a worker that have been accepted and not come to TLS yet.
//
// A client that has sent nothing costs a socket. Only so many handshakes are under way at once; the
// rest wait their turn, and when all places are taken, those that dawdle make room: the one that
// has had its place longest first, unless its client has just answered. When more wait than there
// are places, the newest is taken in first and patience is short: of a crowd that old most have
// gone, or never meant to go on, and a client that comes now shall not stand behind them. Each
// handshake has a limited time for all of it. Belongs to one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/intrusive_list.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/waker.h"
#include "tls/server_context.h"
#include "tls/stream.h"

namespace pylon::tls {

class Handshakes;

// One connection; deletes itself at the end of a turn. Who accepts derives from it, keeps what
// belongs to the connection there, and takes the stream in established().
class Handshake : public net::Retirable, public ListHook<Handshake> {
 public:
  ~Handshake() override;
  // Sees whether something has come already: when others have read from the stream before.
  void look();
  void close();

 protected:
  // `context`: how this one is spoken; it must outlive the handshake.
  Handshake(Handshakes& all, ServerContext& context, std::unique_ptr<net::Stream> inner);
  // Usable, with a protocol agreed.
  virtual void established(std::unique_ptr<Stream> stream) = 0;
  // It came to nothing, or `stream` is null: it never began.
  virtual void failed(const Stream* stream) = 0;

 private:
  friend class Handshakes;
  enum class State : uint8_t { silent, waiting, under_way, over };

  static void on_event(void* self);
  void begin();
  bool has_answer() const;
  void go_on();
  void finish();

  Handshakes& all_;
  ServerContext& context_;
  std::unique_ptr<net::Stream> inner_;  // until it begins
  std::unique_ptr<Stream> stream_;
  net::Waker waker_;
  int64_t began_us_ = 0;
  State state_ = State::silent;
};

class Handshakes {
 public:
  struct Limits {
    size_t under_way = 512;
    int64_t timeout_us = 60'000'000;        // from accept to the last octet of the handshake
    int64_t patience_us = 2'000'000;        // how long one that dawdles keeps its place from others
    int64_t short_patience_us = 1'000'000;  // likewise, from a crowd
  };

  Handshakes(net::Loop& loop, const Limits& limits)
      : loop_(loop), limits_(limits), turn_(loop, &Handshakes::on_turn, this) {}
  ~Handshakes() { close_all(); }
  Handshakes(const Handshakes&) = delete;
  Handshakes& operator=(const Handshakes&) = delete;

  size_t size() const { return silent_.size() + waiting_.size() + under_way_.size(); }
  void close_all();
  void close_silent();  // those of clients that have sent nothing
  bool shed_silent();   // the oldest of these; false: there is none

 private:
  friend class Handshake;
  static void on_turn(void* self) { static_cast<Handshakes*>(self)->admit(); }
  bool crowded() const { return waiting_.size() > limits_.under_way; }
  int64_t patience_us() const {
    return crowded() ? limits_.short_patience_us : limits_.patience_us;
  }
  void admit();
  bool make_room();

  net::Loop& loop_;
  Limits limits_;
  IntrusiveList<Handshake> silent_;     // nothing has come yet
  IntrusiveList<Handshake> waiting_;    // something has come, but there was no place
  IntrusiveList<Handshake> under_way_;  // by age
  net::Waker turn_;                     // when the next one loses its place
  bool admitting_ = false;
};

}  // namespace pylon::tls

// Stream: TLS over another stream, which it owns.
//
// It is connecting() until the handshake is over; then either usable or broken(), and failure()
// says why. Records are filled from several parts and leave in one write of the stream below;
// between calls nothing is held but what that stream would not take. Belongs to one loop.
//
// OpenSSL does the handshake; where it can, a server's connection is taken over by Records then.
//
// The peer's end is its close_notify. A connection that ends without one counts as ended on a
// server's side, where requests tell their length, and as broken on a client's, where an answer may
// have been cut short (RFC 9112 9.8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/loop.h"
#include "net/stream.h"
#include "net/waker.h"
#include "tls/agreed.h"
#include "tls/openssl.h"
#include "tls/records.h"

namespace pylon::tls {

enum class Side : uint8_t { server, client };

class Stream final : public net::Stream {
 public:
  // `ssl` knows already what it accepts and demands: see ServerContext and ClientContext.
  Stream(net::Loop& loop, std::unique_ptr<net::Stream> inner, SslPtr ssl, Side side);
  ~Stream() override;

  net::Io read(char* into, size_t size) override;
  net::Io write(const iovec* parts, int count) override;
  using net::Stream::write;
  void shutdown_write() override;
  void close(bool reset) override;
  void receive_ahead() override { inner_->receive_ahead(); }
  uint64_t acknowledged(uint64_t written) const override;
  // Of the stream below: encrypted octets, which are more.
  size_t untaken() const override { return inner_->untaken(); }
  bool stirred(bool thorough) override;

  // Goes on with the handshake now, if there is something to go on with.
  void advance();

  // Whether advance() has something to go on with, asked from the kernel now.
  bool can_go_on() const { return unread_.size != 0 || inner_->stirred(true); }

  // Why it is broken, in words; empty when the stream below broke: error() tells then.
  const std::string& failure() const { return failure_; }

  // Of no meaning until the handshake is over.
  const Agreed& agreed() const { return agreed_; }

 private:
  // Octets that must wait, in memory of their own.
  struct Rest {
    std::unique_ptr<char[]> octets;
    uint32_t at = 0;
    uint32_t size = 0;

    void keep(const char* from, size_t count);  // behind what is there
    size_t take(char* into, size_t most);       // the first of them; how many
    void drop(size_t count);
    std::string_view view() const { return {octets.get() + at, size}; }
  };
  enum class Flow : uint8_t { ok, wants_input, wants_room, ended, failed };

  static void on_inner(void* self);
  void progress();
  Flow judge(int result);
  net::Io receive(size_t room);
  void take_over(uint64_t sealed);
  void forget_secrets();
  Flow decrypt(char* into, size_t size, size_t& got, net::IoState& below);
  Flow open_records(char* into, size_t size, size_t& got, net::IoState& below);
  bool holds_input() const;
  void stash_feed();
  bool send_out();
  bool flush();
  bool encrypt_piece(std::string_view piece);
  size_t encrypt(const iovec* parts, int count, size_t skip, size_t budget, bool& failed);
  void encrypt_end();
  void settle_flags();
  void fail();
  void fail_below();
  void release();

  std::unique_ptr<net::Stream> inner_;
  SslPtr ssl_;                               // null: records_ has taken over, or it is closed
  std::unique_ptr<TrafficSecrets> secrets_;  // of a server, in its handshake
  std::unique_ptr<Records> records_;
  Agreed agreed_;
  net::Waker inner_waker_;
  Rest unread_;        // encrypted, received, and not yet wanted
  Rest opened_;        // decrypted by records_, and not yet asked for
  Rest unsent_;        // encrypted, and not yet taken by the stream below
  uint64_t sent_ = 0;  // encrypted octets that the stream below has taken
  uint32_t owed_ = 0;  // plain octets in unsent_ that write() has not owned up to yet
  Side side_;
  bool crowded_ = false;   // the stream below was full once: encrypt little at a time
  bool end_told_ = false;  // the peer's close_notify has come
  bool ending_ = false;    // after unsent_ comes the end mark of the stream below
  std::string failure_;
};

}  // namespace pylon::tls

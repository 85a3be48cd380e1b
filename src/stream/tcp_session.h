// TcpSession: one relayed connection, from accept to close. It owns itself and retires when it is
// over. Belongs to one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "async/task.h"
#include "base/intrusive_list.h"
#include "net/inbox.h"
#include "net/loop.h"
#include "net/outbox.h"
#include "net/stream.h"
#include "net/waker.h"
#include "stream/tcp_proxy.h"

namespace pylon::stream {

class TcpSession final : public net::Retirable, public ListHook<TcpSession> {
 public:
  static void open(TcpProxy& proxy, std::unique_ptr<net::Stream> client,
                   const TcpProxy::Arrival& arrival);
  ~TcpSession() override;

  void close(bool reset);

 private:
  enum class State : uint8_t { opening, relaying, closed };
  enum class Moved : uint8_t { nothing, some, failed };

  struct Direction {
    net::Outbox outbox;   // what the receiver would not take
    bool ended = false;   // the sender has sent everything
    bool passed = false;  // and the receiver knows
    bool bulk = false;    // the last read was as large as may be: more will come
    uint64_t octets = 0;
  };

  TcpSession(TcpProxy& proxy, std::unique_ptr<net::Stream> client,
             const TcpProxy::Arrival& arrival);

  static void on_event(void* self);
  static void on_opened(void* self);

  async::Task<bool> establish();
  async::Task<void> find_name();
  async::Task<bool> preread();
  async::Task<bool> more_octets(int64_t deadline_us);
  async::Task<bool> connect(const upstream::Upstream& upstream);
  async::Task<const char*> dial(const upstream::Upstream& upstream, const upstream::Pick& pick);
  async::Task<bool> connected(int64_t deadline_us);
  bool announce(net::Stream& node);
  bool secure(const upstream::Upstream& upstream, const upstream::Pick& pick);
  std::string_view problem() const;

  void begin_relay();
  void relay();
  void on_silence();
  static bool all_left(net::Stream& to);
  Moved pass_end(net::Stream& to, Direction& direction);
  Moved move(net::Stream& from, net::Stream& to, Direction& direction);
  static Moved pass(net::Stream& from, net::Stream& to, Direction& direction, net::PipeLease pipe);

  TcpProxy& proxy_;
  Presence::Stay stay_;
  std::unique_ptr<net::Stream> client_;
  std::unique_ptr<net::Stream> node_;
  net::Waker waker_;
  std::unique_ptr<Admission> admission_;  // null while it relays, unless its end is logged
  async::Task<bool> task_;                // dies before what it works on
  net::Inbox inbox_;                      // what preread looked at
  Direction up_, down_;
  std::optional<upstream::Ticket> ticket_;
  int64_t idle_timeout_us_;
  int64_t moved_us_ = 0;  // when octets moved last
  State state_ = State::opening;
  SessionStatus status_ = SessionStatus::failed;
  bool announces_;
  bool yielded_ = false;  // armed only to let others have a turn
};

}  // namespace pylon::stream

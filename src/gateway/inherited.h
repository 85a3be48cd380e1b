// What a gateway process gets from the supervisor that started it: listening sockets, the text of
// config.yaml, the secret of session tickets, a pipe to say "ready" into, and a pipe that commands
// come from.
//
// The descriptors are named in the environment variable PYLON_INHERITED:
//
//   v1 config=3 tickets=4 ready=5 commands=6 proxy@0.0.0.0:9080=7 admin@127.0.0.1:9180=8
//
// Signals are no matter of the gateway process: the supervisor takes them and sends commands. It
// also watches the time: after `drain` comes `stop` when the configured time is over, and SIGKILL
// when that does not help either. When the supervisor dies, the gateway process is killed with it
// (PR_SET_PDEATHSIG).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/secret.h"

namespace pylon::gateway {

enum class SocketKind : uint8_t {
  proxy,
  tls,
  stream,      // TCP connections that stream routes take
  stream_tls,  // the same within TLS
  stream_udp,  // datagrams; one socket for each worker
  admin,
  control,
  status,
  metrics
};
std::string_view kind_name(SocketKind kind);

struct InheritedSocket {
  SocketKind kind;
  std::string address;  // "127.0.0.1:9080", "[::1]:9080"
  Fd fd;                // listening, non-blocking, close-on-exec
};

enum class Command : char {
  none = 0,
  // The next gateway process is about to start: give it the store, and stop accepting on the admin
  // sockets. Clients are served as before.
  hand_over = 'h',
  take_back = 't',    // it failed: open the store again and go on as before
  drain = 'd',        // stop accepting, finish what is under way, end
  stop = 's',         // end now
  reopen_logs = 'r',  // log files were renamed
};

class InheritedSockets {
 public:
  // Of this process, once: takes the variable out of the environment.
  static Result<InheritedSockets> take();

  InheritedSockets() = default;  // nothing inherited: for tests that open sockets themselves
  InheritedSockets(InheritedSockets&&) = default;
  InheritedSockets& operator=(InheritedSockets&&) = default;

  const std::vector<InheritedSocket>& all() const { return sockets_; }
  std::vector<const InheritedSocket*> of_kind(SocketKind kind) const;
  void close_sockets() { sockets_.clear(); }  // the kernel hands no more connections to us

  const std::string& config_text() const { return config_text_; }
  const Secret& ticket_secret() const { return ticket_secret_; }  // empty: of an older supervisor

  // Non-blocking; readable when a command waits or the supervisor is gone. -1: nothing inherited.
  int command_fd() const { return commands_.get(); }
  Command next_command();  // `none`: no more for now; `stop`: also when the supervisor is gone

  // Once: all sockets are accepted from, with the configuration loaded.
  void report_ready();
  // Once, instead: why this process ends without having been ready. For people.
  void report_failure(std::string_view why);

 private:
  bool take_item(std::string_view item);
  void report(std::string_view text);

  std::vector<InheritedSocket> sockets_;
  std::string config_text_;
  Secret ticket_secret_;
  Fd ready_;
  Fd commands_;
};

// The supervisor's half.
constexpr const char* kInheritedVariable = "PYLON_INHERITED";
constexpr std::string_view kReadyReport = "ready\n";

}  // namespace pylon::gateway

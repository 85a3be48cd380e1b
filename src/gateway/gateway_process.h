// GatewayProcess: the supervisor's handle of one gateway process: how it was started, what it said,
// and how it is told to end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "gateway/inherited.h"
#include "gateway/listening.h"

namespace pylon::gateway {

struct GatewayCommand {
  std::string program;  // absolute path
  std::vector<std::string> arguments;
  std::optional<int64_t> open_files;  // RLIMIT_NOFILE; nothing: the hard limit
};

// What every gateway process gets besides its sockets.
struct Inheritance {
  const std::string& config_text;
  Secret ticket_secret;
};

class GatewayProcess {
 public:
  enum class State : uint8_t { starting, serving, draining, stopping };

  // Starts the program with these sockets.
  static Result<GatewayProcess> start(const GatewayCommand& command,
                                      const std::vector<WantedSocket>& wanted,
                                      const ListeningSockets& sockets,
                                      const Inheritance& inheritance, int64_t now_ms);

  pid_t pid() const { return pid_; }
  State state() const { return state_; }
  bool is_leaving() const { return state_ >= State::draining; }
  int64_t since_ms() const { return since_ms_; }        // when this state began
  int64_t deadline_ms() const { return deadline_ms_; }  // when it must have left it; 0: never

  // Readable while it starts; -1 afterwards.
  int report_fd() const { return report_.get(); }
  // Reads what it reports. True when it became ready just now.
  bool read_report(int64_t now_ms);
  // What it said in place of "ready"; may be empty.
  const std::string& complaint() const { return complaint_; }

  void send(Command command);
  void drain(int64_t now_ms, int64_t timeout_ms);
  void stop(int64_t now_ms);
  // When the deadline is over: a draining process is told to stop, any other is killed.
  void enforce(int64_t now_ms);

 private:
  void enter(State state, int64_t now_ms, int64_t timeout_ms);

  pid_t pid_ = -1;
  State state_ = State::starting;
  int64_t since_ms_ = 0;
  int64_t deadline_ms_ = 0;
  Fd report_;
  Fd commands_;
  std::string complaint_;
};

}  // namespace pylon::gateway

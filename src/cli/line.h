// Line: a blocking connection to one of the gateway's own servers on this machine.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "gateway/settings.h"
#include "tls/openssl.h"

namespace pylon::cli {

class Line {
 public:
  // To an address that is listened on. The error says what to do.
  static Result<Line> open(const gateway::ListenAddress& listen);

  // From now on TLS is spoken, with a server that has exactly this certificate, whatever names and
  // issuer stand in it; where one is asked for, the same is shown. Paths of PEM files.
  Result<void> secure(const std::string& certificate_path, const std::string& key_path);

  // The address that was called.
  const std::string& name() const { return name_; }
  bool send(std::string_view text);
  // How many octets came; 0: the end; negative: a failure.
  ssize_t receive(char* buffer, size_t size);

 private:
  Line(std::string name, Fd fd) : name_(std::move(name)), fd_(std::move(fd)) {}

  std::string name_;
  Fd fd_;
  tls::SslContextPtr context_;
  tls::SslPtr ssl_;  // null: plain
};

}  // namespace pylon::cli

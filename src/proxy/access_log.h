// AccessLog: one line per exchange in the configured nginx-style format, straight into the worker's
// lane of the log writer. No disk on the request's way. One per worker.
#pragma once

#include <cstring>
#include <string_view>

#include "expr/template.h"
#include "http/exchange.h"
#include "observe/log_writer.h"

namespace pylon::proxy {

class AccessLog {
 public:
  // Both must outlive it; the format is shared by all workers.
  AccessLog(const expr::LogFormat& format, observe::LogLane& lane) : format_(format), lane_(lane) {}

  // exchange.end_us is set.
  void write(http::Exchange& exchange) {
    std::string_view line = format_.line(exchange);
    char* to = lane_.reserve(line.size() + 1);
    if (to == nullptr) return;  // counted by the lane
    if (!line.empty()) std::memcpy(to, line.data(), line.size());
    to[line.size()] = '\n';
    lane_.commit(line.size() + 1);
  }

  void flush() { lane_.flush(); }

 private:
  const expr::LogFormat& format_;
  observe::LogLane& lane_;
};

}  // namespace pylon::proxy

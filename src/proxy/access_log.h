// AccessLog: one line per exchange in the configured nginx-style format, straight into the worker's
// lane of the log writer. No disk on the request's way. One per worker.
#pragma once

#include <cstdint>

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
    expr::LogFormat::Line line = format_.prepare(exchange);
    char* to = lane_.reserve(line.bytes + 1);
    if (to == nullptr) return;  // counted by the lane
    char* end = format_.write(line, to);
    *end = '\n';
    lane_.commit(line.bytes + 1);
  }

  void flush() { lane_.flush(); }

 private:
  const expr::LogFormat& format_;
  observe::LogLane& lane_;
};

}  // namespace pylon::proxy

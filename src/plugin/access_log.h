// AccessLog: one line per request or session in the configured nginx-style format, straight into
// the worker's lane of the log writer. No disk on the request's way. One per worker.
#pragma once

#include "expr/template.h"
#include "http/exchange.h"
#include "observe/log_writer.h"

namespace pylon::plugin {

class AccessLog {
 public:
  // Both must outlive it; the format is shared by all workers.
  AccessLog(const expr::LogFormat& format, observe::LogLane& lane) : format_(format), lane_(lane) {}

  // exchange.end_us is set.
  void write(http::Exchange& exchange) { lane_.append(format_.line(exchange)); }

  void flush() { lane_.flush(); }

 private:
  const expr::LogFormat& format_;
  observe::LogLane& lane_;
};

}  // namespace pylon::plugin

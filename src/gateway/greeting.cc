#include "gateway/greeting.h"

#include <utility>

#include "observe/log.h"

namespace pylon::gateway {

void Greeting::established(std::unique_ptr<tls::Stream> stream) {
  ends_.tls = stream.get();
  opened(std::move(stream), ends_);
}

void Greeting::failed(const tls::Stream* stream) {
  if (stream == nullptr || stream->failure().empty()) return;
  if (stream->failure() == "callback failed") return;  // ours: the log has it already
  observe::log(observe::Level::info, "client {}: TLS handshake: {}", ends_.client_name(),
               stream->failure());
}

}  // namespace pylon::gateway

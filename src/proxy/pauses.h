// WorkerPauses: how a plugin lets time pass for one exchange, on the worker's loop.
#pragma once

#include <cstdint>

#include "net/waker.h"
#include "plugin/worker.h"

namespace pylon::proxy {

class WorkerPauses final : public plugin::Pauses {
 public:
  explicit WorkerPauses(net::Loop& loop) : loop_(loop) {}

  async::Task<void> pause(int64_t us) override {
    net::Waker waker(loop_);
    (void)co_await waker.wait(loop_.now_us() + us);
  }

 private:
  net::Loop& loop_;
};

}  // namespace pylon::proxy

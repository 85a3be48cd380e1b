// Worker: what a worker lends to the plugins that run on it. Reached as exchange.worker.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "async/task.h"
#include "base/clock.h"

namespace pylon::observe {
class MetricShard;
}

namespace pylon::plugin {

class HttpClient;
class LogCourier;

// One object per worker for a plugin that needs memory of its own there (a cache, bound metrics).
// The slot is handed out by Services::worker_slot; the object is made on first use.
class WorkerStores {
 public:
  template <class T>
  T& at(uint32_t index);

 private:
  struct Erased {
    virtual ~Erased() = default;
  };
  template <class T>
  struct Holder final : Erased {
    T object;
  };
  std::vector<std::unique_ptr<Erased>> stores_;
};

// Lets time pass for one exchange. Ends early only with the task that waits.
class Pauses {
 public:
  virtual async::Task<void> pause(int64_t us) = 0;

 protected:
  ~Pauses() = default;
};

struct Worker {
  const Clock& clock;  // the loop's: read once per turn, costs a load
  observe::MetricShard& metrics;
  HttpClient& http;
  Pauses& pauses;
  LogCourier& logs;
  uint32_t index = 0;
  WorkerStores stores = {};
};

template <class T>
class WorkerSlot {
 public:
  explicit WorkerSlot(uint32_t index) : index_(index) {}
  T& in(Worker& worker) const { return worker.stores.at<T>(index_); }

 private:
  uint32_t index_;
};

template <class T>
T& WorkerStores::at(uint32_t index) {
  if (index >= stores_.size()) [[unlikely]]
    stores_.resize(index + 1);
  if (stores_[index] == nullptr) [[unlikely]]
    stores_[index] = std::make_unique<Holder<T>>();
  return static_cast<Holder<T>&>(*stores_[index]).object;
}

}  // namespace pylon::plugin

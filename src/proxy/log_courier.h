// WorkerLogCourier: the LogCourier of a worker, on its loop: a queue and at most one connection per
// destination.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "net/loop.h"
#include "plugin/log_courier.h"
#include "tls/client_context.h"
#include "upstream/resolver.h"

namespace pylon::proxy {

class WorkerLogCourier final : public plugin::LogCourier {
 public:
  static constexpr size_t kMostDestinations = 256;

  WorkerLogCourier(net::Loop& loop, upstream::Resolver& resolver, tls::ClientContext& tls);
  ~WorkerLogCourier();

  void send(const std::shared_ptr<const plugin::LogDestination>& to,
            std::string_view message) override;

  // The process ends: what waits is sent now, once.
  void hurry();
  // Nothing waits or is on its way.
  bool settled() const { return busy_ == 0; }

  uint64_t sent() const { return sent_; }  // messages
  uint64_t dropped() const { return dropped_; }

 private:
  class Outlet;

  Outlet* outlet_of(const std::shared_ptr<const plugin::LogDestination>& to);
  void drop(size_t messages, const plugin::LogDestination& to, std::string_view reason);

  net::Loop& loop_;
  upstream::Resolver& resolver_;
  tls::ClientContext& tls_;
  std::unordered_map<const plugin::LogDestination*, std::unique_ptr<Outlet>> outlets_;
  uint64_t sent_ = 0;
  uint64_t dropped_ = 0;
  size_t busy_ = 0;  // outlets with messages
  int64_t complained_us_ = 0;
  bool hurries_ = false;
};

}  // namespace pylon::proxy

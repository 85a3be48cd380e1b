// Context: what a plugin may ask for when it is made from a configuration, on the control thread.
//
// What outlives a configuration (counters, breaker state) is not the plugin's: it is a service,
// found by its key and kept for the life of the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "plugin/upstream_names.h"
#include "plugin/worker.h"

namespace pylon::observe {
class Metrics;
}

namespace pylon::plugin {

// Control thread only; the objects it hands out say themselves which threads may use them.
class Services {
 public:
  Services(observe::Metrics& metrics, const Clock& clock, Json plugin_attr = Json::object())
      : metrics_(metrics), clock_(clock), plugin_attr_(std::move(plugin_attr)) {}

  // The service of that key, made by the first who asks. One key always names one type.
  template <class T, class... Args>
  T& get(std::string_view key, Args&&... args) {
    auto found = services_.find(key);
    if (found == services_.end()) {
      auto holder = std::make_unique<Holder<T>>(std::forward<Args>(args)...);
      found = services_.emplace(key, std::move(holder)).first;
    }
    return static_cast<Holder<T>&>(*found->second).object;
  }

  // The place of a T in every worker; one key always gives the same place.
  template <class T>
  WorkerSlot<T> worker_slot(std::string_view key) {
    return WorkerSlot<T>(number_of(worker_slots_, key));
  }

  // The place of a plugin's metadata in a MetadataSet.
  uint32_t metadata_slot(std::string_view plugin) { return number_of(metadata_slots_, plugin); }

  observe::Metrics& metrics() { return metrics_; }
  const Clock& clock() const { return clock_; }
  UpstreamNames& upstreams() { return upstreams_; }
  const Json& attributes(std::string_view plugin) const;  // plugin_attr.<plugin> of config.yaml

 private:
  struct Erased {
    virtual ~Erased() = default;
  };
  template <class T>
  struct Holder final : Erased {
    template <class... Args>
    explicit Holder(Args&&... args) : object(std::forward<Args>(args)...) {}
    T object;
  };
  static uint32_t number_of(StringMap<uint32_t>& numbers, std::string_view key);

  observe::Metrics& metrics_;
  const Clock& clock_;
  UpstreamNames upstreams_;
  Json plugin_attr_;
  StringMap<std::unique_ptr<Erased>> services_;
  StringMap<uint32_t> worker_slots_;
  StringMap<uint32_t> metadata_slots_;
};

struct Context {
  std::string_view plugin;    // its name
  std::string_view resource;  // who carries the configuration: "/apisix/routes/1"
  const Json& conf;           // validated, defaults filled in
  Services& services;

  const Json& attributes() const { return services.attributes(plugin); }
};

}  // namespace pylon::plugin

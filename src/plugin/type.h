// PluginType: a plugin's class as tables of functions, made by type_of<P>() in plugin.h.
//
// Everything that handles plugins without knowing them (chains, catalogue, Admin API) works over
// these tables, so that it is compiled once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/json.h"
#include "base/ref.h"
#include "base/result.h"
#include "plugin/spec.h"
#include "plugin/verdict.h"

namespace pylon::http {
class Body;
struct Exchange;
}  // namespace pylon::http
namespace pylon::config {
class AuthConf;
}

namespace pylon::plugin {

struct Connection;
struct Context;

// A plugin made from one configuration. Immutable; any worker may run it.
class Instance : public RefCounted {
 public:
  virtual ~Instance() = default;
  const void* object() const { return object_; }  // the plugin itself, for PhaseCall

 protected:
  const void* object_ = nullptr;
};

// Plugin metadata as its struct.
class MetadataValue : public RefCounted {
 public:
  virtual ~MetadataValue() = default;
  const void* object() const { return object_; }

 protected:
  const void* object_ = nullptr;
};

// How one phase of a plugin is called; the member in use follows from the phase and from `async`.
// `state` is the plugin's State of this exchange, null when it has none.
struct PhaseCall {
  using Sync = Verdict (*)(const void* plugin, http::Exchange&, void* state);
  using Async = async::Task<Verdict> (*)(const void* plugin, http::Exchange&, void* state);
  using Observe = void (*)(const void* plugin, http::Exchange&, void* state);
  using Filter = http::Body& (*)(const void* plugin, http::Exchange&, http::Body&, void* state);
  using Preread = Verdict (*)(const void* plugin, Connection&, void* state);

  union {
    Sync sync = nullptr;  // rewrite, access, before_proxy
    Async async;          // the same, when they are coroutines
    Observe observe;      // header_filter, log, session_log
    Filter filter;        // body_filter
    Preread preread;
  };
  bool present = false;
  bool is_async = false;
};

struct StateInfo {
  size_t bytes = 0;  // 0: the plugin has none
  size_t align = 1;
  void (*construct)(void* place) = nullptr;
};

// One of a plugin's documents: its configuration, a consumer's part of it, its metadata.
struct DocumentInfo {
  Json (*schema)() = nullptr;  // null: the plugin has no such document
  std::string (*reference)() = nullptr;
  std::vector<std::string> (*encrypted_fields)() = nullptr;
};

struct PluginType {
  PluginSpec spec;
  std::array<PhaseCall, kPhases> calls;
  StateInfo state;
  uint64_t prefer_bit = 0;  // set by the catalogue for plugins with prefer_route
  DocumentInfo config;
  DocumentInfo consumer;
  DocumentInfo metadata;

  // `conf` of the context has passed the schema. What the schema cannot say is checked here too.
  Result<void> (*check)(const Context& context) = nullptr;
  Result<Ref<const Instance>> (*make)(const Context& context) = nullptr;
  // From values that have passed the schema of their document; null without that document.
  Result<Ref<const config::AuthConf>> (*make_auth)(const Json& conf) = nullptr;
  Result<Ref<const MetadataValue>> (*make_metadata)(const Json& conf) = nullptr;

  // Has a phase of requests, or says who a consumer is; else it is for connections alone.
  bool serves_http() const {
    for (size_t phase = 0; phase < static_cast<size_t>(Phase::preread); phase++) {
      if (calls[phase].present) return true;
    }
    return spec.kind == PluginKind::auth;
  }
  bool serves(Subsystem subsystem) const {
    if (subsystem == Subsystem::http) return serves_http();
    return has(Phase::preread) || has(Phase::session_log);
  }
  bool has(Phase phase) const { return calls[static_cast<size_t>(phase)].present; }
  const PhaseCall& call(Phase phase) const { return calls[static_cast<size_t>(phase)]; }
};

}  // namespace pylon::plugin

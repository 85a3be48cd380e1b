// plugin.h: the one header that a plugin's author needs.
//
// A plugin is one class in one file, and one line in plugins/all.cc:
//
//   class IpRestriction {
//    public:
//     struct Config {                          // its fields, declared once (schema/fields.h)
//       int response_code = 403;
//       static constexpr auto fields = std::tuple{
//           field("response_code", &Config::response_code, "Status of the refusal.")};
//     };
//     static constexpr PluginSpec spec{.name = "ip-restriction", .priority = 3000, .doc = "..."};
//
//     explicit IpRestriction(Config config);   // or (Config, const Context&); once a configuration
//     Verdict access(Exchange& exchange) const;
//   };
//   PluginType ip_restriction() { return type_of<IpRestriction>(); }
//
// Phases are const member functions, found by name; one that is not written costs nothing:
//
//   Verdict rewrite(Exchange&) const;       // also access, before_proxy
//   Task<Verdict> access(Exchange&) const;  // or any of the three as a coroutine
//   void header_filter(Exchange&) const;    // exchange.response is complete but for its body
//   Body& body_filter(Exchange&, Body& source) const;  // `source`, or a Body that pulls from it
//   void log(Exchange&) const;              // the answer has left; exchange.end_us is set
//   Verdict preread(Connection&) const;     // TCP: it was accepted; UDP: the first datagram
//   void session_log(Exchange&) const;      // TCP, UDP: it is over
//
// Optional members of the class:
//
//   struct State {...};           // per exchange, trivial to copy: the last argument of the phases
//                                 // that ask for it, as in access(Exchange&, State&) const
//   struct ConsumerConfig {...};  // auth plugins: what a consumer or credential carries
//   struct Metadata {...};        // plugin metadata; read with MetadataSlot<Metadata>
//   static Result<void> check(const Config&);    // or (const Config&, const Context&): what the
//                                                // schema cannot say
//
// An instance is made on the control thread, is immutable and runs on all workers at once. Memory
// of a worker: WorkerSlot. What outlives the configuration: Context::services. An exchange's
// memory: exchange.arena. Nothing on the request's way may allocate elsewhere, lock or block.
#pragma once

#include <new>
#include <tuple>
#include <utility>

#include "async/task.h"
#include "config/credential_index.h"
#include "http/body.h"
#include "http/exchange.h"
#include "plugin/connection.h"
#include "plugin/context.h"
#include "plugin/metadata.h"
#include "plugin/spec.h"
#include "plugin/type.h"
#include "plugin/verdict.h"
#include "schema/fields.h"

namespace pylon::plugin {

using async::Task;
using http::Body;
using http::Exchange;

template <class P>
PluginType type_of();

// A body filter in the exchange's arena. Its destructor never runs: it may own nothing else.
template <class Filter, class... Args>
Filter& make_filter(Exchange& exchange, Args&&... args) {
  void* place = exchange.arena.allocate(sizeof(Filter), alignof(Filter));
  return *new (place) Filter(std::forward<Args>(args)...);
}

}  // namespace pylon::plugin

#include "plugin/plugin_impl.h"

// Chain: the merged plugins of a route (or of all global rules), laid out for running.
//
// Per phase an array of the plugins that have it, in order of priority: a phase that nobody has
// costs one comparison. A Chain owns nothing: SharedChain keeps the sets alive that it was built
// from, in the snapshot. Immutable; any worker may run it.
//
//   ActiveChain chain(route.chain(), exchange);      // once per exchange, when the route is known
//   Verdict verdict = chain.is_async(phase) ? co_await chain.run_async(phase, exchange)
//                                           : chain.run(phase, exchange);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "async/task.h"
#include "base/ref.h"
#include "plugin/set.h"
#include "plugin/spec.h"
#include "plugin/trace.h"
#include "plugin/type.h"

namespace pylon::plugin {

class Chain {
 public:
  Chain() : serial_(0) {}  // without plugins

  // Of each plugin the last set that names it counts, as a whole: give the service first, then the
  // plugin config, then the route. The sets must outlive the chain.
  static Chain build(std::span<const PluginSet* const> sets);

  // The route's chain with a consumer's plugins over it (group first; either may be null). Its
  // rewrite phase holds only what the consumer adds: the route's has run before the consumer was
  // known. May be called on a worker; everything given must outlive the chain.
  static Chain merge(const Chain& route, const PluginSet* group, const PluginSet* consumer);

  // The plugins of this kind alone, in the same order.
  Chain only(PluginKind kind) const;

  // One plugin of a chain, for whoever explains it.
  struct Part {
    const PluginType* type;
    const void* plugin;  // Instance::object()
    int priority;        // its own, or _meta.priority
    bool filtered;       // _meta.filter decides whether it runs
  };
  std::vector<Part> parts() const;  // in the order in which they run

  bool empty() const { return members_.empty(); }
  bool has(Phase phase) const { return begin_[index(phase)] != begin_[index(phase) + 1]; }
  bool is_async(Phase phase) const { return (async_phases_ >> index(phase)) & 1; }
  // Whether the request's body is to be known before this phase, or before a later one in which no
  // body can be waited for: a plugin or its filter names variables that look at it. Coroutines
  // are left out: they read it themselves.
  bool looks_at_body(Phase phase) const { return (body_phases_ >> index(phase)) & 1; }
  // Of the plugins in it that replace their instance in the global rules.
  uint64_t prefer_bits() const { return prefer_bits_; }
  // Never the same for two chains built by build(); 0 for the one without plugins.
  uint64_t serial() const { return serial_; }

 private:
  friend class ActiveChain;

  struct Member {
    const PluginType* type;
    const void* plugin;
    const Meta* meta;  // null: nothing to do about it
    int priority;
    uint32_t state;      // offset in the exchange's state
    uint32_t filter;     // offset of the byte that remembers the filter's answer
    bool consumer_only;  // added by the consumer merge
    bool looks_at_body;
  };
  struct Step {
    PhaseCall call;
    const void* plugin;
    const Meta* meta;
    uint64_t prefer_bit;
    uint32_t state;
    uint32_t filter;
    const PluginSpec* spec;
  };

  static size_t index(Phase phase) { return static_cast<size_t>(phase); }
  void put(const PluginSet& set, bool consumer_only);
  void place(Member& member);
  void finish(bool merged);
  void add_steps(Phase phase, bool consumer_only);
  std::span<const Step> steps(Phase phase) const {
    return {steps_.data() + begin_[index(phase)], steps_.data() + begin_[index(phase) + 1]};
  }

  std::vector<Member> members_;  // by priority
  std::vector<Step> steps_;      // by phase, then by priority
  std::array<uint16_t, kPhases + 1> begin_{};
  uint8_t async_phases_ = 0;
  uint8_t body_phases_ = 0;
  uint32_t state_bytes_ = 0;
  uint64_t prefer_bits_ = 0;
  uint64_t serial_;
};

// A chain with the sets it was built from. Control thread.
class SharedChain : public RefCounted {
 public:
  explicit SharedChain(std::vector<Ref<const PluginSet>> sets);
  const Chain& chain() const { return chain_; }

 private:
  std::vector<Ref<const PluginSet>> sets_;
  Chain chain_;
};

// A chain at work for one exchange: with the plugins' State and the answers of their filters, in
// the exchange's arena. Small and copyable; valid as long as the exchange.
class ActiveChain {
 public:
  ActiveChain() = default;  // does nothing
  // Plugins whose prefer bit is in `hidden` are left out: global rules give the route's bits.
  ActiveChain(const Chain& chain, http::Exchange& exchange, uint64_t hidden = 0);

  // Goes on with the chain that ConsumerMerge made of this one; states are kept.
  void adopt(const Chain& merged, http::Exchange& exchange);
  void hide(uint64_t prefer_bits) { hidden_ = prefer_bits; }

  bool idle() const { return chain_ == nullptr || chain_->empty(); }
  bool has(Phase phase) const { return chain_ != nullptr && chain_->has(phase); }
  bool is_async(Phase phase) const { return chain_ != nullptr && chain_->is_async(phase); }
  bool looks_at_body(Phase phase) const {
    return chain_ != nullptr && chain_->looks_at_body(phase);
  }

  // rewrite, access, before_proxy. run() is for phases that are not async.
  Verdict run(Phase phase, http::Exchange& exchange) const;
  // With a trace each plugin that runs is noted in it.
  async::Task<Verdict> run_async(Phase phase, http::Exchange& exchange,
                                 Trace* trace = nullptr) const;

  // TCP and UDP. `at` is where to go on: 0 at first, then where a plugin waited for octets.
  Verdict preread(Connection& connection, size_t& at) const;

  // Notes the plugins of a phase that has run, or will.
  void note(Phase phase, http::Exchange& exchange, Trace& trace) const;

  void header_filter(http::Exchange& exchange) const {
    if (has(Phase::header_filter)) observe(Phase::header_filter, exchange);
  }
  void log(http::Exchange& exchange) const {
    if (has(Phase::log)) observe(Phase::log, exchange);
  }
  void session_log(http::Exchange& exchange) const {
    if (has(Phase::session_log)) observe(Phase::session_log, exchange);
  }
  // The body that the client gets: `source`, or the last filter around it.
  http::Body& body_filter(http::Exchange& exchange, http::Body& source) const {
    return has(Phase::body_filter) ? filtered(exchange, source) : source;
  }

 private:
  void observe(Phase phase, http::Exchange& exchange) const;
  http::Body& filtered(http::Exchange& exchange, http::Body& source) const;
  void construct_states(size_t from);
  bool admits(const Chain::Step& step, http::Exchange& exchange) const;
  Verdict concluded(const Chain::Step& step, Verdict verdict) const;

  const Chain* chain_ = nullptr;
  std::byte* state_ = nullptr;
  uint64_t hidden_ = 0;
};

}  // namespace pylon::plugin

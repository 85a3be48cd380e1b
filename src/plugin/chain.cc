#include "plugin/chain.h"

#include <algorithm>
#include <cstring>

#include "http/exchange.h"
#include "observe/log.h"
#include "plugin/connection.h"
#include "plugin/serial.h"

namespace pylon::plugin {
namespace {

// What a filter said about this exchange, in a byte of its state.
enum FilterAnswer : uint8_t { kUnasked = 0, kRuns = 1, kStaysOut = 2 };

bool is_coroutine(const PluginType& type) {
  return type.call(Phase::rewrite).is_async || type.call(Phase::access).is_async ||
         type.call(Phase::before_proxy).is_async;
}

bool names_body(const PluginSet::Item& item) {
  if (item.meta != nullptr && item.meta->filter && item.meta->filter->needs_body()) return true;
  return item.names_body && !is_coroutine(*item.type);
}

}  // namespace

Chain Chain::build(std::span<const PluginSet* const> sets) {
  Chain chain;
  for (const PluginSet* set : sets) chain.put(*set, false);
  chain.finish(false);
  chain.serial_ = chain.empty() ? 0 : next_serial();
  return chain;
}

Chain Chain::merge(const Chain& route, const PluginSet* group, const PluginSet* consumer) {
  Chain chain;
  chain.members_ = route.members_;
  chain.state_bytes_ = route.state_bytes_;
  if (group != nullptr) chain.put(*group, true);
  if (consumer != nullptr) chain.put(*consumer, true);
  chain.finish(true);
  return chain;
}

Chain Chain::only(PluginKind kind) const {
  Chain chain;
  chain.members_ = members_;
  chain.state_bytes_ = state_bytes_;
  std::erase_if(chain.members_, [&](const Member& m) { return m.type->spec.kind != kind; });
  chain.finish(false);
  return chain;
}

std::vector<Chain::Part> Chain::parts() const {
  std::vector<Part> parts;
  for (const Member& member : members_) {
    bool filtered = member.meta != nullptr && member.meta->filter.has_value();
    parts.push_back({member.type, member.plugin, member.priority, filtered});
  }
  return parts;
}

// Later sets replace the plugins of earlier ones. Disabled ones stay as members without a plugin
// until finish(), so that they hide the plugin of a lower source.
void Chain::put(const PluginSet& set, bool consumer_only) {
  for (const PluginSet::Item& item : set.items()) {
    auto same = std::find_if(members_.begin(), members_.end(),
                             [&](const Member& member) { return member.type == item.type; });
    bool added = same == members_.end() || same->consumer_only;
    if (same == members_.end()) same = members_.insert(same, Member{});
    const Meta* meta = item.meta.get();
    int priority = meta != nullptr && meta->priority ? *meta->priority : item.type->spec.priority;
    bool guarded = meta != nullptr && (meta->filter || meta->error_response);
    *same = {item.type,
             item.instance ? item.instance->object() : nullptr,
             guarded ? meta : nullptr,
             priority,
             0,
             0,
             consumer_only && added,
             names_body(item)};
    place(*same);
  }
}

// Takes room in the exchange's state for what the member needs there.
void Chain::place(Member& member) {
  if (member.plugin == nullptr) return;
  const StateInfo& state = member.type->state;
  if (state.bytes > 0) {
    state_bytes_ = static_cast<uint32_t>((state_bytes_ + state.align - 1) & ~(state.align - 1));
    member.state = state_bytes_;
    state_bytes_ += static_cast<uint32_t>(state.bytes);
  }
  if (member.meta != nullptr && member.meta->filter) member.filter = state_bytes_++;
}

void Chain::finish(bool merged) {
  std::erase_if(members_, [](const Member& member) { return member.plugin == nullptr; });
  std::stable_sort(members_.begin(), members_.end(),
                   [](const Member& a, const Member& b) { return a.priority > b.priority; });
  for (size_t i = 0; i < kPhases; ++i) {
    begin_[i] = static_cast<uint16_t>(steps_.size());
    auto phase = static_cast<Phase>(i);
    add_steps(phase, merged && phase == Phase::rewrite);
  }
  begin_[kPhases] = static_cast<uint16_t>(steps_.size());
  members_.shrink_to_fit();
  steps_.shrink_to_fit();
}

void Chain::add_steps(Phase phase, bool consumer_only) {
  for (const Member& member : members_) {
    const PhaseCall& call = member.type->call(phase);
    prefer_bits_ |= member.type->prefer_bit;
    if (member.looks_at_body) {
      Phase first = member.type->has(Phase::rewrite) ? Phase::rewrite : Phase::access;
      body_phases_ |= static_cast<uint8_t>(1u << index(first));
    }
    if (!call.present || (consumer_only && !member.consumer_only)) continue;
    steps_.push_back({call, member.plugin, member.meta, member.type->prefer_bit, member.state,
                      member.filter, &member.type->spec});
    if (call.is_async) async_phases_ |= static_cast<uint8_t>(1u << index(phase));
  }
}

SharedChain::SharedChain(std::vector<Ref<const PluginSet>> sets) : sets_(std::move(sets)) {
  std::vector<const PluginSet*> raw;
  for (const auto& set : sets_) raw.push_back(set.get());
  chain_ = Chain::build(raw);
}

ActiveChain::ActiveChain(const Chain& chain, http::Exchange& exchange, uint64_t hidden)
    : chain_(&chain), hidden_(hidden) {
  if (chain.state_bytes_ == 0) return;
  state_ = static_cast<std::byte*>(exchange.arena.allocate(chain.state_bytes_));
  construct_states(0);
}

void ActiveChain::adopt(const Chain& merged, http::Exchange& exchange) {
  size_t kept = chain_ != nullptr ? chain_->state_bytes_ : 0;
  chain_ = &merged;
  if (merged.state_bytes_ == kept) return;
  auto* grown = static_cast<std::byte*>(exchange.arena.allocate(merged.state_bytes_));
  if (kept > 0) std::memcpy(grown, state_, kept);
  state_ = grown;
  construct_states(kept);
}

// Of the states that begin at `from` or later; the filters' bytes among them become unasked.
void ActiveChain::construct_states(size_t from) {
  std::memset(state_ + from, 0, chain_->state_bytes_ - from);
  for (const Chain::Member& member : chain_->members_) {
    const StateInfo& state = member.type->state;
    if (state.construct != nullptr && member.state >= from) state.construct(state_ + member.state);
  }
}

bool ActiveChain::admits(const Chain::Step& step, http::Exchange& exchange) const {
  if ((step.prefer_bit & hidden_) != 0) return false;
  if (step.meta == nullptr || !step.meta->filter) [[likely]]
    return true;
  std::byte& answer = state_[step.filter];
  if (answer == std::byte{kUnasked}) {
    answer = std::byte{step.meta->filter->matches(exchange) ? kRuns : kStaysOut};
  }
  return answer == std::byte{kRuns};
}

Verdict ActiveChain::concluded(const Chain::Step& step, Verdict verdict) const {
  if (verdict.status() < 400) return verdict;
  observe::log(observe::Level::info, "{} exits with http status code {}", step.spec->name,
               verdict.status());
  if (step.meta == nullptr || !step.meta->error_response) return verdict;
  return finish(verdict.status(), *step.meta->error_response);
}

Verdict ActiveChain::run(Phase phase, http::Exchange& exchange) const {
  if (chain_ == nullptr) return proceed();
  for (const Chain::Step& step : chain_->steps(phase)) {
    if (!admits(step, exchange)) continue;
    Verdict verdict = step.call.sync(step.plugin, exchange, state_ + step.state);
    if (!verdict.proceeds()) return concluded(step, verdict);
  }
  return proceed();
}

async::Task<Verdict> ActiveChain::run_async(Phase phase, http::Exchange& exchange,
                                            Trace* trace) const {
  if (chain_ == nullptr) co_return proceed();
  for (const Chain::Step& step : chain_->steps(phase)) {
    if (!admits(step, exchange)) continue;
    if (trace != nullptr) trace->note(step.spec->name, phase);
    Verdict verdict;
    if (step.call.is_async) {
      async::Task<Verdict> pending = step.call.async(step.plugin, exchange, state_ + step.state);
      verdict = co_await pending;
    } else {
      verdict = step.call.sync(step.plugin, exchange, state_ + step.state);
    }
    if (!verdict.proceeds()) co_return concluded(step, verdict);
  }
  co_return proceed();
}

void ActiveChain::note(Phase phase, http::Exchange& exchange, Trace& trace) const {
  if (chain_ == nullptr) return;
  for (const Chain::Step& step : chain_->steps(phase)) {
    if (admits(step, exchange)) trace.note(step.spec->name, phase);
  }
}

Verdict ActiveChain::preread(Connection& connection, size_t& at) const {
  if (chain_ == nullptr) return proceed();
  for (auto steps = chain_->steps(Phase::preread); at < steps.size(); at++) {
    if (!admits(steps[at], connection.exchange)) continue;
    void* state = state_ + steps[at].state;
    Verdict verdict = steps[at].call.preread(steps[at].plugin, connection, state);
    if (verdict.pauses()) at++;
    if (!verdict.proceeds()) return verdict;
  }
  return proceed();
}

void ActiveChain::observe(Phase phase, http::Exchange& exchange) const {
  for (const Chain::Step& step : chain_->steps(phase)) {
    if (admits(step, exchange)) step.call.observe(step.plugin, exchange, state_ + step.state);
  }
}

http::Body& ActiveChain::filtered(http::Exchange& exchange, http::Body& source) const {
  http::Body* body = &source;
  for (const Chain::Step& step : chain_->steps(Phase::body_filter)) {
    if (!admits(step, exchange)) continue;
    body = &step.call.filter(step.plugin, exchange, *body, state_ + step.state);
  }
  return *body;
}

}  // namespace pylon::plugin

#include "upstream/balancer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/ids.h"
#include "upstream/crc32.h"

namespace pylon::upstream {
namespace {

constexpr double kDecayUs = 10e6;

bool same(const DenseIds::Id& a, const DenseIds::Id& b) { return a.serial == b.serial; }

bool any_usable(const Upstream& upstream) {
  return std::any_of(upstream.targets.begin(), upstream.targets.end(),
                     [](const Target& target) { return target.usable(); });
}

bool node_usable(const Upstream& upstream, const Node& node) {
  auto first = upstream.targets.begin() + node.first_target;
  return std::any_of(first, first + node.target_count,
                     [](const Target& target) { return target.usable(); });
}

}  // namespace

Balancer::Balancer(const Clock& clock, uint64_t seed)
    : clock_(clock), random_(seed != 0 ? seed : random_u64() | 1) {}

Pick Balancer::pick(const Upstream& upstream, http::Exchange& exchange, Tried& tried) {
  if (upstream.empty() || tried.full()) return {};
  uint32_t chosen = 0;
  if (upstream.targets.size() > 1) {
    State& state = state_of(upstream);
    chosen = choose({upstream, state, tried, state.health_matters}, exchange);
    // Health may have changed since the state was made: rather an unhealthy node than none.
    if (chosen == kNone && tried.empty()) {
      chosen = choose({upstream, state, tried, false}, exchange);
    }
    if (chosen == kNone) return {};
  }
  if (!tried.contains(chosen)) tried.add(chosen);
  if (upstream.balancing == Balancing::least_conn) ++state_of(upstream).active[chosen].requests;
  const Target& target = upstream.targets[chosen];
  Pick pick{&target, &upstream.nodes[target.node], {}};
  pick.ticket = {upstream.balancing,
                 chosen,
                 upstream.slot->id(),
                 {target.endpoint->id(), target.endpoint->serial()}};
  return pick;
}

void Balancer::learn(const Ticket& ticket, int64_t rtt_us) {
  if (ticket.balancing == Balancing::ewma && rtt_us >= 0) {
    if (ticket.endpoint.index >= ewma_.size()) ewma_.resize(ticket.endpoint.index + 1);
    Ewma& average = ewma_[ticket.endpoint.index];
    if (average.endpoint_serial != ticket.endpoint.serial) average = {ticket.endpoint.serial};
    int64_t now_us = clock_.monotonic_us();
    auto passed_us = static_cast<double>(now_us - average.touched_us);
    double kept = std::exp(-passed_us / kDecayUs);
    average.rtt_us = average.rtt_us * kept + static_cast<double>(rtt_us) * (1 - kept);
    average.touched_us = now_us;
  }
  if (ticket.balancing != Balancing::least_conn || ticket.slot.index >= states_.size()) return;
  State* state = states_[ticket.slot.index].get();
  if (state == nullptr || state->slot_serial != ticket.slot.serial) return;
  auto at = state->active.begin();
  if (ticket.target < state->active.size()) at += ticket.target;  // where it was
  if (at == state->active.end() || !same(at->endpoint, ticket.endpoint)) {
    at = std::find_if(state->active.begin(), state->active.end(),
                      [&](const Active& active) { return same(active.endpoint, ticket.endpoint); });
  }
  if (at != state->active.end() && at->requests > 0) --at->requests;
}

Balancer::State& Balancer::state_of(const Upstream& upstream) {
  const DenseIds::Id& slot = upstream.slot->id();
  if (slot.index >= states_.size()) states_.resize(slot.index + 1);
  std::unique_ptr<State>& state = states_[slot.index];
  if (state == nullptr || state->slot_serial != slot.serial) {
    state = std::make_unique<State>();
    state->slot_serial = slot.serial;
  }
  uint32_t health_version = upstream.health ? upstream.health->version() : 0;
  bool fresh = state->upstream_serial == upstream.serial && state->health_version == health_version;
  if (!fresh) [[unlikely]] {
    state->health_version = health_version;
    renew(upstream, *state);
    state->upstream_serial = upstream.serial;
  }
  return *state;
}

void Balancer::renew(const Upstream& upstream, State& state) {
  state.health_matters = upstream.health && any_usable(upstream);
  if (upstream.balancing == Balancing::roundrobin) {
    if (state.upstream_serial != upstream.serial) state.rotations.clear();
    state.rotations.resize(upstream.groups.size());
    for (size_t i = 0; i < upstream.groups.size(); ++i) {
      renew_rotation(upstream, upstream.groups[i], state, state.rotations[i]);
    }
  }
  if (upstream.balancing == Balancing::least_conn) renew_active(upstream, state);
  if (!upstream.one_address_per_node) state.turns.resize(upstream.nodes.size());
}

void Balancer::renew_rotation(const Upstream& upstream, const Group& group, State& state,
                              Rotation& rotation) {
  rotation.usable.clear();
  rotation.divisor = 0;
  bool all = true;
  for (uint32_t i = group.first_node; i < group.first_node + group.node_count; ++i) {
    if (state.health_matters && !node_usable(upstream, upstream.nodes[i])) {
      all = false;
      continue;
    }
    rotation.usable.push_back(i);
    rotation.divisor = std::gcd(rotation.divisor, upstream.nodes[i].weight);
  }
  rotation.count = static_cast<uint32_t>(rotation.usable.size());
  if (rotation.count == 0) return;
  rotation.level = upstream.nodes[rotation.usable.front()].weight;
  auto heaviest = std::find_if(rotation.usable.begin(), rotation.usable.end(), [&](uint32_t node) {
    return upstream.nodes[node].weight < rotation.level;
  });
  rotation.place = random_below(static_cast<uint32_t>(heaviest - rotation.usable.begin()));
  if (all) std::vector<uint32_t>().swap(rotation.usable);
}

// Nodes that stay keep their counts; those that left are remembered until their requests end.
void Balancer::renew_active(const Upstream& upstream, State& state) {
  std::vector<Active> before = std::move(state.active);
  state.active.clear();
  for (const Target& target : upstream.targets) {
    Active active{{target.endpoint->id(), target.endpoint->serial()}, 0};
    auto known = std::find_if(before.begin(), before.end(), [&](const Active& old) {
      return same(old.endpoint, active.endpoint);
    });
    if (known != before.end()) active.requests = std::exchange(known->requests, 0);
    state.active.push_back(active);
  }
  for (const Active& old : before) {
    if (old.requests > 0) state.active.push_back(old);
  }
}

uint32_t Balancer::choose(const Choice& choice, http::Exchange& exchange) {
  switch (choice.upstream.balancing) {
    case Balancing::roundrobin:
      return round_robin(choice);
    case Balancing::chash:
      return by_hash(choice, exchange);
    case Balancing::ewma:
      return by_ewma(choice);
    case Balancing::least_conn:
      return by_connections(choice);
  }
  return kNone;
}

uint32_t Balancer::round_robin(const Choice& choice) {
  const std::vector<Group>& groups = choice.upstream.groups;
  for (size_t i = 0; i < groups.size(); ++i) {
    uint32_t chosen = round_robin_in(choice, groups[i], choice.state.rotations[i]);
    if (chosen != kNone) return chosen;
  }
  return kNone;
}

uint32_t Balancer::round_robin_in(const Choice& choice, const Group& group, Rotation& rotation) {
  auto node_at = [&](uint32_t place) {
    return rotation.usable.empty() ? group.first_node + place : rotation.usable[place];
  };
  auto weight_at = [&](uint32_t place) { return choice.upstream.nodes[node_at(place)].weight; };
  // The first try succeeds at once. Later ones skip what was tried, but not for ever: one heavy
  // node may have a million turns.
  for (uint32_t turn = 0; turn < 2 * rotation.count; ++turn) {
    if (rotation.place == rotation.count || weight_at(rotation.place) < rotation.level) {
      bool over = rotation.level <= rotation.divisor;
      rotation.level = over ? weight_at(0) : rotation.level - rotation.divisor;
      rotation.place = 0;
    }
    uint32_t chosen = next_address(choice, node_at(rotation.place++));
    if (chosen != kNone) return chosen;
  }
  for (uint32_t place = 0; place < rotation.count; ++place) {
    uint32_t chosen = next_address(choice, node_at(place));
    if (chosen != kNone) return chosen;
  }
  return kNone;
}

// The addresses of a domain name take turns.
uint32_t Balancer::next_address(const Choice& choice, uint32_t node_number) {
  const Node& node = choice.upstream.nodes[node_number];
  if (node.target_count == 1) {
    return choice.tried.contains(node.first_target) ? kNone : node.first_target;
  }
  uint32_t turn = choice.state.turns[node_number]++;
  for (uint32_t i = 0; i < node.target_count; ++i) {
    uint32_t target = node.first_target + (turn + i) % node.target_count;
    if (choice.may_use(target)) return target;
  }
  return kNone;
}

uint32_t Balancer::by_hash(const Choice& choice, http::Exchange& exchange) {
  std::string_view key = choice.upstream.hash_key->of(exchange);
  for (const Group& group : choice.upstream.groups) {
    uint32_t chosen = by_hash_in(choice, group, key);
    if (chosen != kNone) return chosen;
  }
  return kNone;
}

uint32_t Balancer::by_hash_in(const Choice& choice, const Group& group, std::string_view key) {
  bool any = false;
  for (uint32_t i = 0; i < group.target_count && !any; ++i) {
    any = choice.may_use(group.first_target + i);
  }
  if (!any) return kNone;
  uint32_t point = group.ring.find(key);
  for (size_t step = 0; step < group.ring.size(); ++step, point = group.ring.next(point)) {
    const Node& node = choice.upstream.nodes[group.first_node + group.ring.member(point)];
    uint32_t first = node.target_count == 1 ? 0 : Crc32().add(key).value() % node.target_count;
    for (uint32_t i = 0; i < node.target_count; ++i) {
      uint32_t target = node.first_target + (first + i) % node.target_count;
      if (choice.may_use(target)) return target;
    }
  }
  return kNone;
}

uint32_t Balancer::by_ewma(const Choice& choice) {
  for (const Group& group : choice.upstream.groups) {
    candidates_.clear();
    for (uint32_t i = 0; i < group.target_count; ++i) {
      if (choice.may_use(group.first_target + i)) candidates_.push_back(group.first_target + i);
    }
    auto count = static_cast<uint32_t>(candidates_.size());
    if (count == 0) continue;
    if (count == 1) return candidates_[0];
    uint32_t a = random_below(count);
    uint32_t b = random_below(count - 1);
    if (b >= a) ++b;
    const auto& targets = choice.upstream.targets;
    double score_a = score(*targets[candidates_[a]].endpoint);
    double score_b = score(*targets[candidates_[b]].endpoint);
    return candidates_[score_b < score_a ? b : a];
  }
  return kNone;
}

double Balancer::score(const Endpoint& endpoint) const {
  if (endpoint.id() >= ewma_.size()) return 0;
  const Ewma& average = ewma_[endpoint.id()];
  if (average.endpoint_serial != endpoint.serial()) return 0;
  auto passed_us = static_cast<double>(clock_.monotonic_us() - average.touched_us);
  return average.rtt_us * std::exp(-passed_us / kDecayUs);
}

// Among equals the start of the search decides, and it is random.
uint32_t Balancer::by_connections(const Choice& choice) {
  for (const Group& group : choice.upstream.groups) {
    uint32_t best = kNone;
    double best_load = 0;
    uint32_t start = random_below(group.target_count);
    for (uint32_t i = 0; i < group.target_count; ++i) {
      uint32_t target = group.first_target + (start + i) % group.target_count;
      if (!choice.may_use(target)) continue;
      const Node& node = choice.upstream.node_of(choice.upstream.targets[target]);
      double load = (1.0 + choice.state.active[target].requests) * node.target_count / node.weight;
      if (best != kNone && load >= best_load) continue;
      best = target;
      best_load = load;
    }
    if (best != kNone) return best;
  }
  return kNone;
}

// xorshift64: cheap, and only for spreading load.
uint32_t Balancer::random_below(uint32_t bound) {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return static_cast<uint32_t>((random_ >> 32) * bound >> 32);
}

}  // namespace pylon::upstream

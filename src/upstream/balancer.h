// Balancer: chooses the node for each attempt. One per worker; its state is that worker's alone, so
// that nothing is shared or locked. Allocates only when an upstream is new or has changed.
//
// roundrobin: in turn by weight, as lua-resty-roundrobin: over any whole number of cycles each node
//   gets exactly its share; the start is random, so that workers do not move in step.
// chash: the node that owns the key on a ring of all nodes; those that are unhealthy or tried are
//   walked past, so that the other keys stay where they are.
// ewma: the better of two random nodes by the time they took, averaged with a decay of 10 s.
// least_conn: the least (1 + requests under way) / weight. Counts survive changes of the upstream.
//
// The nodes of a lower priority are used when every node of the higher ones was tried or is
// unhealthy. When all nodes are unhealthy, health counts for nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/exchange.h"
#include "upstream/upstream.h"

namespace pylon::upstream {

// What a request has tried so far. Trivial to copy and destroy: lives in the exchange's frame.
class Tried {
 public:
  static constexpr uint32_t kMax = http::UpstreamTrace::kMaxAttempts;

  bool empty() const { return count_ == 0; }
  uint32_t count() const { return count_; }
  bool full() const { return count_ == kMax; }
  bool contains(uint32_t target) const {
    for (uint32_t i = 0; i < count_; ++i) {
      if (targets_[i] == target) return true;
    }
    return false;
  }
  void add(uint32_t target) { targets_[count_++] = target; }

 private:
  uint32_t count_ = 0;
  std::array<uint32_t, kMax> targets_;
};

// Given back when the attempt has ended. Holds numbers only: it may outlive the snapshot (tunnels).
struct Ticket {
  Balancing balancing = Balancing::roundrobin;
  uint32_t target = 0;
  DenseIds::Id slot;
  DenseIds::Id endpoint;
};

struct Pick {
  const Target* target = nullptr;  // null: no node is left to try
  const Node* node = nullptr;
  Ticket ticket;

  explicit operator bool() const { return target != nullptr; }
  const Endpoint& endpoint() const { return *target->endpoint; }
};

class Balancer {
 public:
  // `seed` only for tests; 0: random.
  explicit Balancer(const Clock& clock, uint64_t seed = 0);

  // The next node, and notes it in `tried`. An upstream of one target gives that one however often.
  Pick pick(const Upstream& upstream, http::Exchange& exchange, Tried& tried);

  // Once for each pick. `rtt_us`: connecting and answering took so long; -1: there was no answer.
  void finished(const Ticket& ticket, int64_t rtt_us) {
    bool learns = ticket.balancing == Balancing::ewma || ticket.balancing == Balancing::least_conn;
    if (learns) learn(ticket, rtt_us);
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // Round robin over the usable nodes of one group.
  struct Rotation {
    uint32_t place = 0;    // of the next node
    uint32_t level = 0;    // nodes of at least this weight have their turn
    uint32_t divisor = 1;  // greatest common one of the weights
    uint32_t count = 0;
    std::vector<uint32_t> usable;  // node numbers when health takes some out; else all are in it
  };
  struct Active {
    DenseIds::Id endpoint;
    uint32_t requests = 0;
  };
  struct State {
    uint64_t slot_serial = 0;
    uint64_t upstream_serial = 0;
    uint32_t health_version = 0;
    bool health_matters = false;
    std::vector<Rotation> rotations;  // by group
    std::vector<uint32_t> turns;      // by node: which address is next; empty: one for each
    std::vector<Active> active;       // by target, then nodes that left with requests; least_conn
  };
  struct Ewma {
    uint64_t endpoint_serial = 0;
    double rtt_us = 0;
    int64_t touched_us = 0;
  };
  // One choice in the making.
  struct Choice {
    const Upstream& upstream;
    State& state;
    const Tried& tried;
    bool health_matters;

    bool may_use(uint32_t target) const {
      return !tried.contains(target) && (!health_matters || upstream.targets[target].usable());
    }
  };

  void learn(const Ticket& ticket, int64_t rtt_us);
  State& state_of(const Upstream& upstream);
  void renew(const Upstream& upstream, State& state);
  void renew_rotation(const Upstream& upstream, const Group& group, State& state,
                      Rotation& rotation);
  static void renew_active(const Upstream& upstream, State& state);

  uint32_t choose(const Choice& choice, http::Exchange& exchange);
  uint32_t round_robin(const Choice& choice);
  uint32_t round_robin_in(const Choice& choice, const Group& group, Rotation& rotation);
  uint32_t next_address(const Choice& choice, uint32_t node);
  uint32_t by_hash(const Choice& choice, http::Exchange& exchange);
  uint32_t by_hash_in(const Choice& choice, const Group& group, std::string_view key);
  uint32_t by_ewma(const Choice& choice);
  uint32_t by_connections(const Choice& choice);

  double score(const Endpoint& endpoint) const;
  uint32_t random_below(uint32_t bound);

  const Clock& clock_;
  uint64_t random_;
  std::vector<std::unique_ptr<State>> states_;  // by slot
  std::vector<Ewma> ewma_;                      // by endpoint
  std::vector<uint32_t> candidates_;            // scratch
};

}  // namespace pylon::upstream

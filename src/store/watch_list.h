// WatchList: the watches of a store that sees its own changes in order. Control thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "store/store.h"

namespace pylon::store {

class WatchList {
 public:
  // One watch as the list knows it. It gets nothing before it has caught up with the past.
  struct Member {
    WatchListener* listener;  // null: the watch is over
    int64_t seen_revision;    // told up to here
    bool caught_up = false;
  };
  using Handle = std::shared_ptr<Member>;

  struct Added {
    std::unique_ptr<Watch> watch;
    Handle member;
  };
  Added add(int64_t after_revision, WatchListener& listener);

  // The changes between the watch's start and now. A failure is a gap.
  void catch_up(const Handle& member, const Outcome<std::vector<ChangeSet>>& past);

  // Changes may have been missed: no member gets more before it has caught up anew. All of them.
  std::vector<Handle> interrupt();

  // A change that has just become durable.
  void deliver(const ChangeSet& changes);

 private:
  std::vector<std::weak_ptr<Member>> members_;
};

// Why the changes after `revision` cannot be told by a store that has those after `floor` and has
// come to `newest`; nothing when they can.
std::optional<Failure> gap_after(int64_t revision, int64_t floor, int64_t newest);

}  // namespace pylon::store

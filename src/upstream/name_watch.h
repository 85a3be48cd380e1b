// NameWatch: keeps the addresses of all host names that upstreams use fresh. Control thread.
//
// Each watched name is looked up when it is first wanted and again before its answer expires; only
// a change of the set of addresses is reported, and becomes a change of configuration. A name that
// does not resolve is asked for again soon, and keeps the addresses that it had.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/ip.h"
#include "net/timer.h"
#include "upstream/resolver.h"

namespace pylon::upstream {

class NameWatch final : private net::Timer {
 public:
  static constexpr size_t kAtOnce = 64;  // lookups under way; the others wait for their turn

  // Sorted addresses, at least one. Called from the loop, never out of want() or drop().
  using Changed =
      std::function<void(const std::string& host, const std::vector<IpAddress>& addresses)>;

  // All must outlive it. `clock` and the timers tell the same time.
  NameWatch(net::TimerHeap& timers, const Clock& clock, Resolver& resolver, Changed changed);
  ~NameWatch() override;

  // What is known of it now, sorted; empty when it is being looked up, or does not resolve.
  // Counted: as many drops as wants end the watch. Valid until the next call.
  const std::vector<IpAddress>& want(std::string_view host);
  void drop(std::string_view host);

  size_t size() const { return names_.size(); }
  // Whether every watched name has had an answer, good or bad, since it was first wanted.
  bool settled() const { return unanswered_ == 0; }
  // Calls `done` when settled: at once if it is so now, else from the loop.
  void when_settled(std::function<void()> done);

 private:
  struct Name;
  using Queue = std::set<std::pair<int64_t, Name*>>;  // by the moment that they are due

  void fire() override { advance(); }
  void advance();
  void enqueue(Name& name, int64_t due_us);
  void ask(Name& name);
  async::Task<void> look_up(Name& name);
  static void answered(void* name);
  bool take(Name& name, const dns::Resolved& resolved);
  void forget(Name& name);
  void mark_answered(Name& name);
  void rearm();

  const Clock& clock_;
  Resolver& resolver_;
  Changed changed_;
  StringMap<std::unique_ptr<Name>> names_;
  Queue queue_;
  size_t under_way_ = 0;
  size_t unanswered_ = 0;
  bool asking_ = false;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace pylon::upstream

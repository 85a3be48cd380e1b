#include "upstream/name_watch.h"

#include <algorithm>
#include <utility>

namespace pylon::upstream {
namespace {

constexpr int64_t kMinWaitUs = 500'000;

// A tenth of the time that is left before it runs out.
int64_t refresh_moment_us(const dns::Resolved& resolved, int64_t now_us) {
  int64_t wait_us = (resolved.good_until_us - now_us) / 10 * 9;
  return now_us + std::max(wait_us, kMinWaitUs);
}

}  // namespace

struct NameWatch::Name {
  Name(NameWatch& w, std::string_view h) : watch(w), host(h) {}

  NameWatch& watch;
  std::string host;
  size_t uses = 0;
  int64_t due_us = 0;  // its key in the queue, while it is there
  bool answered = false;
  std::vector<IpAddress> addresses;  // sorted; as last reported
  async::Task<void> task;            // a lookup under way
  dns::Resolved result;
};

NameWatch::NameWatch(net::TimerHeap& timers, const Clock& clock, Resolver& resolver,
                     Changed changed)
    : Timer(timers), clock_(clock), resolver_(resolver), changed_(std::move(changed)) {}

NameWatch::~NameWatch() = default;

const std::vector<IpAddress>& NameWatch::want(std::string_view host) {
  auto found = names_.find(host);
  if (found == names_.end()) {
    found = names_.emplace(host, std::make_unique<Name>(*this, host)).first;
    Name& name = *found->second;
    ++unanswered_;
    if (const dns::Resolved* known = resolver_.known(host)) {
      take(name, *known);
    } else {
      enqueue(name, clock_.monotonic_us());
    }
  }
  ++found->second->uses;
  rearm();
  return found->second->addresses;
}

void NameWatch::drop(std::string_view host) {
  auto found = names_.find(host);
  if (found == names_.end() || --found->second->uses > 0) return;
  Name& name = *found->second;
  if (name.task) return;  // forgotten when its lookup ends
  forget(name);
  rearm();
}

void NameWatch::when_settled(std::function<void()> done) {
  if (settled()) return done();
  waiting_.push_back(std::move(done));
}

// Lookups may end inside ask(), and reports may change what is wanted: one loop at a time.
void NameWatch::advance() {
  if (asking_) return;
  asking_ = true;
  while (!queue_.empty() && under_way_ < kAtOnce &&
         queue_.begin()->first <= clock_.monotonic_us()) {
    Name& name = *queue_.begin()->second;
    queue_.erase(queue_.begin());
    ask(name);
  }
  asking_ = false;
  rearm();
  if (!settled()) return;
  for (auto& done : std::exchange(waiting_, {})) done();
}

void NameWatch::enqueue(Name& name, int64_t due_us) {
  name.due_us = due_us;
  queue_.emplace(due_us, &name);
}

void NameWatch::ask(Name& name) {
  ++under_way_;
  name.task = look_up(name);
  name.task.start(answered, &name);
}

async::Task<void> NameWatch::look_up(Name& name) {
  name.result = co_await resolver_.refresh(name.host);
}

void NameWatch::answered(void* ended) {
  Name& name = *static_cast<Name*>(ended);
  NameWatch& watch = name.watch;
  name.task = {};
  --watch.under_way_;
  if (name.uses == 0) {
    watch.forget(name);
  } else if (watch.take(name, name.result)) {
    watch.changed_(name.host, name.addresses);
  }
  watch.advance();
}

// Whether the addresses are others than before.
bool NameWatch::take(Name& name, const dns::Resolved& resolved) {
  enqueue(name, refresh_moment_us(resolved, clock_.monotonic_us()));
  mark_answered(name);
  std::vector<IpAddress> addresses = resolved.addresses;
  std::sort(addresses.begin(), addresses.end());
  if (addresses.empty() || addresses == name.addresses) return false;
  name.addresses = std::move(addresses);
  return true;
}

void NameWatch::forget(Name& name) {
  queue_.erase({name.due_us, &name});
  mark_answered(name);
  names_.erase(names_.find(name.host));
}

void NameWatch::mark_answered(Name& name) {
  if (!std::exchange(name.answered, true)) --unanswered_;
}

void NameWatch::rearm() {
  if (settled() && !waiting_.empty()) return arm(clock_.monotonic_us());
  if (queue_.empty() || under_way_ >= kAtOnce) return disarm();
  arm(queue_.begin()->first);
}

}  // namespace pylon::upstream

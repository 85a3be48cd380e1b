#include "upstream/resolver.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"

namespace pylon::upstream {

using dns::Answer;
using dns::Outcome;
using dns::Question;
using dns::Resolved;

// A lookup under way and those who wait for it. It runs to its end whether they stay or not.
struct Resolver::Flight {
  Flight(Resolver& r, std::string h) : resolver(r), host(std::move(h)) {}

  Resolver& resolver;
  std::string host;
  async::Task<void> task;
  Resolved result;
  Join* waiting = nullptr;  // a doubly linked list
};

// co_await join: the result of the flight for that host, which it starts when there is none.
class Resolver::Join {
 public:
  Join(Resolver& resolver, const std::string& host) {
    bool is_new = resolver.flights_.find(host) == resolver.flights_.end();
    Flight& flight = resolver.flight_of(host);
    enter(flight);
    if (!is_new) return;
    flight.task = resolver.fly(flight);
    flight.task.start(landed, &flight);
  }
  Join(const Join&) = delete;
  Join& operator=(const Join&) = delete;
  ~Join() { leave(); }

  bool await_ready() const { return ready_; }
  void await_suspend(std::coroutine_handle<> self) { waiter_ = self; }
  Resolved await_resume() { return std::move(result_); }

  void leave() {
    if (flight_ == nullptr) return;
    (previous_ != nullptr ? previous_->next_ : flight_->waiting) = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
    flight_ = nullptr;
  }

  void finish(const Resolved& result) {
    leave();
    result_ = result;
    ready_ = true;
    if (waiter_) waiter_.resume();
  }

 private:
  void enter(Flight& flight) {
    flight_ = &flight;
    next_ = flight.waiting;
    if (next_ != nullptr) next_->previous_ = this;
    flight.waiting = this;
  }

  Flight* flight_ = nullptr;
  Join* previous_ = nullptr;
  Join* next_ = nullptr;
  std::coroutine_handle<> waiter_;
  Resolved result_;
  bool ready_ = false;
};

Resolver::Resolver(dns::Config config, dns::Transport& transport, const Clock& clock,
                   size_t cache_names)
    : config_(std::move(config)), transport_(transport), clock_(clock), cache_(cache_names) {}

Resolver::~Resolver() {
  for (auto& [host, flight] : flights_) {
    while (flight->waiting != nullptr) flight->waiting->leave();
  }
}

// Whether `host` is an address or stands in /etc/hosts; `fixed_` is its answer then.
bool Resolver::known_without_asking(std::string_view host) {
  fixed_.addresses.clear();
  fixed_.good_until_us = clock_.monotonic_us() + kMaxTtlS * 1'000'000;
  if (std::optional<IpAddress> address = IpAddress::parse(host)) {
    fixed_.addresses.push_back(*address);
    return true;
  }
  if (config_.hosts.empty()) return false;
  std::optional<std::string> name = dns::canonical_name(host);
  auto entry = name ? config_.hosts.find(*name) : config_.hosts.end();
  if (entry == config_.hosts.end()) return false;
  const dns::HostsEntry& listed = entry->second;
  fixed_.addresses = listed.v4.empty() && config_.enable_ipv6 ? listed.v6 : listed.v4;
  return fixed_.ok();
}

const Resolved* Resolver::known(std::string_view host) {
  if (known_without_asking(host)) return &fixed_;
  return cache_.find(host, clock_.monotonic_us());
}

async::Task<Resolved> Resolver::resolve(std::string host) {
  if (const Resolved* resolved = known(host)) co_return *resolved;
  co_return co_await refresh(std::move(host));
}

async::Task<Resolved> Resolver::refresh(std::string host) {
  if (known_without_asking(host)) co_return fixed_;
  if (!dns::canonical_name(host)) co_return Resolved();
  Join join(*this, host);
  co_return co_await join;
}

Resolver::Flight& Resolver::flight_of(const std::string& host) {
  std::unique_ptr<Flight>& flight = flights_[host];
  if (flight == nullptr) flight = std::make_unique<Flight>(*this, host);
  return *flight;
}

async::Task<void> Resolver::fly(Flight& flight) {
  Found found = co_await look_up(flight.host);
  flight.result = cache_.store(flight.host, to_resolved(std::move(found)));
}

void Resolver::landed(void* ended) {
  Flight& flight = *static_cast<Flight*>(ended);
  StringMap<std::unique_ptr<Flight>>& flights = flight.resolver.flights_;
  auto place = flights.find(flight.host);
  std::unique_ptr<Flight> kept = std::move(place->second);
  flights.erase(place);  // who asks from now on starts another
  while (kept->waiting != nullptr) kept->waiting->finish(kept->result);
}

async::Task<Resolver::Found> Resolver::look_up(const std::string& host) {
  int64_t deadline_us = clock_.monotonic_us() + config_.timeout_ms * 1000;
  Found found;
  found.outcome = Outcome::no_name;
  std::vector<std::string> names = dns::names_to_try(host, config_);
  for (const std::string& name : names) {
    found = co_await look_up_name(name, deadline_us);
    bool says_no = found.outcome == Outcome::no_name || found.outcome == Outcome::no_data;
    if (!says_no) break;
  }
  co_return found;
}

async::Task<Resolver::Found> Resolver::look_up_name(const std::string& name, int64_t deadline_us) {
  Found found = co_await look_up_type(name, dns::Type::a, deadline_us);
  if (found.outcome == Outcome::no_data && config_.enable_ipv6) {
    found = co_await look_up_type(name, dns::Type::aaaa, deadline_us);
  }
  co_return found;
}

// Follows aliases that the servers leave to us.
async::Task<Resolver::Found> Resolver::look_up_type(std::string name, dns::Type type,
                                                    int64_t deadline_us) {
  Found found;
  found.ttl_s = kMaxTtlS;
  for (int step = 0; step <= dns::kMaxAliases; ++step) {
    Answer answer = co_await ask_servers(name, type, deadline_us);
    found.outcome = answer.outcome;
    found.ttl_s = std::min<int64_t>(found.ttl_s, answer.ttl_s);
    found.addresses = std::move(answer.addresses);
    if (answer.outcome != Outcome::alias) co_return found;
    name = std::move(answer.alias);
  }
  found.outcome = Outcome::malformed;
  co_return found;
}

async::Task<Answer> Resolver::ask_servers(const std::string& name, dns::Type type,
                                          int64_t deadline_us) {
  Answer answer;
  answer.outcome = Outcome::no_answer;
  for (int round = 0; round < config_.rounds; ++round) {
    for (const dns::Server& server : config_.servers) {
      if (time_left_ms(deadline_us) <= 0) co_return answer;
      answer = co_await ask_server(server, name, type, deadline_us);
      bool another_may_know = answer.outcome == Outcome::refused ||
                              answer.outcome == Outcome::malformed ||
                              answer.outcome == Outcome::no_answer;
      if (!another_may_know) co_return answer;
    }
  }
  co_return answer;
}

async::Task<Answer> Resolver::ask_server(const dns::Server& server, const std::string& name,
                                         dns::Type type, int64_t deadline_us) {
  Question question{static_cast<uint16_t>(random_u64()), type, name};
  ++questions_;
  int64_t timeout_ms = std::min(config_.attempt_timeout_ms, time_left_ms(deadline_us));
  Answer answer = co_await transport_.ask_udp(server, question, timeout_ms);
  if (answer.outcome != Outcome::truncated) co_return answer;
  ++questions_;
  timeout_ms = std::min(config_.attempt_timeout_ms, time_left_ms(deadline_us));
  answer = co_await transport_.ask_tcp(server, question, timeout_ms);
  if (answer.outcome == Outcome::truncated) answer.outcome = Outcome::malformed;
  co_return answer;
}

int64_t Resolver::time_left_ms(int64_t deadline_us) const {
  return (deadline_us - clock_.monotonic_us()) / 1000;
}

Resolved Resolver::to_resolved(Found found) const {
  Resolved resolved;
  int64_t ttl_s = kTroubleTtlS;
  if (found.outcome == Outcome::addresses) {
    ttl_s = std::clamp(config_.valid_s.value_or(found.ttl_s), kMinTtlS, kMaxTtlS);
    resolved.addresses = std::move(found.addresses);
  } else if (found.outcome == Outcome::no_name || found.outcome == Outcome::no_data) {
    ttl_s = std::clamp(found.ttl_s, kMinTtlS, kMaxNegativeTtlS);
  }
  resolved.good_until_us = clock_.monotonic_us() + ttl_s * 1'000'000;
  return resolved;
}

}  // namespace pylon::upstream

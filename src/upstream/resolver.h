// Resolver: from a host name to its addresses, without blocking.
//
// One per loop that needs it. The control thread's feeds the domain nodes of upstreams: it looks
// them up once per process, and a change of addresses becomes an ordinary change of configuration,
// so that no request ever waits for a name (see name_watch.h). Workers have one of their own only
// for plugins that ask other services by name.
//
// Order: a literal address; /etc/hosts; the cache; the name servers in turn. IPv4 addresses are
// preferred: IPv6 ones are asked for when there are none and `enable_ipv6` is on. Lookups of the
// same name that overlap are one. A name that stops resolving keeps its last good addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/hash.h"
#include "upstream/dns_cache.h"
#include "upstream/dns_config.h"
#include "upstream/dns_transport.h"

namespace pylon::upstream {

class Resolver {
 public:
  static constexpr size_t kCacheNames = 10'000;
  static constexpr int64_t kMinTtlS = 1;  // also of answers that say 0
  static constexpr int64_t kMaxTtlS = 3600;
  static constexpr int64_t kMaxNegativeTtlS = 30;
  static constexpr int64_t kTroubleTtlS = 2;  // no server answered: soon again

  // Transport and clock must outlive it.
  Resolver(dns::Config config, dns::Transport& transport, const Clock& clock,
           size_t cache_names = kCacheNames);
  ~Resolver();

  // What can be said at once; null when resolve() has to ask. Valid until the next call.
  const dns::Resolved* known(std::string_view host);

  async::Task<dns::Resolved> resolve(std::string host);
  // As resolve(), but asks the servers even when the cache still knows.
  async::Task<dns::Resolved> refresh(std::string host);

  const dns::Cache& cache() const { return cache_; }
  uint64_t questions() const { return questions_; }   // sent to servers so far
  size_t lookups() const { return flights_.size(); }  // under way

 private:
  struct Flight;
  class Join;
  struct Found {
    dns::Outcome outcome = dns::Outcome::no_answer;
    std::vector<IpAddress> addresses;
    int64_t ttl_s = 0;
  };

  bool known_without_asking(std::string_view host);
  Flight& flight_of(const std::string& host);
  static void landed(void* flight);
  async::Task<void> fly(Flight& flight);
  async::Task<Found> look_up(const std::string& host);
  async::Task<Found> look_up_name(const std::string& name, int64_t deadline_us);
  async::Task<Found> look_up_type(std::string name, dns::Type type, int64_t deadline_us);
  async::Task<dns::Answer> ask_servers(const std::string& name, dns::Type type,
                                       int64_t deadline_us);
  async::Task<dns::Answer> ask_server(const dns::Server& server, const std::string& name,
                                      dns::Type type, int64_t deadline_us);
  int64_t time_left_ms(int64_t deadline_us) const;
  dns::Resolved to_resolved(Found found) const;

  dns::Config config_;
  dns::Transport& transport_;
  const Clock& clock_;
  dns::Cache cache_;
  dns::Resolved fixed_;  // of a literal address or hosts: what known() last answered
  StringMap<std::unique_ptr<Flight>> flights_;
  uint64_t questions_ = 0;
};

}  // namespace pylon::upstream

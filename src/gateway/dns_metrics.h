// DnsMetrics: the names that one worker's cache of addresses gave up for others:
// pylon_dns_cache_evicted_total. The series is there once it has happened.
#pragma once

#include <cstdint>

#include "observe/metrics.h"
#include "upstream/dns_cache.h"

namespace pylon::gateway {

class DnsMetrics {
 public:
  DnsMetrics(observe::Metrics& metrics, observe::MetricShard& shard)
      : metrics_(metrics), shard_(shard) {}

  // Adds what was counted since the last call.
  void report(const upstream::dns::Cache& cache) {
    uint64_t count = cache.evictions();
    if (count == told_) return;
    if (told_ == 0) {
      observe::FamilyId family = metrics_.family(
          {.name = "pylon_dns_cache_evicted_total",
           .help = "Names whose addresses made room for those of others, by all workers"});
      evicted_ = shard_.counter(family, {});
    }
    evicted_.add(static_cast<double>(count - told_));
    told_ = count;
  }

 private:
  observe::Metrics& metrics_;
  observe::MetricShard& shard_;
  observe::Counter evicted_;
  uint64_t told_ = 0;
};

}  // namespace pylon::gateway

// Which identity a server name gets, among 100,000 ssl objects.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "snapshot/certificates.h"

namespace pylon::snapshot {
namespace {

constexpr size_t kObjects = 100'000;

std::string host_of(size_t i) { return "host-" + std::to_string(i) + ".example.com"; }

// `star` stands in front of the names of all objects but `exact` of them.
Certificates certificates_of(const std::string& star, size_t exact) {
  Certificates certificates;
  auto editor = certificates.servers.edit();
  auto parts = certificates.partial_stars.edit();
  for (size_t i = 0; i < kObjects; i++) {
    auto identity = make_ref<tls::ServerIdentity>();
    identity->serial = i + 1;
    std::string name = i < exact ? host_of(i) : star + host_of(i);
    std::string part = Certificates::partial_star_key(name);
    part.empty() ? editor.insert(name, identity) : parts.insert(part, identity);
  }
  certificates.servers = std::move(editor).commit();
  certificates.partial_stars = std::move(parts).commit();
  return certificates;
}

void lookup(benchmark::State& state, const std::string& star, size_t exact,
            const std::string& prefix) {
  Certificates certificates = certificates_of(star, exact);
  std::vector<std::string> names;
  std::mt19937_64 random(7);
  for (int i = 0; i < 4096; i++) names.push_back(prefix + host_of(random() % kObjects));
  size_t at = 0, found = 0;
  for (auto _ : state) {
    found += certificates.server(names[at++ % names.size()]) != nullptr;
  }
  state.counters["found"] = static_cast<double>(found) / static_cast<double>(at);
}

BENCHMARK_CAPTURE(lookup, exact, "", kObjects, "");
BENCHMARK_CAPTURE(lookup, one_label_star, "*.", 0, "www.");
BENCHMARK_CAPTURE(lookup, partial_star, "*-", 0, "www-");
BENCHMARK_CAPTURE(lookup, nobody, "", kObjects, "nobody-");
BENCHMARK_CAPTURE(lookup, nobody_with_a_partial_star, "*", kObjects - 1, "nobody-");
BENCHMARK_CAPTURE(lookup, nobody_among_partial_stars, "*x", 0, "nobody-");

}  // namespace
}  // namespace pylon::snapshot

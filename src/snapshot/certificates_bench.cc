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

// Exact names, the first `stars` of them "*.host-7.example.com" instead. `partial`: as if there
// were one like "*part.test" too.
Certificates certificates_of(size_t stars, bool partial) {
  Certificates certificates;
  auto editor = certificates.servers.edit();
  for (size_t i = 0; i < kObjects; i++) {
    auto identity = make_ref<tls::ServerIdentity>();
    identity->serial = i + 1;
    editor.insert((i < stars ? "*." : "") + host_of(i), Ref<const tls::ServerIdentity>(identity));
  }
  certificates.servers = std::move(editor).commit();
  certificates.partial_stars = partial ? 1 : 0;
  return certificates;
}

void lookup(benchmark::State& state, size_t stars, bool partial, const std::string& prefix) {
  Certificates certificates = certificates_of(stars, partial);
  std::vector<std::string> names;
  std::mt19937_64 random(7);
  for (int i = 0; i < 4096; i++) names.push_back(prefix + host_of(random() % kObjects));
  size_t at = 0, found = 0;
  for (auto _ : state) {
    found += certificates.server(names[at++ % names.size()]) != nullptr;
  }
  state.counters["found"] = static_cast<double>(found) / static_cast<double>(at);
}

BENCHMARK_CAPTURE(lookup, exact, size_t{0}, false, std::string());
BENCHMARK_CAPTURE(lookup, one_label_star, kObjects, false, std::string("www."));
BENCHMARK_CAPTURE(lookup, nobody, size_t{0}, false, std::string("nobody-"));
BENCHMARK_CAPTURE(lookup, nobody_with_partial_stars, size_t{0}, true, std::string("nobody-"));

}  // namespace
}  // namespace pylon::snapshot

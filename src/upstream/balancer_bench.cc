// What choosing a node costs. Run: upstream_balancer_bench
#include "upstream/balancer.h"

#include <benchmark/benchmark.h>

#include "upstream/upstream_fixture_test.h"

namespace pylon::upstream {
namespace {

void pick(benchmark::State& state, const char* type) {
  UpstreamFixture fixture;
  std::string nodes;
  for (int64_t i = 1; i <= state.range(0); ++i) {
    nodes += (i > 1 ? "," : "") + ("\"10.0." + std::to_string(i / 250) + ".") +
             std::to_string(i % 250) + ":80\":" + std::to_string(1 + i % 3);
  }
  auto upstream = fixture.make(std::string(R"({"type":")") + type +
                               R"(","key":"remote_addr","nodes":{)" + nodes + "}}");
  SimulatedClock clock;
  Balancer balancer(clock);
  Arena arena;
  http::Exchange exchange(arena);
  exchange.client.text = "192.0.2.77";
  for (auto _ : state) {
    Tried tried;
    Pick pick = balancer.pick(*upstream, exchange, tried);
    benchmark::DoNotOptimize(pick.target);
    balancer.finished(pick.ticket, 1000);
  }
}

BENCHMARK_CAPTURE(pick, roundrobin, "roundrobin")->Arg(1)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(pick, chash, "chash")->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(pick, ewma, "ewma")->Arg(3);
BENCHMARK_CAPTURE(pick, least_conn, "least_conn")->Arg(3);

}  // namespace
}  // namespace pylon::upstream

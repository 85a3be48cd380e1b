// What a change costs among many routes, and what they weigh. Run: snapshot_builder_bench
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <map>
#include <memory>

#include "snapshot/builder_fixture_test.h"

namespace pylon::snapshot {
namespace {

using config::Kind;

std::string route_text(int64_t i, int version) {
  std::string number = std::to_string(i);
  return R"({"uri":"/api/v1/service-)" + number + R"(/*","name":"route )" + number +
         R"(","host":"host-)" + std::to_string(i % 1000) +
         R"(.example.com","methods":["GET","POST"],)" + R"("plugins":{"mark":{"mark":")" +
         std::to_string(version) + R"("}},)" + R"("upstream":{"nodes":{"10.0.)" +
         std::to_string(i / 250 % 250) + "." + std::to_string(i % 250) + R"(:8080":1}}})";
}

size_t bytes_in_use() {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Builders with so many routes, made once for all benchmarks.
struct Loaded {
  explicit Loaded(int64_t routes) {
    fixture.put(Kind::service, "s", R"({"upstream":{"nodes":{"10.9.9.9:80":1}}})");
    fixture.put(Kind::upstream, "u", R"({"nodes":{"10.9.9.8:80":1}})");
    std::vector<Change> changes;
    for (int64_t i = 0; i < routes; ++i) {
      changes.push_back({Kind::route, std::to_string(i), route_text(i, 0), i + 10});
    }
    size_t before = bytes_in_use();
    SystemClock clock;
    int64_t start_us = clock.monotonic_us();
    fixture.apply(changes);
    seconds = static_cast<double>(clock.monotonic_us() - start_us) / 1e6;
    bytes_per_route = static_cast<double>(bytes_in_use() - before) / static_cast<double>(routes);
  }

  static Loaded& with(int64_t routes) {
    static std::map<int64_t, std::unique_ptr<Loaded>> all;
    std::unique_ptr<Loaded>& loaded = all[routes];
    if (loaded == nullptr) loaded = std::make_unique<Loaded>(routes);
    return *loaded;
  }

  BuilderFixture fixture;
  double bytes_per_route = 0;
  double seconds = 0;
};

void load(benchmark::State& state) {
  for (auto _ : state) {
    Loaded& loaded = Loaded::with(state.range(0));
    state.SetIterationTime(loaded.seconds);
    state.counters["bytes_per_route"] = loaded.bytes_per_route;
  }
}
BENCHMARK(load)->Arg(1000)->Arg(100'000)->Iterations(1)->UseManualTime()->Unit(
    benchmark::kMillisecond);

void change_route(benchmark::State& state) {
  Loaded& loaded = Loaded::with(state.range(0));
  int version = 0;
  int64_t route = 0;
  for (auto _ : state) {
    route = (route + 7919) % state.range(0);
    loaded.fixture.put(Kind::route, std::to_string(route), route_text(route, ++version));
  }
}
BENCHMARK(change_route)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void add_and_erase_route(benchmark::State& state) {
  Loaded& loaded = Loaded::with(state.range(0));
  for (auto _ : state) {
    loaded.fixture.put(Kind::route, "new", route_text(state.range(0), 1));
    loaded.fixture.erase(Kind::route, "new");
  }
}
BENCHMARK(add_and_erase_route)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void change_shared_upstream(benchmark::State& state) {
  Loaded& loaded = Loaded::with(state.range(0));
  int version = 0;
  for (auto _ : state) {
    loaded.fixture.put(Kind::upstream, "u",
                       R"({"nodes":{"10.9.9.8:80":)" + std::to_string(1 + ++version % 9) + "}}");
  }
}
BENCHMARK(change_shared_upstream)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

// One service, all routes use it: its plugins change.
void change_service_of_all(benchmark::State& state) {
  BuilderFixture fixture;
  fixture.put(Kind::service, "s", R"({"plugins":{"note":{"text":"0"}}})");
  std::vector<Change> changes;
  for (int64_t i = 0; i < state.range(0); ++i) {
    std::string id = std::to_string(i);
    changes.push_back({Kind::route, id, R"({"uri":"/r/)" + id + R"(","service_id":"s"})", i + 1});
  }
  fixture.apply(changes);
  int version = 0;
  for (auto _ : state) {
    fixture.put(Kind::service, "s",
                R"({"plugins":{"note":{"text":")" + std::to_string(++version) + R"("}}})");
  }
}
BENCHMARK(change_service_of_all)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pylon::snapshot

// Lookup among 100,000 routes, one change among them, and what they take of memory.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "config/route.h"
#include "router/table.h"

namespace pylon::router {
namespace {

size_t heap_bytes() { return mallinfo2().uordblks; }

// Routes over `hosts` hosts, or without host when that is 0.
class Routes {
 public:
  Routes(Mode mode, size_t count, size_t hosts) : table_(mode), hosts_(hosts) {
    size_t before = heap_bytes();
    for (size_t i = 0; i < count; ++i) rules_.push_back(make_rule(i));
    auto editor = table_.edit();
    for (const auto& rule : rules_) editor.insert(rule);
    table_ = std::move(editor).commit();
    bytes_per_route_ = (heap_bytes() - before) / count;
  }

  std::string path_of(size_t i) const { return "/api/v1/tenant-" + std::to_string(i) + "/orders"; }
  std::string host_of(size_t i) const {
    return hosts_ == 0 ? "localhost" : "host-" + std::to_string(i % hosts_) + ".example.com";
  }
  Ref<const Rule> make_rule(size_t i) const {
    config::Route route;
    route.uris.push_back(path_of(i) + (i % 2 == 0 ? "" : "/*"));
    if (hosts_ != 0) route.hosts.push_back(host_of(i));
    return *Rule::compile({route, route.hosts, i, this}, table_.mode());
  }

  Table table_;
  size_t hosts_;
  std::vector<Ref<const Rule>> rules_;
  size_t bytes_per_route_ = 0;
};

const Routes& routes_of(Mode mode, size_t count, size_t hosts) {
  struct Known {
    Mode mode;
    size_t count, hosts;
    std::unique_ptr<Routes> routes;
  };
  static std::vector<Known> known;
  for (const Known& each : known) {
    if (each.mode == mode && each.count == count && each.hosts == hosts) return *each.routes;
  }
  known.push_back({mode, count, hosts, std::make_unique<Routes>(mode, count, hosts)});
  return *known.back().routes;
}

void lookup(benchmark::State& state, Mode mode) {
  auto count = static_cast<size_t>(state.range(0));
  const Routes& routes = routes_of(mode, count, static_cast<size_t>(state.range(1)));
  std::vector<std::string> paths;
  std::vector<std::string> hosts;
  constexpr size_t kRequests = 1 << 14;
  for (size_t i = 0; i < kRequests; ++i) {
    size_t route = static_cast<size_t>(std::rand()) % count;
    paths.push_back(routes.path_of(route) + (route % 2 == 0 ? "" : "/12345"));
    hosts.push_back(routes.host_of(route));
  }
  Arena arena;
  http::Exchange exchange(arena);
  size_t at = 0;
  for (auto _ : state) {
    exchange.request.uri = paths[at % kRequests];
    exchange.request.host = hosts[at % kRequests];
    Match found = match(routes.table_, exchange);
    if (!found) state.SkipWithError("not found");
    if (++at % 64 == 0) arena.reset();
  }
  state.counters["bytes/route"] = static_cast<double>(routes.bytes_per_route_);
}

void change(benchmark::State& state) {
  auto count = static_cast<size_t>(state.range(0));
  const Routes& routes = routes_of(Mode::host_uri, count, static_cast<size_t>(state.range(1)));
  Table table = routes.table_;
  size_t at = 0;
  for (auto _ : state) {
    size_t i = at++ * 7919 % count;
    Ref<const Rule> next = routes.make_rule(i);
    auto editor = routes.table_.edit();
    editor.replace(routes.rules_[i], next);
    table = std::move(editor).commit();
  }
}

BENCHMARK_CAPTURE(lookup, host_uri, Mode::host_uri)
    ->Args({1'000, 0})
    ->Args({100'000, 0})
    ->Args({100'000, 100})
    ->Args({100'000, 100'000});
BENCHMARK_CAPTURE(lookup, uri, Mode::uri)->Args({100'000, 0})->Args({100'000, 100'000});
BENCHMARK_CAPTURE(lookup, parameter, Mode::uri_with_parameter)->Args({100'000, 0});
BENCHMARK(change)->Args({1'000, 0})->Args({100'000, 0})->Args({100'000, 100'000});

}  // namespace
}  // namespace pylon::router

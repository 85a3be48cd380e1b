#include "base/persistent_radix.h"

#include <benchmark/benchmark.h>

namespace pylon {
namespace {

struct Item : RefCounted {};

std::vector<std::string> paths(int64_t count) {
  std::vector<std::string> all;
  for (int64_t i = 0; i < count; ++i) {
    all.push_back("/tenants/" + std::to_string(i % 1000) + "/projects/project-" +
                  std::to_string(i) + "/environments/production");
  }
  return all;
}

PersistentRadix<Item> filled(const std::vector<std::string>& all) {
  auto edit = PersistentRadix<Item>().edit();
  for (const std::string& path : all) edit.insert(path, make_ref<const Item>());
  return std::move(edit).commit();
}

void BM_Build(benchmark::State& state) {
  auto all = paths(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(filled(all).size());
}
BENCHMARK(BM_Build)->Arg(100'000)->Unit(benchmark::kMillisecond);

void BM_FindExact(benchmark::State& state) {
  auto all = paths(state.range(0));
  auto tree = filled(all);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(tree.find_exact(all[i]));
    i = (i + 7919) % all.size();
  }
  state.counters["bytes/path"] =
      static_cast<double>(tree.bytes()) / static_cast<double>(all.size());
}
BENCHMARK(BM_FindExact)->Arg(1'000)->Arg(100'000);

void BM_LongestPrefix(benchmark::State& state) {
  auto all = paths(state.range(0));
  auto tree = filled(all);
  for (std::string& path : all) path += "/services/42";
  size_t i = 0;
  for (auto _ : state) {
    bool found =
        tree.visit_prefixes_longest_first(all[i], [](const Item&, size_t) { return true; });
    benchmark::DoNotOptimize(found);
    i = (i + 7919) % all.size();
  }
}
BENCHMARK(BM_LongestPrefix)->Arg(1'000)->Arg(100'000);

// One change while the version before it stays alive: what publishing a snapshot costs.
void BM_InsertKeepingTheOldVersion(benchmark::State& state) {
  auto all = paths(state.range(0));
  auto tree = filled(all);
  auto value = make_ref<const Item>();
  size_t i = 0;
  for (auto _ : state) {
    PersistentRadix<Item> old = tree;
    tree = tree.insert(all[i], value);
    i = (i + 7919) % all.size();
  }
}
BENCHMARK(BM_InsertKeepingTheOldVersion)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace pylon

#include "base/persistent_map.h"

#include <benchmark/benchmark.h>

#include <vector>

namespace pylon {
namespace {

std::vector<std::string> keys(int64_t count) {
  std::vector<std::string> all;
  for (int64_t i = 0; i < count; ++i) all.push_back("consumer-key-" + std::to_string(i));
  return all;
}

PersistentMap<int64_t> filled(const std::vector<std::string>& all) {
  auto edit = PersistentMap<int64_t>().edit();
  for (size_t i = 0; i < all.size(); ++i) edit.insert(all[i], static_cast<int64_t>(i));
  return std::move(edit).commit();
}

void BM_Build(benchmark::State& state) {
  auto all = keys(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(filled(all).size());
}
BENCHMARK(BM_Build)->Arg(100'000)->Unit(benchmark::kMillisecond);

void BM_Find(benchmark::State& state) {
  auto all = keys(state.range(0));
  auto map = filled(all);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(map.find(all[i]));
    i = (i + 7919) % all.size();
  }
}
BENCHMARK(BM_Find)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

// One change while the version before it stays alive: what publishing a snapshot costs.
void BM_InsertKeepingTheOldVersion(benchmark::State& state) {
  auto all = keys(state.range(0));
  auto map = filled(all);
  size_t i = 0;
  for (auto _ : state) {
    PersistentMap<int64_t> old = map;
    map = map.insert(all[i], 1);
    i = (i + 7919) % all.size();
  }
}
BENCHMARK(BM_InsertKeepingTheOldVersion)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

}  // namespace
}  // namespace pylon

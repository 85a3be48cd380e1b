// What a write costs, alone and in company, and how long 100,000 routes take to load.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/embedded/embedded_store.h"
#include "store/pump.h"

namespace pylon::store {
namespace {

const std::string kRoute =
    R"({"uri":"/api/v1/items/*","methods":["GET","POST"],"upstream":{"type":"roundrobin",)"
    R"("nodes":{"127.0.0.1:1980":1}},"plugins":{"key-auth":{}},"id":"1"})";

class Bench {
 public:
  explicit Bench(size_t routes) {
    char name[] = "./pylon-bench-XXXXXX";
    folder_ = ::mkdtemp(name);
    store_ =
        std::move(*EmbeddedStore::open({.path = folder_ + "/pylon.db"}, clock_, pump_.poster()));
    for (size_t at = 0; at < routes; at += 1000) {
      Transaction many;
      for (size_t i = at; i < at + 1000; ++i) {
        many.operations.push_back({Operation::Kind::put, key(i), kRoute});
      }
      pump_.run(store_->transaction(many));
    }
  }
  ~Bench() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  static std::string key(size_t i) { return "/apisix/routes/" + std::to_string(i); }

  void put_many(size_t writers) {
    std::vector<std::optional<Outcome<Committed>>> answers(writers);
    std::vector<async::Task<void>> tasks;
    for (size_t i = 0; i < writers; ++i) {
      auto writing = store_->put(key(next_++ % 1000), kRoute, PutOptions{});
      tasks.push_back(Pump::keep(std::move(writing), answers[i]));
      pump_.start(tasks.back());
    }
    pump_.run_until([&] { return answers.back().has_value(); });
  }
  void load() {
    size_t bytes = 0;
    pump_.run(store_->load([&](Entry entry) { bytes += entry.value.size(); }));
    benchmark::DoNotOptimize(bytes);
  }

 private:
  std::string folder_;
  SystemClock clock_;
  Pump pump_;
  std::unique_ptr<EmbeddedStore> store_;
  size_t next_ = 0;
};

void put(benchmark::State& state) {
  Bench bench(static_cast<size_t>(state.range(0)));
  auto writers = static_cast<size_t>(state.range(1));
  for (auto _ : state) bench.put_many(writers);
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(put)
    ->Args({1000, 1})
    ->Args({100'000, 1})
    ->Args({1000, 16})
    ->Args({1000, 128})
    ->UseRealTime();

void load_100k(benchmark::State& state) {
  Bench bench(100'000);
  for (auto _ : state) bench.load();
}
BENCHMARK(load_100k)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pylon::store

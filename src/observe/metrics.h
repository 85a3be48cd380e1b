// Metrics: counters, gauges and histograms that workers write without contention.
//
// Each worker has a shard of cells that only it writes (plain relaxed stores); a scrape adds the
// shards up on another thread. A set of label values is interned once, which gives a Counter, Gauge
// or Histogram bound to the worker's own cells; keep that in a cache of the worker, so that the hot
// path is a load, an addition and a store. The number of cells is bounded: series beyond it write
// into cells that nobody reads, and overflow() counts them.
//
//   Metrics metrics({.shards = workers + 1});
//   FamilyId status = metrics.family({.name = "apisix_http_status", .help = "HTTP status codes",
//                                     .type = MetricType::counter, .labels = {"code", "route"}});
//   // Once:
//   Counter ok = metrics.shard(worker).counter(status, std::array{"200"sv, "1"sv});
//   ok.add(1);  // per request
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "observe/metric_text.h"

namespace pylon::observe {

using MetricCell = std::atomic<double>;
using LabelValues = std::span<const std::string_view>;

inline void add_to(MetricCell& cell, double amount) {
  cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

// Bound to one worker's shard: only that worker may use them. Cheap to copy.
class Counter {
 public:
  Counter() = default;
  explicit Counter(MetricCell* cell) : cell_(cell) {}
  void add(double amount) const { add_to(*cell_, amount); }

 private:
  MetricCell* cell_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(MetricCell* cell) : cell_(cell) {}
  void add(double amount) const { add_to(*cell_, amount); }
  void set(double value) const { cell_->store(value, std::memory_order_relaxed); }

 private:
  MetricCell* cell_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  Histogram(MetricCell* cells, const double* bounds, uint32_t count)
      : cells_(cells), bounds_(bounds), count_(count) {}

  void observe(double value) const {
    uint32_t bucket = 0;
    while (bucket < count_ && value > bounds_[bucket]) ++bucket;
    add_to(cells_[bucket], 1);
    add_to(cells_[count_ + 1], value);
  }

 private:
  MetricCell* cells_ = nullptr;  // one per bound, one above all bounds, the sum
  const double* bounds_ = nullptr;
  uint32_t count_ = 0;
};

enum class FamilyId : uint32_t {};

struct FamilySpec {
  std::string name;  // complete, with its prefix
  std::string help;
  MetricType type = MetricType::counter;
  std::vector<std::string> labels = {};
  std::vector<double> bounds = {};  // histograms: ascending upper bounds, at most kMaxBounds
};

class Metrics;

// The cells of one worker.
class MetricShard {
 public:
  // Intern the values, in the order of the family's labels, and bind them to this shard. Slow.
  Counter counter(FamilyId family, LabelValues values);
  Gauge gauge(FamilyId family, LabelValues values);  // the shards' values are added up
  Histogram histogram(FamilyId family, LabelValues values);

 private:
  friend class Metrics;
  static constexpr size_t kChunkCells = 1024;
  struct Chunk {
    MetricCell cells[kChunkCells] = {};
  };

  explicit MetricShard(Metrics& metrics, size_t chunks) : metrics_(metrics), chunks_(chunks) {}
  MetricCell* bind(uint32_t first_cell);
  double read(uint32_t cell) const;  // any thread

  Metrics& metrics_;
  std::vector<std::atomic<Chunk*>> chunks_;
  std::vector<std::unique_ptr<Chunk>> owned_;
};

class Metrics {
 public:
  static constexpr size_t kMaxBounds = 256;
  static constexpr size_t kMaxLabelBytes = 256;  // longer values are cut

  struct Options {
    size_t shards = 1;           // one per worker, one more for the control thread
    size_t max_cells = 2 << 20;  // 8 bytes each and shard, taken as series appear
  };

  explicit Metrics(Options options);
  ~Metrics();

  // A family of that name that exists already is given back: declare it the same way each time.
  FamilyId family(FamilySpec spec);
  MetricShard& shard(size_t index) { return *shards_[index]; }

  // All families with at least one series, added up over the shards. Any thread.
  void write(MetricText& text) const;

  uint64_t overflow() const { return overflow_.load(std::memory_order_relaxed); }
  size_t series_count() const;

 private:
  friend class MetricShard;
  struct Series {
    std::string labels;  // rendered: code="200",route="1"
    uint32_t first_cell;
  };
  struct Family {
    FamilySpec spec;
    StringMap<Series*> by_labels;
    std::vector<std::unique_ptr<Series>> series;
    size_t cells() const { return spec.type == MetricType::histogram ? spec.bounds.size() + 2 : 1; }
  };

  uint32_t intern(FamilyId id, LabelValues values);
  uint32_t take_cells(size_t count);
  double merged(uint32_t cell) const;
  void write_family(MetricText& text, const FamilySpec& spec,
                    std::vector<const Series*>& series) const;
  void write_histogram(MetricText& text, const FamilySpec& spec, const Series& series) const;
  Family& at(FamilyId id) { return *families_[static_cast<size_t>(id)]; }

  const Options options_;
  std::vector<std::unique_ptr<MetricShard>> shards_;
  std::atomic<uint64_t> overflow_{0};

  mutable std::mutex mutex_;  // guards what follows; families and series never move or go
  std::vector<std::unique_ptr<Family>> families_;
  size_t next_cell_;
};

}  // namespace pylon::observe

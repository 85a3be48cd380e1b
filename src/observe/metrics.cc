#include "observe/metrics.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace pylon::observe {
namespace {

// The first cells are written by series that found no room: enough for the widest histogram.
constexpr uint32_t kOverflowCell = 0;
constexpr size_t kOverflowCells = Metrics::kMaxBounds + 2;

}  // namespace

MetricCell* MetricShard::bind(uint32_t first_cell) {
  std::atomic<Chunk*>& slot = chunks_[first_cell / kChunkCells];
  Chunk* chunk = slot.load(std::memory_order_relaxed);
  if (chunk == nullptr) {
    owned_.push_back(std::make_unique<Chunk>());
    chunk = owned_.back().get();
    slot.store(chunk, std::memory_order_release);
  }
  return &chunk->cells[first_cell % kChunkCells];
}

double MetricShard::read(uint32_t cell) const {
  const Chunk* chunk = chunks_[cell / kChunkCells].load(std::memory_order_acquire);
  return chunk != nullptr ? chunk->cells[cell % kChunkCells].load(std::memory_order_relaxed) : 0;
}

Counter MetricShard::counter(FamilyId family, LabelValues values) {
  return Counter(bind(metrics_.intern(family, values)));
}

Gauge MetricShard::gauge(FamilyId family, LabelValues values) {
  return Gauge(bind(metrics_.intern(family, values)));
}

Histogram MetricShard::histogram(FamilyId family, LabelValues values) {
  uint32_t first = metrics_.intern(family, values);
  std::lock_guard lock(metrics_.mutex_);
  const std::vector<double>& bounds = metrics_.at(family).spec.bounds;
  return Histogram(bind(first), bounds.data(), static_cast<uint32_t>(bounds.size()));
}

Metrics::Metrics(Options options) : options_(options), next_cell_(kOverflowCells) {
  size_t chunks = options_.max_cells / MetricShard::kChunkCells + 1;
  for (size_t i = 0; i < options_.shards; ++i) {
    shards_.emplace_back(new MetricShard(*this, chunks));
  }
}

Metrics::~Metrics() = default;

FamilyId Metrics::family(FamilySpec spec) {
  assert(valid_metric_name(spec.name) && spec.bounds.size() <= kMaxBounds);
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < families_.size(); ++i) {
    if (families_[i]->spec.name == spec.name) return static_cast<FamilyId>(i);
  }
  families_.push_back(std::make_unique<Family>());
  families_.back()->spec = std::move(spec);
  return static_cast<FamilyId>(families_.size() - 1);
}

// Cells of one series lie in one chunk, so that a bound handle is one pointer.
uint32_t Metrics::take_cells(size_t count) {
  size_t first = next_cell_;
  size_t left_in_chunk = MetricShard::kChunkCells - first % MetricShard::kChunkCells;
  if (left_in_chunk < count) first += left_in_chunk;
  if (first + count > options_.max_cells) return kOverflowCell;
  next_cell_ = first + count;
  return static_cast<uint32_t>(first);
}

uint32_t Metrics::intern(FamilyId id, LabelValues values) {
  std::lock_guard lock(mutex_);
  Family& family = at(id);
  assert(values.size() == family.spec.labels.size());
  std::string labels;
  for (size_t i = 0; i < values.size(); ++i) {
    append_label(labels, family.spec.labels[i], values[i].substr(0, kMaxLabelBytes));
  }
  if (auto known = family.by_labels.find(labels); known != family.by_labels.end()) {
    return known->second->first_cell;
  }
  uint32_t first = take_cells(family.cells());
  if (first == kOverflowCell) {
    overflow_.fetch_add(1, std::memory_order_relaxed);
    return kOverflowCell;
  }
  family.series.push_back(std::make_unique<Series>(Series{labels, first}));
  family.by_labels.emplace(std::move(labels), family.series.back().get());
  return first;
}

size_t Metrics::series_count() const {
  std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const auto& family : families_) count += family->series.size();
  return count;
}

double Metrics::merged(uint32_t cell) const {
  double sum = 0;
  for (const auto& shard : shards_) sum += shard->read(cell);
  return sum;
}

void Metrics::write(MetricText& text) const {
  struct Seen {
    const FamilySpec* spec;
    std::vector<const Series*> series;
  };
  std::vector<Seen> seen;
  {
    std::lock_guard lock(mutex_);
    for (const auto& family : families_) {
      if (family->series.empty()) continue;
      Seen& entry = seen.emplace_back(Seen{&family->spec, {}});
      for (const auto& series : family->series) entry.series.push_back(series.get());
    }
  }
  std::sort(seen.begin(), seen.end(),
            [](const Seen& a, const Seen& b) { return a.spec->name < b.spec->name; });
  for (Seen& entry : seen) write_family(text, *entry.spec, entry.series);
}

void Metrics::write_family(MetricText& text, const FamilySpec& spec,
                           std::vector<const Series*>& series) const {
  std::sort(series.begin(), series.end(),
            [](const Series* a, const Series* b) { return a->labels < b->labels; });
  text.family(spec.name, spec.help, spec.type);
  for (const Series* one : series) {
    if (spec.type == MetricType::histogram) {
      write_histogram(text, spec, *one);
    } else {
      text.sample("", one->labels, merged(one->first_cell));
    }
  }
}

void Metrics::write_histogram(MetricText& text, const FamilySpec& spec,
                              const Series& series) const {
  double count = 0;
  auto buckets = static_cast<uint32_t>(spec.bounds.size() + 1);
  for (uint32_t i = 0; i < buckets; ++i) {
    count += merged(series.first_cell + i);
    double bound =
        i < spec.bounds.size() ? spec.bounds[i] : std::numeric_limits<double>::infinity();
    std::string labels = series.labels;
    append_label(labels, "le", metric_number(bound));
    text.sample("_bucket", labels, count);
  }
  text.sample("_count", series.labels, count);
  text.sample("_sum", series.labels, merged(series.first_cell + buckets));
}

}  // namespace pylon::observe

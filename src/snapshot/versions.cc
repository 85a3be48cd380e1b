#include "snapshot/versions.h"

#include <algorithm>
#include <utility>

#include "snapshot/snapshot.h"

namespace pylon::snapshot {

bool Seat::take_newest() {
  Version* newest = offered_.load(std::memory_order_acquire);
  if (newest == current_) return false;
  Version* old = std::exchange(current_, newest);
  newest->cells[index_].hold.store(Version::Hold::held, std::memory_order_relaxed);
  if (old != nullptr && old->cells[index_].pins == 0) {
    old->cells[index_].hold.store(Version::Hold::released, std::memory_order_release);
  }
  serving_.store(newest->number, std::memory_order_release);
  return true;
}

Versions::Versions(size_t workers) : workers_(workers), seats_(std::make_unique<Seat[]>(workers)) {
  for (size_t i = 0; i < workers; ++i) seats_[i].index_ = i;
}

Versions::~Versions() = default;

void Versions::publish(std::unique_ptr<const Snapshot> snapshot) {
  auto version = std::make_unique<Version>();
  version->number = next_number_++;
  version->snapshot = std::move(snapshot);
  version->cells = std::make_unique<Version::Cell[]>(workers_);
  for (size_t i = 0; i < workers_; ++i) {
    seats_[i].offered_.store(version.get(), std::memory_order_release);
  }
  versions_.push_back(std::move(version));
  settle();
}

// The number that every worker has come to; 0 before the first version.
uint64_t Versions::served() const {
  uint64_t number = next_number_ - 1;
  for (size_t i = 0; i < workers_; ++i) {
    number = std::min(number, seats_[i].serving_.load(std::memory_order_acquire));
  }
  return number;
}

void Versions::when_served(std::function<void()> done) {
  uint64_t number = next_number_ - 1;
  if (served() == number) return done();
  waits_.push_back({number, std::move(done)});
}

void Versions::run_waits() {
  if (waits_.empty()) return;
  uint64_t number = served();
  auto due = std::stable_partition(waits_.begin(), waits_.end(),
                                   [&](const Wait& wait) { return wait.number > number; });
  std::vector<Wait> ready(std::make_move_iterator(due), std::make_move_iterator(waits_.end()));
  waits_.erase(due, waits_.end());
  for (Wait& wait : ready) wait.done();  // may ask to wait again
}

bool Versions::is_free(const Version& version) const {
  for (size_t i = 0; i < workers_; ++i) {
    if (seats_[i].serving_.load(std::memory_order_acquire) <= version.number) return false;
    Version::Hold hold = version.cells[i].hold.load(std::memory_order_acquire);
    if (hold == Version::Hold::held) return false;
  }
  return true;
}

void Versions::settle() {
  run_waits();
  if (versions_.size() < 2) return;
  auto newest = std::prev(versions_.end());
  auto kept = std::remove_if(versions_.begin(), newest,
                             [&](const auto& version) { return is_free(*version); });
  versions_.erase(kept, newest);
}

const Snapshot* Versions::newest() const {
  return versions_.empty() ? nullptr : versions_.back()->snapshot.get();
}

}  // namespace pylon::snapshot

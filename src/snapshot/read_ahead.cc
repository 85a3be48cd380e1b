#include "snapshot/read_ahead.h"

#include <algorithm>
#include <utility>

namespace pylon::snapshot {

unsigned ReadAhead::threads_for(size_t changes) {
  if (changes < kWorthIt) return 0;  // before the cores are asked for, which opens a file
  unsigned cores = std::thread::hardware_concurrency();
  return cores < 2 ? 0 : std::min(cores - 1, kMaxThreads);
}

ReadAhead::ReadAhead(const DraftReader& reader, std::span<const Change* const> changes)
    : ReadAhead(reader, changes, threads_for(changes.size())) {}

ReadAhead::ReadAhead(const DraftReader& reader, std::span<const Change* const> changes,
                     unsigned threads)
    : reader_(reader), changes_(changes), window_(std::min(blocks(), kWindow)) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run_thread(); });
}

ReadAhead::~ReadAhead() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Draft& ReadAhead::next() {
  if (handed_ == current_.size()) take_block();
  return current_[handed_++];
}

void ReadAhead::take_block() {
  Lock lock(mutex_);
  Block& block = place_of(taken_);
  while (!block.ready) {
    if (may_read()) {
      read_one(lock);
    } else {
      changed_.wait(lock);
    }
  }
  current_.swap(block.drafts);
  block.ready = false;
  handed_ = 0;
  ++taken_;
  lock.unlock();
  changed_.notify_all();
}

void ReadAhead::run_thread() {
  Lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || may_read(); });
    if (stopping_) return;
    read_one(lock);
  }
}

// Reads the next block that nobody has, without the lock.
void ReadAhead::read_one(Lock& lock) {
  size_t number = claimed_++;
  std::vector<Draft> drafts = std::move(place_of(number).drafts);
  lock.unlock();
  drafts.clear();
  auto part = changes_.subspan(number * kBlock);
  part = part.first(std::min(part.size(), kBlock));
  drafts.reserve(part.size());
  for (const Change* change : part) drafts.push_back(reader_.read(*change));
  lock.lock();
  Block& block = place_of(number);
  block.drafts = std::move(drafts);
  block.ready = true;
  changed_.notify_all();
}

}  // namespace pylon::snapshot

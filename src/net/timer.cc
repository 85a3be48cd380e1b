#include "net/timer.h"

#include <algorithm>

namespace pylon::net {

Timer::~Timer() {
  if (place_ != 0) heap_->remove(*this);
}

// To where its deadline belongs, which is earlier than it stands, or into the heap.
void Timer::move_forward() {
  if (place_ == 0) {
    if (deadline_us_ != kNever) heap_->insert(*this);
    return;
  }
  size_t index = place_ - 1;
  int64_t& key_us = heap_->entries_[index].key_us;
  key_us = std::min(key_us, heap_->key_for(deadline_us_));
  heap_->sift_up(index);
}

void TimerHeap::fire_due(int64_t now_us) {
  after_firing_us_ = now_us + 1;
  while (!entries_.empty() && entries_.front().key_us <= now_us) {
    Timer& timer = *entries_.front().timer;
    int64_t deadline_us = timer.deadline_us_;
    if (deadline_us != Timer::kNever && deadline_us > now_us) {  // was pushed back meanwhile
      entries_.front().key_us = deadline_us;
      sift_down(0);
      continue;
    }
    remove(timer);
    timer.deadline_us_ = Timer::kNever;
    if (deadline_us != Timer::kNever) timer.fire();
  }
}

void TimerHeap::insert(Timer& timer) {
  entries_.push_back({key_for(timer.deadline_us_), &timer});
  timer.place_ = static_cast<uint32_t>(entries_.size());
  sift_up(entries_.size() - 1);
}

void TimerHeap::remove(Timer& timer) {
  size_t index = timer.place_ - 1;
  timer.place_ = 0;
  Entry last = entries_.back();
  entries_.pop_back();
  if (index == entries_.size()) return;
  put(index, last);
  sift_up(index);
  sift_down(last.timer->place_ - 1);
}

void TimerHeap::put(size_t index, Entry entry) {
  entries_[index] = entry;
  entry.timer->place_ = static_cast<uint32_t>(index + 1);
}

void TimerHeap::sift_up(size_t index) {
  Entry entry = entries_[index];
  while (index > 0) {
    size_t parent = (index - 1) / 2;
    if (entries_[parent].key_us <= entry.key_us) break;
    put(index, entries_[parent]);
    index = parent;
  }
  put(index, entry);
}

void TimerHeap::sift_down(size_t index) {
  Entry entry = entries_[index];
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= entries_.size()) break;
    if (child + 1 < entries_.size() && entries_[child + 1].key_us < entries_[child].key_us) child++;
    if (entries_[child].key_us >= entry.key_us) break;
    put(index, entries_[child]);
    index = child;
  }
  put(index, entry);
}

}  // namespace pylon::net

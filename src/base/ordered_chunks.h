// OrderedChunks: values in an order, with a place each: the value at a place, and the values after
// it, are found without going through those before.
//
// A list of sorted arrays of at most kChunk values. What comes in order fills them up, so a million
// cost little more than their own octets; a change moves some of one array. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace pylon {

// `Less` is a strict order of values, of which no two are equal.
template <class Value, class Less = std::less<Value>>
class OrderedChunks {
 public:
  static constexpr size_t kChunk = 512;

  size_t size() const { return size_; }

  // False: it was there.
  bool insert(const Value& value) {
    size_t at = chunk_of(value);
    if (at == chunks_.size()) {
      if (at == 0 || chunks_.back().size() == kChunk) {
        chunks_.emplace_back();
      } else {
        --at;
      }
    }
    Chunk& chunk = chunks_[at];
    auto place = std::lower_bound(chunk.begin(), chunk.end(), value, less_);
    if (place != chunk.end() && !less_(value, *place)) return false;
    chunk.insert(place, value);
    ++size_;
    if (chunk.size() > kChunk) split(at);
    return true;
  }

  // False: it was not there.
  bool erase(const Value& value) {
    size_t at = chunk_of(value);
    if (at == chunks_.size()) return false;
    Chunk& chunk = chunks_[at];
    auto place = std::lower_bound(chunk.begin(), chunk.end(), value, less_);
    if (place == chunk.end() || less_(value, *place)) return false;
    chunk.erase(place);
    --size_;
    if (chunk.size() < kChunk / 4) join(at);
    return true;
  }

  // visit(value) of the values at the places from `from` to before `end`, which may lie behind all.
  template <class Visit>
  void for_each(size_t from, size_t end, Visit visit) const {
    size_t begin = 0;  // the place of the chunk's first value
    for (const Chunk& chunk : chunks_) {
      if (begin >= end) return;
      size_t after = begin + chunk.size();
      for (size_t place = std::max(begin, from); place < std::min(after, end); ++place) {
        visit(chunk[place - begin]);
      }
      begin = after;
    }
  }

 private:
  using Chunk = std::vector<Value>;  // never empty

  // The first one that does not end before the value.
  size_t chunk_of(const Value& value) const {
    auto ends_before = [this](const Chunk& chunk, const Value& it) {
      return less_(chunk.back(), it);
    };
    auto found = std::lower_bound(chunks_.begin(), chunks_.end(), value, ends_before);
    return static_cast<size_t>(found - chunks_.begin());
  }

  auto chunk_at(size_t at) { return chunks_.begin() + static_cast<std::ptrdiff_t>(at); }

  void split(size_t at) {
    Chunk& chunk = chunks_[at];
    auto middle = chunk.begin() + kChunk / 2;
    Chunk second(middle, chunk.end());
    chunk.erase(middle, chunk.end());
    chunks_.insert(chunk_at(at + 1), std::move(second));
  }

  // Goes into the one before or behind it, when that has room left for more.
  void join(size_t at) {
    size_t into = at > 0 ? at - 1 : at;
    if (chunks_[at].empty()) {
      chunks_.erase(chunk_at(at));
    } else if (into + 1 < chunks_.size() &&
               chunks_[into].size() + chunks_[into + 1].size() <= kChunk / 2) {
      Chunk& second = chunks_[into + 1];
      chunks_[into].insert(chunks_[into].end(), second.begin(), second.end());
      chunks_.erase(chunk_at(into + 1));
    }
  }

  std::vector<Chunk> chunks_;
  size_t size_ = 0;
  [[no_unique_address]] Less less_;
};

}  // namespace pylon

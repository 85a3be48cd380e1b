// ReadAhead: drafts of many changes, read on threads of its own while the control thread applies
// those that are ready. What has been read and not taken is bounded.
//
//   ReadAhead ahead(reader, changes);
//   for (const Change* change : changes) apply(*change, ahead.next());
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "snapshot/draft.h"

namespace pylon::snapshot {

class ReadAhead final {
 public:
  static constexpr size_t kBlock = 64;      // changes that a thread takes at once
  static constexpr size_t kWindow = 64;     // blocks that are read and not taken, at most
  static constexpr size_t kWorthIt = 1000;  // changes; fewer are read as they are asked for
  static constexpr unsigned kMaxThreads = 7;

  // Helps itself to a thread for each core but one. Reader and changes must outlive it.
  ReadAhead(const DraftReader& reader, std::span<const Change* const> changes);
  ReadAhead(const DraftReader& reader, std::span<const Change* const> changes, unsigned threads);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The draft of the next change, in their order, until the next call. Reads along while it would
  // have to wait. One thread, and no more often than there are changes.
  Draft& next();

 private:
  struct Block {
    bool ready = false;
    std::vector<Draft> drafts;  // until they are ready: used ones, whose room is used again
  };
  using Lock = std::unique_lock<std::mutex>;

  static unsigned threads_for(size_t changes);
  size_t blocks() const { return (changes_.size() + kBlock - 1) / kBlock; }
  bool may_read() const { return claimed_ < blocks() && claimed_ < taken_ + kWindow; }
  Block& place_of(size_t block) { return window_[block % kWindow]; }
  void read_one(Lock& lock);
  void run_thread();
  void take_block();

  const DraftReader& reader_;
  const std::span<const Change* const> changes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Block> window_;  // by number, modulo its size
  size_t claimed_ = 0;         // blocks that somebody reads, or has read
  size_t taken_ = 0;           // blocks that next() has done with
  bool stopping_ = false;
  std::vector<Draft> current_;  // the block that next() hands out
  size_t handed_ = 0;           // drafts of it
  std::vector<std::thread> threads_;
};

}  // namespace pylon::snapshot

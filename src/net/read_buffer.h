// ReadBuffer: the one buffer per thread into which every connection reads.
//
// Whoever reads borrows it. What was read stays there, uncopied, until somebody else wants to read:
// then the borrower is told to stash what it still needs. So an ordinary request is never copied,
// and a stalled one costs just what it left over. The same holds for what streams lend of the
// octets that a turn has received ahead (net/batch.h), until the turn ends.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pylon::net {

class ReadBuffer {
 public:
  static constexpr size_t kBytes = 64 << 10;

  class Borrower {
   public:
    virtual void stash() = 0;  // copy what is still needed: the buffer is about to be overwritten

   protected:
    ~Borrower() = default;
  };

  static ReadBuffer& of_thread();

  // kBytes octets; the previous borrower stashes first.
  char* lend(Borrower& to) {
    if (borrower_ != nullptr && borrower_ != &to) borrower_->stash();
    borrower_ = &to;
    return octets_;
  }
  // `to` uses octets that a stream lent. Its place, for return_lent(); 0: no place, stash at once.
  uint8_t borrow_lent(Borrower& to) {
    if (lent_count_ == kMostLent) return 0;
    lent_[lent_count_++] = &to;
    return lent_count_;
  }
  void return_lent(uint8_t place) { lent_[place - 1] = nullptr; }
  // The end of the turn: whoever still uses lent octets stashes them.
  void recall_lent() {
    for (uint8_t i = 0; i < lent_count_; i++) {
      if (lent_[i] != nullptr) lent_[i]->stash();
    }
    lent_count_ = 0;
  }
  // The borrower needs nothing of it any more. Harmless for others.
  void give_back(Borrower& from) {
    if (borrower_ == &from) borrower_ = nullptr;
  }

 private:
  static constexpr uint8_t kMostLent = 64;

  Borrower* borrower_ = nullptr;
  uint8_t lent_count_ = 0;
  Borrower* lent_[kMostLent];
  alignas(64) char octets_[kBytes];
};

}  // namespace pylon::net

// ReadBuffer: the one buffer per thread into which every connection reads.
//
// Whoever reads borrows it. What was read stays there, uncopied, until somebody else wants to read:
// then the borrower is told to stash what it still needs. So an ordinary request is never copied,
// and a stalled one costs just what it left over.
#pragma once

#include <cstddef>

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
  // The borrower needs nothing of it any more. Harmless for others.
  void give_back(Borrower& from) {
    if (borrower_ == &from) borrower_ = nullptr;
  }

 private:
  Borrower* borrower_ = nullptr;
  alignas(64) char octets_[kBytes];
};

}  // namespace pylon::net

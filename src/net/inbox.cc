#include "net/inbox.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace pylon::net {
namespace {

constexpr size_t kSmallest = 256;

char* allocate(size_t bytes) {
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<char*>(memory);
}

}  // namespace

Inbox::~Inbox() {
  give_back();
  std::free(owned_);
}

void Inbox::consume(size_t octets) {
  at_ += octets;
  size_ -= static_cast<uint32_t>(octets);
  if (size_ == 0 && owned_ == nullptr) give_back();
}

void Inbox::give_back() {
  ReadBuffer& buffer = ReadBuffer::of_thread();
  if (place_ != 0) {
    buffer.return_lent(std::exchange(place_, 0));
  } else {
    buffer.give_back(*this);
  }
}

Io Inbox::fill(Stream& stream, size_t room) {
  if (size_ != 0) return fill_behind(stream, room);
  trim();
  if (std::span<char> lent = stream.lend(room); !lent.empty()) {
    borrow(lent);
    return {IoState::ok, lent.size()};
  }
  char* into = ReadBuffer::of_thread().lend(*this);
  Io io = stream.read(into, std::min(room, ReadBuffer::kBytes));
  if (io.state == IoState::ok) {
    at_ = into;
    size_ = static_cast<uint32_t>(io.bytes);
  } else {
    ReadBuffer::of_thread().give_back(*this);
  }
  return io;
}

void Inbox::borrow(std::span<char> lent) {
  at_ = lent.data();
  size_ = static_cast<uint32_t>(lent.size());
  place_ = ReadBuffer::of_thread().borrow_lent(*this);
  if (place_ == 0) stash();
}

// Behind octets that are there: less usual, and kept apart for what it costs to begin.
[[gnu::noinline]] Io Inbox::fill_behind(Stream& stream, size_t room) {
  stash();
  reserve(std::min<size_t>(room, std::max<size_t>(kSmallest, size_)));
  size_t free = capacity_ - static_cast<size_t>(at_ - owned_) - size_;
  Io io = stream.read(at_ + size_, std::min(free, room));
  if (io.state == IoState::ok) size_ += static_cast<uint32_t>(io.bytes);
  return io;
}

void Inbox::put(std::string_view octets) {
  if (octets.empty()) return;
  release_owned();
  size_ = capacity_ = static_cast<uint32_t>(octets.size());
  owned_ = at_ = allocate(size_);
  std::memcpy(at_, octets.data(), octets.size());
}

void Inbox::stash() {
  if (size_ == 0 || owned_ != nullptr) return;
  capacity_ = static_cast<uint32_t>((size_ + kSmallest - 1) / kSmallest * kSmallest);
  owned_ = allocate(capacity_);
  std::memcpy(owned_, at_, size_);
  at_ = owned_;
  give_back();
}

void Inbox::reserve(size_t more) {
  size_t offset = static_cast<size_t>(at_ - owned_);
  if (capacity_ - offset - size_ >= more) return;
  size_t capacity = (size_ + more + kSmallest - 1) / kSmallest * kSmallest;
  char* bigger = allocate(capacity);
  std::memcpy(bigger, at_, size_);
  std::free(owned_);
  owned_ = at_ = bigger;
  capacity_ = static_cast<uint32_t>(capacity);
}

void Inbox::release_owned() {
  std::free(owned_);
  owned_ = at_ = nullptr;
  capacity_ = 0;
}

}  // namespace pylon::net

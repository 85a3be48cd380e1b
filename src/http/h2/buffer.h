// Buffer: octets in memory of its own, appended behind and consumed in front. Holds no memory while
// it is empty and was released.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace pylon::http::h2 {

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(octets_); }

  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }
  size_t size() const { return size_; }
  std::string_view view() const { return {octets_ + at_, size_}; }

  // Room for `bytes` more, to be filled by the caller at once.
  char* extend(size_t bytes) {
    if (at_ + size_ + bytes > capacity_) make_room(bytes);
    char* to = octets_ + at_ + size_;
    size_ += static_cast<uint32_t>(bytes);
    return to;
  }
  // Gives back what was not needed of the last extend().
  void shrink(size_t bytes) { size_ -= static_cast<uint32_t>(bytes); }
  void append(std::string_view octets) {
    if (!octets.empty()) std::memcpy(extend(octets.size()), octets.data(), octets.size());
  }
  void consume(size_t bytes) {
    size_ -= static_cast<uint32_t>(bytes);
    at_ = size_ == 0 ? 0 : at_ + static_cast<uint32_t>(bytes);
  }
  void clear() { at_ = size_ = 0; }
  void release() {
    std::free(octets_);
    octets_ = nullptr;
    at_ = size_ = capacity_ = 0;
  }
  void swap(Buffer& other) {
    std::swap(octets_, other.octets_);
    std::swap(at_, other.at_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void make_room(size_t bytes) {
    size_t needed = size_ + bytes;
    size_t capacity = capacity_ >= needed && at_ >= size_ ? capacity_ : needed + needed / 2;
    if (capacity < 512) capacity = 512;
    auto* roomy = static_cast<char*>(std::malloc(capacity));
    if (roomy == nullptr) throw std::bad_alloc();
    if (size_ != 0) std::memcpy(roomy, octets_ + at_, size_);
    std::free(octets_);
    octets_ = roomy;
    at_ = 0;
    capacity_ = static_cast<uint32_t>(capacity);
  }

  char* octets_ = nullptr;
  uint32_t at_ = 0;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace pylon::http::h2

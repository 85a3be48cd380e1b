// WriteParts: what leaves in one write: the head of a message, and octets of its body as the
// framing wants them. Views what it is given; lives on the stack of the caller. RFC 9112 7.1.
#pragma once

#include <sys/uio.h>

#include <charconv>
#include <string_view>

namespace pylon::http::h1 {

class WriteParts {
 public:
  WriteParts() = default;
  WriteParts(const WriteParts&) = delete;
  WriteParts& operator=(const WriteParts&) = delete;

  // At most four.
  void add(std::string_view part) {
    if (!part.empty()) parts_[count_++] = {const_cast<char*>(part.data()), part.size()};
  }
  // One chunk, unless it is empty; `end`: the last chunk behind it, without trailers. Once, and
  // behind no more than one other part.
  void add_chunk(std::string_view octets, bool end) {
    if (octets.empty()) {
      if (end) add("0\r\n\r\n");
      return;
    }
    char* to = std::to_chars(size_line_, size_line_ + 16, octets.size(), 16).ptr;
    *to++ = '\r';
    *to++ = '\n';
    add({size_line_, static_cast<size_t>(to - size_line_)});
    add(octets);
    add(end ? "\r\n0\r\n\r\n" : "\r\n");
  }

  const iovec* data() const { return parts_; }
  int count() const { return count_; }

 private:
  iovec parts_[4];
  int count_ = 0;
  char size_line_[20];
};

}  // namespace pylon::http::h1

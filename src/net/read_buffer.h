// ReadBuffer: the one buffer per thread into which every connection reads.
//
// What is in it is valid until the next read by anyone on the thread, hence at most until the next
// suspension. Ordinary reads use kReadBytes, so that what a stalled peer leaves behind stays small.
#pragma once

#include <cstddef>

namespace pylon::net {

constexpr size_t kReadBytes = 64 << 10;

// kReadBytes octets and 64 more that may be read, so that vector scans can run over the end.
char* thread_read_buffer();

}  // namespace pylon::net

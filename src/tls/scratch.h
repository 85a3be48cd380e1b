// Scratch: the buffers of one thread through which OpenSSL gets and gives encrypted octets.
//
// OpenSSL never touches a socket: before a call the stream lays what it received into the feed,
// afterwards it takes what OpenSSL wants to send. So many records travel in one system call, and a
// connection at rest has no buffer. In use only while a call into OpenSSL lasts.
#pragma once

#include <openssl/types.h>

#include <cstddef>

namespace pylon::tls {

struct Scratch {
  static constexpr size_t kRecordBytes = 16 << 10;  // plain octets of a record, at most
  static constexpr size_t kBatchBytes = 64 << 10;   // plain octets encrypted at once, at most
  static constexpr size_t kInBytes = 64 << 10;      // encrypted octets read at once, at most
  static constexpr size_t kOutBytes = kBatchBytes + (16 << 10);  // with the overhead of records

  char* feed = nullptr;  // what is to be read by OpenSSL: a part of `in`
  size_t feed_size = 0;
  size_t out_size = 0;  // what OpenSSL has written

  char in[kInBytes];
  char out[kOutBytes];
  char gather[kRecordBytes];  // parts of one record

  static Scratch& of_thread();
};

// A BIO that reads from the thread's feed and writes to its `out`. Never blocks: "retry" means that
// the feed is empty, or `out` is full.
BIO* new_scratch_bio();

}  // namespace pylon::tls

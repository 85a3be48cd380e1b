#include "tls/scratch.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace pylon::tls {
namespace {

int read_feed(BIO* bio, char* into, int size) {
  Scratch& scratch = Scratch::of_thread();
  BIO_clear_retry_flags(bio);
  if (scratch.feed_size == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t take = std::min(scratch.feed_size, static_cast<size_t>(size));
  std::memcpy(into, scratch.feed, take);
  scratch.feed += take;
  scratch.feed_size -= take;
  return static_cast<int>(take);
}

int write_out(BIO* bio, const char* octets, int size) {
  Scratch& scratch = Scratch::of_thread();
  BIO_clear_retry_flags(bio);
  size_t take = std::min(Scratch::kOutBytes - scratch.out_size, static_cast<size_t>(size));
  if (take == 0) {
    BIO_set_retry_write(bio);
    return -1;
  }
  std::memcpy(scratch.out + scratch.out_size, octets, take);
  scratch.out_size += take;
  return static_cast<int>(take);
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pylon scratch");
  BIO_meth_set_read(method, read_feed);
  BIO_meth_set_write(method, write_out);
  BIO_meth_set_ctrl(method, control);
  return method;
}

}  // namespace

Scratch& Scratch::of_thread() {
  static thread_local std::unique_ptr<Scratch> scratch = std::make_unique<Scratch>();
  return *scratch;
}

BIO* new_scratch_bio() {
  static BIO_METHOD* const kMethod = make_method();
  BIO* bio = BIO_new(kMethod);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace pylon::tls

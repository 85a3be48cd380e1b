#include "base/ids.h"

#include <errno.h>
#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace pylon {
namespace {

void fill_from_kernel(char* to, size_t count) {
  while (count > 0) {
    ssize_t got = getrandom(to, count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) std::abort();  // no randomness: nothing that needs it may go on
    to += got;
    count -= static_cast<size_t>(got);
  }
}

// Random bytes fetched ahead, one system call per 4 KiB. Bytes are wiped when they are handed out.
struct Pool {
  std::array<char, 4096> bytes;
  size_t used = sizeof bytes;

  void take(char* to, size_t count) {
    if (count > bytes.size() - used) {
      fill_from_kernel(bytes.data(), bytes.size());
      used = 0;
    }
    std::memcpy(to, bytes.data() + used, count);
    std::memset(bytes.data() + used, 0, count);
    used += count;
  }
};

thread_local Pool pool;

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

}  // namespace

void random_bytes(void* to, size_t count) {
  if (count > pool.bytes.size()) {
    fill_from_kernel(static_cast<char*>(to), count);
  } else {
    pool.take(static_cast<char*>(to), count);
  }
}

uint64_t random_u64() {
  uint64_t value;
  random_bytes(&value, sizeof value);
  return value;
}

// Lemire, Fast Random Integer Generation in an Interval, 2019.
uint32_t random_below(uint32_t bound) {
  if (bound == 0) return 0;
  while (true) {
    uint64_t product = (random_u64() >> 32) * bound;
    auto low = static_cast<uint32_t>(product);
    if (low >= bound || low >= -bound % bound) return static_cast<uint32_t>(product >> 32);
  }
}

void write_uuid_v4(char* to) {
  std::array<uint8_t, 16> bytes;
  random_bytes(bytes.data(), bytes.size());
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
    *to++ = kHex[bytes[i] >> 4];
    *to++ = kHex[bytes[i] & 15];
  }
}

void write_nanoid(char* to, size_t count) {
  random_bytes(to, count);
  for (size_t i = 0; i < count; ++i) to[i] = kUrlSafe[static_cast<uint8_t>(to[i]) & 63];
}

std::string random_text(size_t count, std::string_view alphabet) {
  std::string text(count, '\0');
  for (char& c : text) c = alphabet[random_below(static_cast<uint32_t>(alphabet.size()))];
  return text;
}

}  // namespace pylon

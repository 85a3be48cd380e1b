// StapleStore: the staples of this process, shared by its workers, and who is to fetch the next.
//
// Handshakes never wait: one that finds nothing goes without, and is told to fetch it for those
// that follow. A staple is asked for anew some time before it ends, and stays until it does. Any
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "tls/staple.h"

namespace pylon::tls {

class StapleStore {
 public:
  static constexpr size_t kMost = 10'000;
  // Who is told to fetch has so long until another is.
  static constexpr int64_t kPatienceS = 60;

  using Key = std::array<unsigned char, 32>;  // digest of the certificate, and how it is judged

  struct Found {
    std::shared_ptr<const std::string> response;  // null: none
    bool due = false;                             // the caller is to fetch it
  };
  Found find(const Key& key, int64_t unix_s);
  // `ttl_s`: as long as nothing newer is asked for.
  void keep(const Key& key, Staple staple, int64_t ttl_s, int64_t unix_s);
  size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const std::string> response;
    int64_t until_s = 0;
    int64_t due_s = 0;
  };
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
};

}  // namespace pylon::tls

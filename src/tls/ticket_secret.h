// TicketSecret: what the keys that seal session tickets follow from.
//
// The secret of each half day follows from the one before, which is forgotten then: who learns a
// secret reads no ticket of a key that is out of use. Keys are used for half a day and read for
// another half. The supervisor keeps one and hands it to each gateway process, so that tickets
// outlive reloads. Belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/secret.h"

namespace pylon::tls {

struct TicketKey {
  std::array<unsigned char, 16> name;
  std::array<unsigned char, 32> seal;  // AES-256
  std::array<unsigned char, 32> sign;  // HMAC-SHA256
};

class TicketSecret {
 public:
  static constexpr int64_t kKeyLifeS = 12 * 3600;
  static constexpr size_t kOctets = 40;

  TicketSecret();  // from the system's randomness
  TicketSecret(const TicketSecret&) = delete;
  TicketSecret& operator=(const TicketSecret&) = delete;
  ~TicketSecret();

  // To that time, and never back: a clock that was set back finds the keys there are. Whether
  // anything changed.
  bool advance(int64_t unix_s);
  // `age` 0: the current one, 1: the one before. advance() has been called.
  TicketKey key(int age) const;

  // For another process: what take() wants.
  Secret octets() const;
  // False: these octets are no secret; nothing has changed.
  bool take(std::string_view octets);

 private:
  using Octets = std::array<unsigned char, 32>;

  int64_t period_ = -1;  // half days since 1970, of the key before the current one; -1: not yet
  Octets secret_{};      // of that one
};

}  // namespace pylon::tls

#include "tls/ticket_secret.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>

namespace pylon::tls {
namespace {

constexpr size_t kPeriodBytes = 8;

std::array<unsigned char, 32> derive(const std::array<unsigned char, 32>& secret,
                                     std::string_view purpose) {
  std::array<unsigned char, 32> out{};
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size(), out.data(), nullptr);
  return out;
}

}  // namespace

TicketSecret::TicketSecret() { RAND_bytes(secret_.data(), static_cast<int>(secret_.size())); }

TicketSecret::~TicketSecret() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

bool TicketSecret::advance(int64_t unix_s) {
  int64_t before = std::max<int64_t>(unix_s / kKeyLifeS - 1, 0);
  if (period_ < 0) {
    period_ = before;
    return true;
  }
  if (period_ >= before) return false;
  for (; period_ < before; period_++) secret_ = derive(secret_, "pylon ticket next");
  return true;
}

TicketKey TicketSecret::key(int age) const {
  Octets secret = age == 0 ? derive(secret_, "pylon ticket next") : secret_;
  TicketKey key;
  Octets name = derive(secret, "pylon ticket name");
  std::copy_n(name.begin(), key.name.size(), key.name.begin());
  key.seal = derive(secret, "pylon ticket seal");
  key.sign = derive(secret, "pylon ticket sign");
  OPENSSL_cleanse(secret.data(), secret.size());
  return key;
}

Secret TicketSecret::octets() const {
  char octets[kOctets];
  auto period = static_cast<uint64_t>(period_);
  for (size_t i = 0; i < kPeriodBytes; i++) {
    octets[i] = static_cast<char>(period >> (56 - 8 * i));
  }
  std::copy(secret_.begin(), secret_.end(), octets + kPeriodBytes);
  Secret out(std::string_view(octets, sizeof octets));
  OPENSSL_cleanse(octets, sizeof octets);
  return out;
}

bool TicketSecret::take(std::string_view octets) {
  if (octets.size() != kOctets) return false;
  uint64_t period = 0;
  for (size_t i = 0; i < kPeriodBytes; i++) {
    period = period << 8 | static_cast<unsigned char>(octets[i]);
  }
  period_ = static_cast<int64_t>(period);
  std::copy(octets.begin() + kPeriodBytes, octets.end(), secret_.begin());
  return true;
}

}  // namespace pylon::tls

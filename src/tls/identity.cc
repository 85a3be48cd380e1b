#include "tls/identity.h"

#include <openssl/evp.h>

#include <atomic>

#include "base/strings.h"

namespace pylon::tls {

uint8_t protocol_named(std::string_view name) {
  if (name == "TLSv1") return kTls10;
  if (name == "TLSv1.1") return kTls11;
  if (name == "TLSv1.2") return kTls12;
  if (name == "TLSv1.3") return kTls13;
  return 0;
}

uint8_t protocols_named(std::string_view names) {
  uint8_t protocols = 0;
  for (std::string_view name : split(names, ' ')) {
    if (name.empty()) continue;
    uint8_t protocol = protocol_named(name);
    if (protocol == 0) return 0;
    protocols = static_cast<uint8_t>(protocols | protocol);
  }
  return protocols;
}

uint64_t next_identity_serial() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::array<unsigned char, 32> trust_digest(std::string_view authority, int depth, bool by_request) {
  std::string text = std::to_string(depth);
  text += by_request ? '?' : '!';
  text += authority;
  std::array<unsigned char, 32> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

}  // namespace pylon::tls

#include "base/keyring.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "base/strings.h"

namespace pylon {
namespace {

constexpr size_t kBlockBytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

const EVP_CIPHER* cipher_for(const Secret& key) {
  return key.expose().size() == 32 ? EVP_aes_256_cbc() : EVP_aes_128_cbc();
}

// In either direction; nothing when the padding is wrong.
std::optional<std::string> run(const Secret& key, std::string_view in, bool encrypt) {
  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  auto bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  const unsigned char* secret = bytes(key.expose());
  std::string out(in.size() + kBlockBytes, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  int length = 0;
  int rest = 0;
  bool done =
      EVP_CipherInit_ex(context.get(), cipher_for(key), nullptr, secret, secret, encrypt ? 1 : 0) ==
          1 &&
      EVP_CipherUpdate(context.get(), to, &length, bytes(in), static_cast<int>(in.size())) == 1 &&
      EVP_CipherFinal_ex(context.get(), to + length, &rest) == 1;
  if (!done) {
    ERR_clear_error();
    return std::nullopt;
  }
  out.resize(static_cast<size_t>(length + rest));
  return out;
}

}  // namespace

Keyring::Keyring(std::vector<Secret> keys) {
  for (Secret& key : keys) {
    size_t bytes = key.expose().size();
    if (bytes == 16 || bytes == 32) keys_.push_back(std::move(key));
  }
}

std::string Keyring::encrypt(std::string_view plain) const {
  if (keys_.empty()) return std::string(plain);
  return base64_encode(run(keys_.front(), plain, true).value_or(std::string()));
}

std::optional<std::string> Keyring::decrypt(std::string_view text) const {
  std::optional<std::string> octets = base64_decode(text);
  if (!octets || octets->empty() || octets->size() % kBlockBytes != 0) return std::nullopt;
  for (const Secret& key : keys_) {
    std::optional<std::string> plain = run(key, *octets, false);
    if (plain && is_valid_utf8(*plain)) return plain;
  }
  return std::nullopt;
}

}  // namespace pylon

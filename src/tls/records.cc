#include "tls/records.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/strings.h"
#include "tls/scratch.h"

namespace pylon::tls {
namespace {

constexpr size_t kUpdateBytes = 5;  // a KeyUpdate: type 24, length 1, whether we shall follow
constexpr std::string_view kKeyUpdate("\x18\0\0\1\0", kUpdateBytes);

// HKDF-Expand-Label (RFC 8446 7.1) for no more octets than the digest has: one round does.
void expand(const EVP_MD* digest, const TrafficSecret& secret, std::string_view label,
            unsigned char* into, size_t size) {
  std::string info{'\0', static_cast<char>(size)};
  info += static_cast<char>(6 + label.size());
  info += "tls13 ";
  info += label;
  info.append({'\0', '\1'});  // no context; the first round
  unsigned char block[EVP_MAX_MD_SIZE];
  HMAC(digest, secret.octets.data(), static_cast<int>(secret.size),
       reinterpret_cast<const unsigned char*>(info.data()), info.size(), block, nullptr);
  std::memcpy(into, block, size);
  OPENSSL_cleanse(block, sizeof block);
}

struct Suite {
  const EVP_CIPHER* method;
  const EVP_MD* digest;
};

// Fetched once: looking a method up costs more than a record. The process keeps them.
Suite suite_of(const SSL_CIPHER* cipher) {
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const kSha384 = EVP_MD_fetch(nullptr, "SHA384", nullptr);
  static const EVP_CIPHER* const kAes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  static const EVP_CIPHER* const kAes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static const EVP_CIPHER* const kChaCha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  switch (SSL_CIPHER_get_protocol_id(cipher)) {
    case 0x1301:
      return {kAes128, kSha256};
    case 0x1302:
      return {kAes256, kSha384};
    case 0x1303:
      return {kChaCha, kSha256};
    default:
      return {nullptr, nullptr};
  }
}

// A line of the "key log": label, client random, secret, both hexadecimal.
void on_secret(const SSL* ssl, const char* line) {
  auto* secrets = static_cast<TrafficSecrets*>(SSL_get_app_data(ssl));
  if (secrets == nullptr) return;
  std::string_view text(line);
  TrafficSecret* to = nullptr;
  if (text.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) to = &secrets->client;
  if (text.starts_with("SERVER_TRAFFIC_SECRET_0 ")) to = &secrets->server;
  if (to == nullptr) return;
  text.remove_prefix(text.rfind(' ') + 1);
  if (text.size() % 2 != 0 || text.size() / 2 > to->octets.size()) return;
  to->size = text.size() / 2;
  for (size_t i = 0; i < to->size; i++) {
    to->octets[i] =
        static_cast<unsigned char>(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
  }
}

// OpenSSL writes each secret as text, which costs a twentieth of a handshake for all. Those of the
// handshake itself, which come first, are not asked for.
void on_progress(const SSL* ssl, int where, int) {
  if (where != SSL_CB_ACCEPT_LOOP) return;
  OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);
  bool early = state == TLS_ST_BEFORE || state == TLS_ST_SR_CLNT_HELLO ||
               state == TLS_ST_SW_SRVR_HELLO || state == TLS_ST_SW_CHANGE;
  SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), early ? nullptr : on_secret);
}

unsigned char* octets_of(char* text) { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* octets_of(const char* text) {
  return reinterpret_cast<const unsigned char*>(text);
}

}  // namespace

void TrafficSecrets::listen(SSL_CTX* context) { SSL_CTX_set_info_callback(context, on_progress); }

// ---- one direction

bool Records::Direction::start(const EVP_CIPHER* method, const EVP_MD* digest, bool sealing) {
  cipher.reset(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || secret.size == 0) return false;
  int way = sealing ? 1 : 0;
  if (EVP_CipherInit_ex(cipher.get(), method, nullptr, nullptr, nullptr, way) != 1) return false;
  unsigned char key[EVP_MAX_KEY_LENGTH];
  expand(digest, secret, "key", key, static_cast<size_t>(EVP_CIPHER_get_key_length(method)));
  expand(digest, secret, "iv", iv.data(), iv.size());
  bool started = EVP_CipherInit_ex(cipher.get(), nullptr, nullptr, key, nullptr, -1) == 1;
  OPENSSL_cleanse(key, sizeof key);
  return started;
}

// RFC 8446 7.2.
bool Records::Direction::renew(const EVP_MD* digest) {
  TrafficSecret next;
  next.size = secret.size;
  expand(digest, secret, "traffic upd", next.octets.data(), next.size);
  secret = next;
  sequence = 0;
  bool sealing = EVP_CIPHER_CTX_is_encrypting(cipher.get()) == 1;
  EVP_CIPHER* method = EVP_CIPHER_CTX_get1_cipher(cipher.get());
  bool started = start(method, digest, sealing);
  EVP_CIPHER_free(method);
  return started;
}

std::array<unsigned char, 12> Records::Direction::nonce() const {
  std::array<unsigned char, 12> nonce = iv;
  for (size_t i = 0; i < 8; i++) {
    nonce[4 + i] ^= static_cast<unsigned char>(sequence >> (56 - 8 * i));
  }
  return nonce;
}

// ---- taking over

std::unique_ptr<Records> Records::take_over(SSL* ssl, const TrafficSecrets& secrets,
                                            uint64_t sealed) {
  if (SSL_version(ssl) != TLS1_3_VERSION || SSL_is_server(ssl) != 1) return nullptr;
  if (SSL_has_pending(ssl) == 1) return nullptr;
  // Of a client that wants small records.
  if (SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl)) != 0) return nullptr;
  Suite suite = suite_of(SSL_get_current_cipher(ssl));
  if (suite.method == nullptr) return nullptr;
  auto records = std::make_unique<Records>();
  records->digest_ = suite.digest;
  records->read_.secret = secrets.client;
  records->write_.secret = secrets.server;
  records->write_.sequence = sealed;
  if (!records->read_.start(suite.method, suite.digest, false)) return nullptr;
  if (!records->write_.start(suite.method, suite.digest, true)) return nullptr;
  return records;
}

uint64_t Records::count(std::string_view octets) {
  uint64_t records = 0;
  while (!octets.empty()) {
    if (!starts_whole(octets) || octets[0] != kData) return 0;
    octets.remove_prefix(kHeaderBytes + body_bytes(octets));
    records++;
  }
  return records;
}

// ---- sealing

bool Records::seal(Type type, std::string_view plain) {
  Scratch& scratch = Scratch::of_thread();
  if (plain.size() + kOverheadBytes > Scratch::kOutBytes - scratch.out_size) return false;
  char* record = scratch.out + scratch.out_size;
  size_t body = plain.size() + 1 + kTagBytes;
  const char header[kHeaderBytes] = {kData, 3, 3, static_cast<char>(body >> 8),
                                     static_cast<char>(body)};
  std::memcpy(record, header, kHeaderBytes);
  unsigned char* to = octets_of(record + kHeaderBytes);
  unsigned char inner_type = type;
  auto size = static_cast<int>(plain.size());
  int done = 0;
  EVP_CIPHER_CTX* cipher = write_.cipher.get();
  bool sealed =
      EVP_CipherInit_ex(cipher, nullptr, nullptr, nullptr, write_.nonce().data(), -1) == 1 &&
      EVP_CipherUpdate(cipher, nullptr, &done, octets_of(record), kHeaderBytes) == 1 &&
      (size == 0 || EVP_CipherUpdate(cipher, to, &done, octets_of(plain.data()), size) == 1) &&
      EVP_CipherUpdate(cipher, to + size, &done, &inner_type, 1) == 1 &&
      EVP_CipherFinal_ex(cipher, to + size + 1, &done) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, kTagBytes, to + size + 1) == 1;
  if (!sealed) return false;
  write_.sequence++;
  scratch.out_size += kHeaderBytes + body;
  return true;
}

bool Records::renew_if_due() {
  if (!renewal_asked_ && write_.sequence < kMostSealed) return true;
  renewal_asked_ = false;
  return seal(kHandshake, kKeyUpdate) && write_.renew(digest_);
}

// ---- opening

bool Records::decrypt(char* record, size_t body, char* into) {
  unsigned char* from = octets_of(record + kHeaderBytes);
  size_t inner = body - kTagBytes;
  unsigned char* tag = from + inner;
  int done = 0;
  EVP_CIPHER_CTX* cipher = read_.cipher.get();
  bool opened =
      EVP_CipherInit_ex(cipher, nullptr, nullptr, nullptr, read_.nonce().data(), -1) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag) == 1 &&
      EVP_CipherUpdate(cipher, nullptr, &done, octets_of(record), kHeaderBytes) == 1 &&
      EVP_CipherUpdate(cipher, octets_of(into), &done, from, static_cast<int>(inner)) == 1 &&
      EVP_CipherFinal_ex(cipher, octets_of(into) + inner, &done) == 1;
  read_.sequence++;
  return opened;
}

Records::Opened Records::open(char* octets, size_t size, char* into, size_t room) {
  if (size < kHeaderBytes) return {What::incomplete};
  size_t body = body_bytes({octets, size});
  // 5.1, 5.2: from now on everything is protected, and of the length that ciphers add.
  if (octets[0] != kData)
    return refuse(SSL_AD_UNEXPECTED_MESSAGE, "a record that is not protected");
  if (body > kMostPlainBytes + 1 + kTagBytes) {
    return refuse(SSL_AD_RECORD_OVERFLOW, "a record that is too long");
  }
  if (body <= kTagBytes) return refuse(SSL_AD_DECODE_ERROR, "a record that is too short");
  if (size < kHeaderBytes + body) return {What::incomplete};
  size_t inner = body - kTagBytes;
  char* plain = inner <= room ? into : octets + kHeaderBytes;
  if (!decrypt(octets, body, plain)) {
    return refuse(SSL_AD_BAD_RECORD_MAC, "a record that was not sealed by the peer");
  }
  while (inner != 0 && plain[inner - 1] == 0) inner--;  // padding
  if (inner == 0) return refuse(SSL_AD_UNEXPECTED_MESSAGE, "a record without a type");
  Opened opened = judge(static_cast<Type>(plain[inner - 1]), {plain, inner - 1});
  opened.used = kHeaderBytes + body;
  return opened;
}

Records::Opened Records::judge(Type type, std::string_view plain) {
  bool bears_data = type == kData && !plain.empty();
  idle_records_ = bears_data ? 0 : idle_records_ + 1;
  if (idle_records_ > kMostIdleRecords) {
    return refuse(SSL_AD_UNEXPECTED_MESSAGE, "too many records that bring nothing");
  }
  if (!part_.empty() && type != kHandshake) {
    return refuse(SSL_AD_UNEXPECTED_MESSAGE, "a record amid a handshake message");
  }
  switch (type) {
    case kData:
      return {bears_data ? What::data : What::nothing, 0, plain};
    case kAlert:
      return take_alert(plain);
    case kHandshake:
      return take_handshake(plain);
    default:
      return refuse(SSL_AD_UNEXPECTED_MESSAGE, "a record of no type that can come now");
  }
}

// 6: the level says nothing; all but two kinds end the connection.
Records::Opened Records::take_alert(std::string_view plain) {
  if (plain.size() != 2) return refuse(SSL_AD_DECODE_ERROR, "an alert of the wrong length");
  int alert = static_cast<unsigned char>(plain[1]);
  if (alert == SSL_AD_CLOSE_NOTIFY) return {What::end};
  if (alert == SSL_AD_USER_CANCELLED) return {What::nothing};
  problem_ = "the peer's alert: ";
  problem_ += SSL_alert_desc_string_long(alert);
  return {What::failed};
}

// 4.6: a client may send but one kind, a KeyUpdate, and nothing in its record may follow it.
Records::Opened Records::take_handshake(std::string_view plain) {
  if (plain.empty()) return refuse(SSL_AD_UNEXPECTED_MESSAGE, "an empty handshake record");
  part_ += plain.substr(0, kUpdateBytes);
  size_t same = std::min(part_.size(), kUpdateBytes - 1);
  if (plain.size() > kUpdateBytes || part_.size() > kUpdateBytes ||
      part_.compare(0, same, kKeyUpdate.substr(0, same)) != 0) {
    return refuse(SSL_AD_UNEXPECTED_MESSAGE, "a handshake message that is no key update");
  }
  if (part_.size() < kUpdateBytes) return {What::nothing};
  char follow = part_.back();
  part_.clear();
  if (follow != 0 && follow != 1) {
    return refuse(SSL_AD_ILLEGAL_PARAMETER, "a key update that asks for something unknown");
  }
  if (follow == 1) renewal_asked_ = true;
  if (!read_.renew(digest_)) return refuse(SSL_AD_INTERNAL_ERROR, "a key cannot be renewed");
  return {What::nothing};
}

Records::Opened Records::refuse(int alert, std::string problem) {
  const char octets[] = {2, static_cast<char>(alert)};
  seal(kAlert, {octets, sizeof octets});
  ERR_clear_error();
  problem_ = std::move(problem);
  return {What::failed};
}

}  // namespace pylon::tls

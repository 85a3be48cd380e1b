// Records: the record protection of a TLS 1.3 connection after its handshake (RFC 8446 5).
//
// OpenSSL keeps 15 KB for a connection, nearly all of it for handshakes. A server's connection is
// therefore taken over from it once its handshake is over: the ciphers stay OpenSSL's, the framing,
// key updates and alerts are here, in 3 KB. What is sealed goes behind what stands in the thread's
// Scratch::out. Belongs to one connection.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tls/openssl.h"

namespace pylon::tls {

// What the keys of one direction are made of.
struct TrafficSecret {
  static constexpr size_t kMaxBytes = 48;  // SHA-384

  std::array<unsigned char, kMaxBytes> octets{};
  size_t size = 0;

  TrafficSecret() = default;
  TrafficSecret(const TrafficSecret&) = default;
  TrafficSecret& operator=(const TrafficSecret&) = default;
  ~TrafficSecret() { OPENSSL_cleanse(octets.data(), octets.size()); }
};

// The secrets that both directions begin with, as OpenSSL tells them in a handshake.
struct TrafficSecrets {
  TrafficSecret client, server;

  // The handshakes of the context tell their secrets...
  static void listen(SSL_CTX* context);
  // ...to where this says; it must outlive `ssl`.
  void belong_to(SSL* ssl) { SSL_set_app_data(ssl, this); }
};

class Records {
 public:
  static constexpr size_t kHeaderBytes = 5;
  static constexpr size_t kTagBytes = 16;
  static constexpr size_t kOverheadBytes = kHeaderBytes + 1 + kTagBytes;  // 1: the type within
  static constexpr size_t kMostPlainBytes = 16 << 10;
  // Records in a row that bring nothing: a peer has no reason to send more.
  static constexpr int kMostIdleRecords = 32;
  // Sealed with one key, at most: RFC 8446 5.5 allows AES-GCM some 24 million.
  static constexpr uint64_t kMostSealed = 1 << 24;

  // Takes over from a server whose handshake is over and which has sealed `sealed` records since.
  // Null: the connection is one that OpenSSL goes on with, TLS 1.2 for example.
  static std::unique_ptr<Records> take_over(SSL* ssl, const TrafficSecrets& secrets,
                                            uint64_t sealed);

  enum class What : uint8_t {
    incomplete,  // the first record is not there as a whole
    data,
    nothing,  // a record that is no matter of the caller
    end,      // close_notify
    failed,   // the peer has been told; problem() says what it was
  };
  struct Opened {
    What what = What::incomplete;
    size_t used = 0;              // octets of the record
    std::string_view plain = {};  // of `data`
  };
  // Opens the first record of `octets`: in place, or into `into` where `room` is enough.
  Opened open(char* octets, size_t size, char* into, size_t room);
  static bool starts_whole(std::string_view octets) {
    return octets.size() >= kHeaderBytes && octets.size() >= kHeaderBytes + body_bytes(octets);
  }

  // At most kMostPlainBytes. False: it cannot be done, the connection is lost.
  bool seal(std::string_view plain) { return seal(kData, plain); }
  bool seal_end() { return seal(kAlert, std::string_view("\1\0", 2)); }  // close_notify
  // Renews our key where the peer asks for it, or its time has come.
  bool renew_if_due();

  const std::string& problem() const { return problem_; }

  // How many records these octets are; 0: not only records of protected octets.
  static uint64_t count(std::string_view octets);

 private:
  enum Type : uint8_t { kChangeCipherSpec = 20, kAlert = 21, kHandshake = 22, kData = 23 };

  // One direction: its cipher, which has its key already, and what the next one is made of.
  struct Direction {
    std::unique_ptr<EVP_CIPHER_CTX, Freeing<EVP_CIPHER_CTX_free>> cipher;
    TrafficSecret secret;
    std::array<unsigned char, 12> iv{};
    uint64_t sequence = 0;

    bool start(const EVP_CIPHER* method, const EVP_MD* digest, bool sealing);
    bool renew(const EVP_MD* digest);
    std::array<unsigned char, 12> nonce() const;
  };

  static size_t body_bytes(std::string_view record) {
    return static_cast<size_t>(static_cast<unsigned char>(record[3])) << 8 |
           static_cast<unsigned char>(record[4]);
  }
  bool seal(Type type, std::string_view plain);
  bool decrypt(char* record, size_t body, char* into);
  Opened judge(Type type, std::string_view plain);
  Opened take_alert(std::string_view plain);
  Opened take_handshake(std::string_view plain);
  Opened refuse(int alert, std::string problem);

  const EVP_MD* digest_ = nullptr;
  Direction read_, write_;
  bool renewal_asked_ = false;
  int idle_records_ = 0;  // in a row
  std::string part_;      // of a message that goes on in the next record
  std::string problem_;
};

}  // namespace pylon::tls

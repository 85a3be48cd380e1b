// Records against peers that went through the handshake. The first octet of the input chooses:
//
//   a peer of our own that has the keys, so that what it seals is read whatever it is. A model says
//   what must come of it, however the octets are cut;
//   OpenSSL's client through a whole Stream: what one end writes the other reads, and nothing else.
#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/memory_stream.h"
#include "observe/log.h"
#include "tls/records.h"
#include "tls/scratch.h"
#include "tls/server_context.h"
#include "tls/stream.h"
#include "tls/test_identity.h"

namespace pylon::tls {
namespace {

void demand(bool holds) {
  if (!holds) abort();
}

// The input, read as numbers; zeros behind its end.
class Script {
 public:
  Script(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  bool over() const { return at_ == end_; }
  size_t octet() { return over() ? 0 : *at_++; }
  size_t number() {
    size_t high = octet();
    return high << 8 | octet();
  }
  std::string text(size_t most) {
    std::string text;
    for (size_t size = octet() % (most + 1); size > 0; size--) text += static_cast<char>(octet());
    return text;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

std::string body_of(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; i++) text[i] = static_cast<char>(i * 31 + size);
  return text;
}

unsigned char* octets_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

// ---- handshakes

struct World {
  net::Loop loop;
  OneName names;
  ServerShare share;
  std::unique_ptr<ServerContext> servers = std::move(*ServerContext::make({}, share, names));
  SslContextPtr clients{SSL_CTX_new(TLS_client_method())};

  static World& get() {
    static World world;
    return world;
  }
  SslPtr client(const char* suite) {
    SSL_CTX_set_ciphersuites(clients.get(), suite);
    SslPtr client(SSL_new(clients.get()));
    SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_tlsext_host_name(client.get(), "a.test");
    SSL_set_connect_state(client.get());
    return client;
  }
};

constexpr const char* kSuites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                   "TLS_CHACHA20_POLY1305_SHA256"};
constexpr const char* kCiphers[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
constexpr const char* kDigests[] = {"SHA256", "SHA384", "SHA256"};

std::string taken_from(BIO* bio) {
  char* data = nullptr;
  auto size = static_cast<size_t>(BIO_get_mem_data(bio, &data));
  std::string octets(data, size);
  (void)BIO_reset(bio);
  return octets;
}

// A server of OpenSSL after its handshake, and the secrets that it told.
struct Agreement {
  SslPtr server;
  TrafficSecrets secrets;

  explicit Agreement(const char* suite) : server(World::get().servers->open()) {
    secrets.belong_to(server.get());
    SslPtr client = World::get().client(suite);
    SSL_set_bio(server.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(server.get());
    for (int i = 0; i < 3; i++) {
      SSL_do_handshake(client.get());
      std::string octets = taken_from(SSL_get_wbio(client.get()));
      BIO_write(SSL_get_rbio(server.get()), octets.data(), static_cast<int>(octets.size()));
      SSL_do_handshake(server.get());
      octets = taken_from(SSL_get_wbio(server.get()));
      BIO_write(SSL_get_rbio(client.get()), octets.data(), static_cast<int>(octets.size()));
    }
    demand(SSL_is_init_finished(server.get()) == 1);
    demand(secrets.client.size != 0 && secrets.server.size != 0);
  }
};

// ---- a peer that has the keys

// One direction of the peer, by OpenSSL's own HKDF (RFC 8446 7.1, 7.2, 7.3).
class Key {
 public:
  Key(size_t suite, const TrafficSecret& secret)
      : suite_(suite), secret_(secret.octets.begin(), secret.octets.begin() + secret.size) {
    start();
  }

  void renew() {
    secret_ = expanded("traffic upd", secret_.size());
    start();
  }

  // `version`: what the head says; readers must not mind.
  std::string seal(uint8_t type, std::string inner, size_t padding, size_t version) {
    inner += static_cast<char>(type);
    inner.append(padding, '\0');
    std::string head = head_of(inner.size() + 16, version);
    std::string tag(16, '\0');
    crypt(true, head, inner, tag);
    return head + inner + tag;
  }
  // The inner octets, with their type at the end.
  std::string open(std::string record) {
    demand(record.size() > 5 + 16);
    std::string tag = record.substr(record.size() - 16);
    std::string inner = record.substr(5, record.size() - 5 - 16);
    crypt(false, record.substr(0, 5), inner, tag);
    return inner;
  }
  static std::string head_of(size_t body, size_t version) {
    return {'\x17', static_cast<char>(version >> 8), static_cast<char>(version),
            static_cast<char>(body >> 8), static_cast<char>(body)};
  }

 private:
  void start() {
    key_ = expanded("key", suite_ == 0 ? 16 : 32);
    iv_ = expanded("iv", 12);
    sequence_ = 0;
  }

  std::string expanded(const char* label, size_t size) const {
    static EVP_KDF* const kKdf = EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr);
    EVP_KDF_CTX* context = EVP_KDF_CTX_new(kKdf);
    std::string secret = secret_, name = label, prefix = "tls13 ", digest = kDigests[suite_];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix.data(), prefix.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, name.data(), name.size()),
        OSSL_PARAM_construct_end()};
    std::string out(size, '\0');
    demand(EVP_KDF_derive(context, octets_of(out), size, parameters) == 1);
    EVP_KDF_CTX_free(context);
    return out;
  }

  void crypt(bool sealing, std::string head, std::string& inner, std::string& tag) {
    static EVP_CIPHER* const kMethods[] = {EVP_CIPHER_fetch(nullptr, kCiphers[0], nullptr),
                                           EVP_CIPHER_fetch(nullptr, kCiphers[1], nullptr),
                                           EVP_CIPHER_fetch(nullptr, kCiphers[2], nullptr)};
    std::string nonce = iv_;
    for (size_t i = 0; i < 8; i++) nonce[4 + i] ^= static_cast<char>(sequence_ >> (56 - 8 * i));
    sequence_++;
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int done = 0, way = sealing ? 1 : 0;
    EVP_CipherInit_ex2(context, kMethods[suite_], octets_of(key_), octets_of(nonce), way, nullptr);
    if (!sealing) EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag.data());
    EVP_CipherUpdate(context, nullptr, &done, octets_of(head), static_cast<int>(head.size()));
    EVP_CipherUpdate(context, octets_of(inner), &done, octets_of(inner),
                     static_cast<int>(inner.size()));
    demand(EVP_CipherFinal_ex(context, octets_of(tag), &done) == 1);
    if (sealing) EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
    EVP_CIPHER_CTX_free(context);
  }

  size_t suite_;
  std::string secret_, key_, iv_;
  uint64_t sequence_ = 0;
};

// What a reader must have got from the octets so far.
struct Outcome {
  std::string data;
  bool ended = false;
  bool failed = false;

  bool over() const { return ended || failed; }
  bool operator==(const Outcome&) const = default;
};

// Writes octets as the script says, and knows what must come of them.
class Liar {
 public:
  Liar(size_t suite, const TrafficSecret& secret) : key_(suite, secret) {}

  void act(Script& script) {
    switch (script.octet() % 9) {
      case 0:
      case 1:
        return send(23, body_of(script.number() % 16'500), script.number() % 300);
      case 2:
        return send(23, script.text(60), script.octet());
      case 3:
        return send(22, std::string("\x18\0\0\1", 4) + static_cast<char>(script.octet() % 3));
      case 4:
        return send(22, script.text(7));
      case 5:
        return send(21, std::string(1, '\1') + static_cast<char>(script.octet()));
      case 6:
        return send(static_cast<uint8_t>(script.octet()), script.text(60), script.octet());
      case 7: {
        std::string record = key_.seal(23, script.text(60), 0, 0x0303);
        size_t at = 5 + script.number() % (record.size() - 5);
        record[at] = static_cast<char>(record[at] ^ (1 << script.octet() % 8));
        octets += record;
        expected.failed = true;
        return;
      }
      default:
        return send_plain(script);
    }
  }

  std::string octets;
  Outcome expected;
  bool renewal_asked = false;

 private:
  void send(uint8_t type, const std::string& plain, size_t padding = 0) {
    octets += key_.seal(type, plain, padding, padding % 7 == 6 ? 0x0301 : 0x0303);
    std::string inner = plain + static_cast<char>(type);
    if (inner.size() + padding > Records::kMostPlainBytes + 1) return fail();
    while (!inner.empty() && inner.back() == 0) inner.pop_back();
    if (inner.empty()) return fail();
    auto seen = static_cast<uint8_t>(inner.back());
    inner.pop_back();
    judge(seen, inner);
  }

  void judge(uint8_t type, const std::string& plain) {
    idle_ = type == 23 && !plain.empty() ? 0 : idle_ + 1;
    if (idle_ > Records::kMostIdleRecords || (!part_.empty() && type != 22)) return fail();
    if (type == 23) {
      expected.data += plain;
    } else if (type == 21 && plain.size() == 2 && (plain[1] == 0 || plain[1] == 90)) {
      expected.ended = plain[1] == 0;
    } else if (type == 22 && !plain.empty()) {
      take_update(plain);
    } else {
      fail();
    }
  }

  void take_update(const std::string& plain) {
    part_ += plain;
    std::string asked("\x18\0\0\1\1", 5), silent("\x18\0\0\1\0", 5);
    if (!asked.starts_with(part_) && !silent.starts_with(part_)) return fail();
    if (part_.size() < 5) return;
    if (part_ == asked) renewal_asked = true;
    part_.clear();
    key_.renew();
  }

  void send_plain(Script& script) {
    std::string text = script.text(12);
    if (text.empty()) return;
    text.resize(std::max<size_t>(text.size(), 5));
    size_t body =
        static_cast<size_t>(static_cast<uint8_t>(text[3])) << 8 | static_cast<uint8_t>(text[4]);
    // A whole record that nobody sealed.
    if (text[0] == 0x17) text.resize(5 + std::min<size_t>(body, 17'000));
    octets += text;
    fail();
  }

  void fail() { expected.failed = true; }

  Key key_;
  std::string part_;
  int idle_ = 0;
};

// Reads as Stream does, in cuts and rooms of these sizes.
Outcome read_in_cuts(Records& records, const std::string& octets, Script cuts) {
  Outcome outcome;
  std::string held, into(20'000, '\0');
  for (size_t at = 0; at < octets.size() && !outcome.over();) {
    size_t cut = cuts.over() ? octets.size() : std::max<size_t>(cuts.number() % 5'000, 1);
    held += octets.substr(at, cut);
    at += std::min(cut, octets.size() - at);
    while (!outcome.over()) {
      size_t room = cuts.over() ? into.size() : cuts.number() % into.size();
      Records::Opened opened = records.open(held.data(), held.size(), into.data(), room);
      demand(opened.used <= held.size());
      if (opened.what == Records::What::incomplete) break;
      outcome.data += opened.plain;
      outcome.ended = opened.what == Records::What::end;
      outcome.failed = opened.what == Records::What::failed;
      held.erase(0, opened.used);
    }
  }
  return outcome;
}

// What the records send can be read by the peer: an alert where they gave up, else data, behind a
// renewal that was asked for.
void check_answer(Records& records, Key& key, const Liar& liar) {
  Scratch& scratch = Scratch::of_thread();
  bool failed = liar.expected.failed;
  if (!failed) demand(records.renew_if_due() && records.seal("pong"));
  std::string sent(scratch.out, std::exchange(scratch.out_size, 0));
  std::string last;
  bool renewed = false;
  while (!sent.empty()) {
    demand(Records::starts_whole(sent));
    size_t size = 5 + (static_cast<size_t>(static_cast<uint8_t>(sent[3])) << 8 |
                       static_cast<uint8_t>(sent[4]));
    last = key.open(sent.substr(0, size));
    if (last.back() == 22) {
      key.renew();
      renewed = true;
    }
    sent.erase(0, size);
  }
  demand(renewed == (!failed && liar.renewal_asked));
  if (!failed) return demand(last == "pong\x17");
  demand(last.empty() || (last.size() == 3 && last[0] == 2 && last[2] == 21));
}

void face_a_liar(Script& script) {
  static const Agreement kAgreements[] = {Agreement(kSuites[0]), Agreement(kSuites[1]),
                                          Agreement(kSuites[2])};
  size_t suite = script.octet() % 3;
  const Agreement& agreement = kAgreements[suite];
  Liar liar(suite, agreement.secrets.client);
  size_t acts = script.octet() % 80;
  for (size_t i = 0; i < acts && !liar.expected.over(); i++) liar.act(script);
  std::string behind = script.text(20);  // nothing of it may be read after an end

  for (bool cut : {false, true}) {
    auto records = Records::take_over(agreement.server.get(), agreement.secrets, 0);
    demand(records != nullptr);
    Key answers(suite, agreement.secrets.server);
    std::string octets = liar.octets;
    if (liar.expected.over()) octets += behind;
    Outcome outcome = read_in_cuts(*records, octets, cut ? script : Script(nullptr, 0));
    demand(outcome == liar.expected);
    check_answer(*records, answers, liar);
  }
}

// ---- OpenSSL's client

class Line {
 public:
  explicit Line(const char* suite) : client_(World::get().client(suite)) {
    auto [near, far] = net::MemoryStream::pair(1 << 22);
    near_ = std::move(near);
    far_ = far.get();
    World& world = World::get();
    server_ =
        std::make_unique<Stream>(world.loop, std::move(far), world.servers->open(), Side::server);
    for (int i = 0; i < 4; i++) {
      SSL_do_handshake(client_.get());
      give(taken_from(SSL_get_wbio(client_.get())));
      fetch();
    }
    demand(!server_->connecting() && !server_->broken());
  }

  void act(Script& script) {
    switch (script.octet() % 6) {
      case 0:
      case 1:
        return client_writes(body_of(script.number() % 40'000));
      case 2:
        SSL_key_update(client_.get(), script.octet() % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED
                                                              : SSL_KEY_UPDATE_NOT_REQUESTED);
        SSL_do_handshake(client_.get());
        updates_++;
        restless_ = restless_ || updates_ > Records::kMostIdleRecords;
        return;
      case 3:
        return server_writes(body_of(script.number() % 40'000));
      case 4:
        return deliver(script);
      default:
        fetch();
        return client_reads();
    }
  }

  void settle() {
    Script none(nullptr, 0);
    deliver(none);
    fetch();
    client_reads();
    if (tampered_) return;
    demand(server_->broken() == restless_);
    if (restless_) return;
    demand(server_got_ == client_sent_);
    demand(client_got_ == server_sent_);
  }

 private:
  void give(std::string_view octets) {
    near_->write(octets.data(), octets.size());
    far_->pump();
  }
  void fetch() {
    std::string buffer(1 << 16, '\0');
    for (;;) {
      near_->pump();
      net::Io io = near_->read(buffer.data(), buffer.size());
      if (io.state != net::IoState::ok) return;
      BIO_write(SSL_get_rbio(client_.get()), buffer.data(), static_cast<int>(io.bytes));
    }
  }
  void client_writes(const std::string& text) {
    if (text.empty()) return;
    if (SSL_write(client_.get(), text.data(), static_cast<int>(text.size())) > 0) {
      client_sent_ += text;
      updates_ = 0;
    }
  }
  void client_reads() {
    char buffer[5'000];
    for (int got; (got = SSL_read(client_.get(), buffer, sizeof buffer)) > 0;) {
      client_got_.append(buffer, static_cast<size_t>(got));
    }
    ERR_clear_error();
    demand(server_sent_.starts_with(client_got_));
  }
  void server_writes(const std::string& text) {
    if (text.empty()) return;
    net::Io io = server_->write(text.data(), text.size());
    if (io.state == net::IoState::ok) server_sent_ += text.substr(0, io.bytes);
  }
  // What the client has sent, in pieces, perhaps with an octet that changed on the way.
  void deliver(Script& script) {
    std::string octets = taken_from(SSL_get_wbio(client_.get()));
    if (script.octet() % 16 == 15 && !octets.empty()) {
      size_t at = script.number() % octets.size();
      octets[at] = static_cast<char>(octets[at] ^ 0x10);
      tampered_ = true;
    }
    for (size_t at = 0; at < octets.size();) {
      size_t cut = script.over() ? octets.size() : script.number() % 3'000 + 1;
      give(std::string_view(octets).substr(at, cut));
      at += std::min(cut, octets.size() - at);
      server_reads(script.over() ? 1 << 16 : script.number() % 20'000 + 1);
    }
  }
  void server_reads(size_t at_once) {
    std::string buffer(at_once, '\0');
    while (server_->can_read()) {
      net::Io io = server_->read(buffer.data(), buffer.size());
      if (io.state != net::IoState::ok) break;
      server_got_.append(buffer, 0, io.bytes);
    }
    demand(client_sent_.starts_with(server_got_));
  }

  SslPtr client_;
  std::unique_ptr<net::MemoryStream> near_;
  net::MemoryStream* far_ = nullptr;
  std::unique_ptr<Stream> server_;
  std::string client_sent_, client_got_, server_sent_, server_got_;
  int updates_ = 0;  // of its key, in a row
  bool tampered_ = false;
  bool restless_ = false;  // more updates than are put up with
};

void face_openssl(Script& script) {
  Line line(kSuites[script.octet() % 3]);
  for (int i = 0; i < 100 && !script.over(); i++) line.act(script);
  line.settle();
}

}  // namespace
}  // namespace pylon::tls

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pylon::tls;
  Script script(data, size);
  if (script.octet() % 8 == 7) {
    face_openssl(script);
  } else {
    face_a_liar(script);
  }
  return 0;
}

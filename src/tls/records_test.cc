#include "tls/records.h"

#include <gtest/gtest.h>

#include "net/memory_stream.h"
#include "tls/server_context.h"
#include "tls/stream.h"
#include "tls/test_identity.h"

namespace pylon::tls {
namespace {

using net::IoState;
using net::MemoryStream;

// Our server and OpenSSL's own client, whose octets can be tampered with.
class Pair {
 public:
  explicit Pair(const char* suites = "TLS_AES_128_GCM_SHA256", int fragment = 0, size_t padding = 0)
      : servers_(std::move(*ServerContext::make({.alpn = {"h2"}}, share_, names_))),
        context_(SSL_CTX_new(TLS_client_method())) {
    if (suites != nullptr) SSL_CTX_set_ciphersuites(context_.get(), suites);
    if (suites == nullptr) SSL_CTX_set_max_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_tlsext_max_fragment_length(context_.get(), static_cast<uint8_t>(fragment));
    SSL_CTX_set_block_padding(context_.get(), padding);
    client.reset(SSL_new(context_.get()));
    SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_tlsext_host_name(client.get(), "a.test");
    SSL_set_connect_state(client.get());
    auto [near, far] = MemoryStream::pair();
    near_ = std::move(near);
    far_ = far.get();
    server = std::make_unique<Stream>(loop_, std::move(far), servers_->open(), Side::server);
    for (int i = 0; i < 4; i++) {
      SSL_do_handshake(client.get());
      travel();
    }
    EXPECT_FALSE(server->connecting());
    EXPECT_FALSE(server->broken()) << server->failure();
  }

  // What the client has to send now.
  std::string sent() {
    char* data = nullptr;
    BIO* bio = SSL_get_wbio(client.get());
    long size = BIO_get_mem_data(bio, &data);
    std::string octets(data, static_cast<size_t>(size));
    (void)BIO_reset(bio);
    return octets;
  }
  void give(std::string_view octets) {
    near_->write(octets.data(), octets.size());
    far_->pump();
  }
  // Both ways.
  void travel() {
    give(sent());
    char buffer[1 << 16];
    near_->pump();
    for (;;) {
      net::Io io = near_->read(buffer, sizeof buffer);
      if (io.state != IoState::ok) break;
      BIO_write(SSL_get_rbio(client.get()), buffer, static_cast<int>(io.bytes));
    }
  }
  void write(std::string_view text) {
    EXPECT_EQ(SSL_write(client.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  std::string client_reads() {
    std::string all;
    char buffer[1000];
    for (int got; (got = SSL_read(client.get(), buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }
  // What the client learns when it goes on: the reason of an error.
  std::string client_error() {
    ERR_clear_error();
    client_reads();
    return take_error();
  }
  std::string server_reads(size_t at_once = 1 << 16) {
    std::string all;
    std::string buffer(at_once, '\0');
    while (server->can_read()) {
      net::Io io = server->read(buffer.data(), buffer.size());
      if (io.state != IoState::ok) break;
      all.append(buffer, 0, io.bytes);
    }
    return all;
  }
  void exchange_words() {
    write("ping");
    travel();
    EXPECT_EQ(server_reads(), "ping");
    EXPECT_EQ(server->write("pong", 4).bytes, 4u);
    travel();
    EXPECT_EQ(client_reads(), "pong");
  }

  SslPtr client;
  std::unique_ptr<Stream> server;

 private:
  net::Loop loop_;
  OneName names_;
  ServerShare share_;
  std::unique_ptr<ServerContext> servers_;
  SslContextPtr context_;
  std::unique_ptr<MemoryStream> near_;
  MemoryStream* far_ = nullptr;
};

class Suites : public ::testing::TestWithParam<const char*> {};

TEST_P(Suites, keys_are_renewed_in_both_directions) {
  Pair pair(GetParam());
  pair.exchange_words();
  for (int i = 0; i < 3; i++) {
    SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    pair.exchange_words();
    SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_REQUESTED);
    pair.exchange_words();
  }
  std::string text(300'000, 'x');
  text += "end";
  pair.write(text);
  pair.travel();
  EXPECT_EQ(pair.server_reads(), text);
}

INSTANTIATE_TEST_SUITE_P(All, Suites,
                         ::testing::Values("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                           "TLS_CHACHA20_POLY1305_SHA256"));

TEST(Records, what_openssl_goes_on_with) {
  Pair(nullptr).exchange_words();
  Pair small("TLS_AES_128_GCM_SHA256", TLSEXT_max_fragment_length_512);
  small.exchange_words();
  std::string text(5'000, 'y');
  small.server->write(text.data(), text.size());
  small.travel();
  EXPECT_EQ(small.client_reads(), text);
}

TEST(Records, come_in_pieces_and_are_asked_for_in_pieces) {
  Pair pair;
  std::string text(40'000, 'z');
  text += "end";
  pair.write(text);
  std::string octets = pair.sent(), got;
  for (size_t i = 0; i < octets.size(); i += 777) {
    pair.give(octets.substr(i, 777));
    got += pair.server_reads(100);
    EXPECT_FALSE(pair.server->can_read()) << "nothing whole is there";
  }
  EXPECT_EQ(got, text);
  pair.exchange_words();
}

TEST(Records, padding_is_taken_off) {
  Pair pair("TLS_AES_256_GCM_SHA384", 0, 4096);
  pair.exchange_words();
  std::string text(20'000, '\0');
  pair.write(text);
  pair.travel();
  EXPECT_EQ(pair.server_reads(), text);
}

TEST(Records, a_changed_octet_is_noticed_and_told) {
  for (size_t at : {size_t{6}, size_t{20}, size_t{30}}) {
    Pair pair;
    pair.write("hello hello");
    std::string octets = pair.sent();
    octets[at] = static_cast<char>(octets[at] ^ 1);
    pair.give(octets);
    char octet;
    EXPECT_EQ(pair.server->read(&octet, 1).state, IoState::error);
    EXPECT_EQ(pair.server->failure(), "a record that was not sealed by the peer");
    pair.travel();
    EXPECT_EQ(pair.client_error(), "sslv3 alert bad record mac");
  }
}

TEST(Records, a_record_twice_is_noticed) {
  Pair pair;
  pair.write("once");
  std::string octets = pair.sent();
  pair.give(octets + octets);
  EXPECT_EQ(pair.server_reads(), "once");
  EXPECT_TRUE(pair.server->broken());
}

struct Alien {
  std::string octets;
  const char* told;
};

TEST(Records, nothing_unprotected_is_taken) {
  const Alien aliens[] = {
      {std::string("\x14\3\3\0\1\1", 6), "unexpected message"},    // ChangeCipherSpec
      {std::string("\x15\3\3\0\2\1\0", 7), "unexpected message"},  // close_notify
      {std::string("\x16\3\3\0\1\1", 6), "unexpected message"},    // a ClientHello's beginning
      {std::string("\x17\3\3\x41\x12", 5), "record overflow"},     // too long, told by its head
      {std::string("\x17\3\3\0\x10", 5), "decode error"},          // too short for a type
      {std::string("GET / HTTP/1.1\r\n\r\n"), "unexpected message"},
  };
  for (const Alien& alien : aliens) {
    Pair pair;
    pair.give(alien.octets);
    char octet;
    EXPECT_EQ(pair.server->read(&octet, 1).state, IoState::error) << alien.told;
    pair.travel();
    EXPECT_NE(pair.client_error().find(alien.told), std::string::npos) << alien.told;
  }
}

TEST(Records, a_peer_that_only_renews_keys_is_not_served_on) {
  Pair pair;
  std::string all;
  for (int i = 0; i <= Records::kMostIdleRecords; i++) {
    SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(pair.client.get());
    all += pair.sent();
  }
  pair.give(all);
  EXPECT_EQ(pair.server_reads(), "");
  EXPECT_TRUE(pair.server->broken());
}

TEST(Records, requests_in_a_row_are_answered_once) {
  Pair pair;
  for (int i = 0; i < 10; i++) {
    SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(pair.client.get());
  }
  pair.exchange_words();
  pair.exchange_words();
}

TEST(Records, the_ends_are_told) {
  Pair pair;
  pair.write("bye");
  SSL_shutdown(pair.client.get());
  pair.travel();
  EXPECT_EQ(pair.server_reads(), "bye");
  EXPECT_FALSE(pair.server->broken());
  char octet;
  EXPECT_EQ(pair.server->read(&octet, 1).state, IoState::end);
  pair.server->write("more", 4);
  pair.server->shutdown_write();
  pair.travel();
  EXPECT_EQ(pair.client_reads(), "more");
  EXPECT_NE(SSL_get_shutdown(pair.client.get()) & SSL_RECEIVED_SHUTDOWN, 0);
}

}  // namespace
}  // namespace pylon::tls

#include "tls/stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include "net/memory_stream.h"
#include "tls/client_context.h"
#include "tls/server_context.h"
#include "tls/test_certificate.h"

namespace pylon::tls {
namespace {

using net::Io;
using net::IoState;
using net::MemoryStream;

class Names final : public IdentitySource {
 public:
  const ServerIdentity* find(std::string_view name) const override {
    auto found = by_name.find(std::string(name));
    return found != by_name.end() ? &found->second : nullptr;
  }
  ServerIdentity& add(const std::string& name, const TestCertificate& certificate) {
    ServerIdentity& identity = by_name[name];
    identity.serial = next_identity_serial();
    identity.id = name;
    identity.pairs.push_back({certificate.pem(), Secret(certificate.key_pem())});
    return identity;
  }
  void trust(ServerIdentity& identity, const TestCertificate& authority) {
    identity.client = std::make_unique<ClientDemand>();
    identity.client->authority = authority.pem();
    identity.trust = trust_digest(authority.pem(), 1, false);
  }
  std::map<std::string, ServerIdentity> by_name;
};

// Two ends with TLS between them, in memory.
struct Line {
  std::unique_ptr<Stream> client, server;
  MemoryStream* client_below = nullptr;
  MemoryStream* server_below = nullptr;

  bool pump() const {
    bool client_news = client_below->pump();
    bool server_news = server_below->pump();
    return client_news || server_news;
  }
  void settle() const {
    for (int i = 0; i < 10'000 && pump(); i++) continue;
  }
};

struct World {
  net::Loop loop;
  TestCertificate authority = make_test_certificate("authority");
  TestCertificate certificate = make_test_certificate("a.test", &authority);
  Names names;
  ServerShare share;
  std::unique_ptr<ServerContext> servers;
  std::unique_ptr<ClientContext> clients;

  explicit World(ServerOptions options = {.alpn = {"http/1.1"}}) {
    names.add("a.test", certificate);
    servers = std::move(*ServerContext::make(options, share, names));
    clients = std::move(*ClientContext::make({}));
  }

  Line connect(const ServerPeer& peer, size_t room = 1 << 20) {
    auto [near, far] = MemoryStream::pair(room);
    Line line;
    line.client_below = near.get();
    line.server_below = far.get();
    line.client = clients->wrap(loop, std::move(near), peer);
    line.server = std::make_unique<Stream>(loop, std::move(far), servers->open(), Side::server);
    line.settle();
    return line;
  }
};

std::string read_all(net::Stream& stream, size_t at_once = 1 << 16) {
  std::string all;
  std::string buffer(at_once, '\0');
  for (;;) {
    Io io = stream.read(buffer.data(), buffer.size());
    if (io.state != IoState::ok) return all;
    all.append(buffer, 0, io.bytes);
  }
}

bool both_up(const Line& line) {
  return !line.client->connecting() && !line.server->connecting() && !line.client->broken() &&
         !line.server->broken();
}

TEST(TlsStream, carries_octets_both_ways) {
  World world;
  Line line = world.connect({.name = "a.test", .alpn = "http/1.1"});
  ASSERT_TRUE(both_up(line)) << line.client->failure() << line.server->failure();
  EXPECT_EQ(line.server->agreed().alpn, "http/1.1");
  EXPECT_EQ(line.client->agreed().alpn, "http/1.1");
  EXPECT_EQ(line.server->agreed().server_name, "a.test");
  EXPECT_EQ(line.server->agreed().protocol, "TLSv1.3");
  EXPECT_EQ(line.server->agreed().verdict(), PeerVerdict::none);

  EXPECT_EQ(line.client->write("hello", 5).bytes, 5u);
  line.settle();
  EXPECT_EQ(read_all(*line.server), "hello");
  EXPECT_FALSE(line.server->can_read());

  char head[] = "head ", body[] = "body";
  iovec parts[] = {{head, 5}, {body, 4}};
  EXPECT_EQ(line.server->write(parts, 2).bytes, 9u);
  line.settle();
  EXPECT_EQ(read_all(*line.client), "head body");
}

TEST(TlsStream, sends_what_fits_and_goes_on_later) {
  World world;
  Line line = world.connect({.name = "a.test"}, 5'000);
  ASSERT_TRUE(both_up(line));
  std::string text;
  for (int i = 0; text.size() < 300'000; i++) text += std::to_string(i) + " ";
  size_t sent = 0;
  std::string got;
  for (int i = 0; i < 100'000 && got.size() < text.size(); i++) {
    if (sent < text.size()) {
      Io io = line.server->write(text.data() + sent, text.size() - sent);
      ASSERT_NE(io.state, IoState::error);
      sent += io.bytes;
    }
    line.pump();
    got += read_all(*line.client, i % 2 == 0 ? 700 : 40'000);
  }
  EXPECT_EQ(sent, text.size());
  EXPECT_EQ(got, text);
}

TEST(TlsStream, small_reads_lose_nothing) {
  World world;
  Line line = world.connect({.name = "a.test"});
  std::string text(100'000, 'x');
  text += "end";
  size_t sent = 0;
  while (sent < text.size())
    sent += line.client->write(text.data() + sent, text.size() - sent).bytes;
  line.settle();
  EXPECT_EQ(read_all(*line.server, 100), text);
}

TEST(TlsStream, tells_an_end_from_a_cut) {
  World world;
  Line line = world.connect({.name = "a.test"});
  line.server->write("bye", 3);
  line.server->shutdown_write();
  line.settle();
  EXPECT_EQ(read_all(*line.client), "bye");
  char octet;
  EXPECT_EQ(line.client->read(&octet, 1).state, IoState::end);
  EXPECT_EQ(line.client->write("more", 4).state, IoState::ok);
  line.settle();
  EXPECT_EQ(read_all(*line.server), "more");

  Line cut = world.connect({.name = "a.test"});
  cut.server->write("bye", 3);
  cut.server_below->shutdown_write();
  cut.settle();
  EXPECT_EQ(read_all(*cut.client), "bye");
  EXPECT_EQ(cut.client->read(&octet, 1).state, IoState::error);
  EXPECT_TRUE(cut.client->broken());
}

TEST(TlsStream, refuses_what_is_no_handshake) {
  World world;
  auto [near, far] = MemoryStream::pair();
  MemoryStream* below = far.get();
  Stream server(world.loop, std::move(far), world.servers->open(), Side::server);
  near->write("GET / HTTP/1.1\r\n\r\n", 18);
  below->pump();
  EXPECT_TRUE(server.broken());
  EXPECT_FALSE(server.connecting());
  EXPECT_NE(server.failure(), "");
}

TEST(TlsStream, garbage_behind_the_handshake_breaks_it) {
  World world;
  Line line = world.connect({.name = "a.test"});
  line.client_below->write("garbage garbage garbage", 23);
  line.settle();
  char octet;
  EXPECT_EQ(line.server->read(&octet, 1).state, IoState::error);
  EXPECT_TRUE(line.server->broken());
}

TEST(TlsStream, tickets_do_not_stir_a_client_at_rest) {
  World world;
  Line line = world.connect({.name = "a.test", .session_key = 7});
  ASSERT_TRUE(both_up(line));
  EXPECT_FALSE(line.client->stirred(false));
  EXPECT_FALSE(line.client->can_read());
  line.server->write("unasked", 7);
  line.settle();
  EXPECT_TRUE(line.client->stirred(false));
}

class Resumption : public ::testing::TestWithParam<std::pair<bool, uint8_t>> {};

TEST_P(Resumption, within_a_name_only) {
  World world({.protocols = GetParam().second, .tickets = GetParam().first});
  world.names.add("b.test", world.certificate);
  ServerPeer peer{.name = "a.test", .session_key = 7};
  Line first = world.connect(peer);
  first.client->stirred(false);  // takes the ticket
  EXPECT_FALSE(first.client->agreed().resumed);
  first.client->close(false);
  Line second = world.connect(peer);
  EXPECT_TRUE(second.client->agreed().resumed);
  EXPECT_TRUE(second.server->agreed().resumed);
  ServerPeer other{.name = "b.test", .session_key = 7};
  EXPECT_FALSE(world.connect(other).server->agreed().resumed);
}

INSTANTIATE_TEST_SUITE_P(All, Resumption,
                         ::testing::Values(std::pair{false, uint8_t{kTls12}},
                                           std::pair{true, uint8_t{kTls12}},
                                           std::pair{false, uint8_t{kTls13}},
                                           std::pair{true, uint8_t{kTls13}}));

TEST(ServerContext, refuses_unknown_names_and_takes_the_fallback) {
  World world;
  Line unknown = world.connect({.name = "x.test"});
  EXPECT_TRUE(unknown.server->broken());
  EXPECT_TRUE(unknown.client->broken());
  EXPECT_EQ(unknown.client->failure(), "tlsv1 unrecognized name");
  EXPECT_TRUE(world.connect({}).server->broken());
  World lenient({.fallback_name = "a.test"});
  EXPECT_TRUE(both_up(lenient.connect({})));
  EXPECT_TRUE(both_up(lenient.connect({.name = "A.TEST."})));
}

TEST(ServerContext, keeps_to_the_protocols_of_the_identity) {
  World world;
  world.names.by_name["a.test"].protocols = kTls12;
  Line line = world.connect({.name = "a.test"});
  ASSERT_TRUE(both_up(line));
  EXPECT_EQ(line.server->agreed().protocol, "TLSv1.2");
}

TEST(ServerContext, demands_client_certificates) {
  World world;
  ServerIdentity& identity = world.names.by_name["a.test"];
  world.names.trust(identity, world.authority);
  EXPECT_TRUE(world.connect({.name = "a.test"}).server->broken());

  TestCertificate known = make_test_certificate("client", &world.authority);
  ClientIdentity show;
  show.serial = next_identity_serial();
  show.pair = {known.pem(), Secret(known.key_pem())};
  Line line = world.connect({.name = "a.test", .identity = &show});
  ASSERT_TRUE(both_up(line)) << line.server->failure();
  EXPECT_EQ(line.server->agreed().verdict(), PeerVerdict::verified);

  TestCertificate stranger = make_test_certificate("stranger");
  show.serial = next_identity_serial();
  show.pair = {stranger.pem(), Secret(stranger.key_pem())};
  EXPECT_TRUE(world.connect({.name = "a.test", .identity = &show}).server->broken());
  identity.client->by_request = true;
  Line optional = world.connect({.name = "a.test", .identity = &show});
  ASSERT_TRUE(both_up(optional));
  EXPECT_EQ(optional.server->agreed().verdict(), PeerVerdict::failed);
}

TEST(ServerContext, a_session_does_not_outlive_what_was_demanded) {
  World world;
  ServerPeer peer{.name = "a.test", .session_key = 7};
  world.connect(peer).client->stirred(false);
  EXPECT_TRUE(world.connect(peer).server->agreed().resumed);
  world.names.trust(world.names.by_name["a.test"], world.authority);
  EXPECT_TRUE(world.connect(peer).server->broken());
}

TEST(ServerContext, shows_rsa_or_ecdsa) {
  World world;
  TestCertificate rsa = make_test_certificate("a.test", &world.authority, true);
  world.names.by_name["a.test"].pairs.push_back({rsa.pem(), Secret(rsa.key_pem())});
  Line line = world.connect({.name = "a.test"});
  ASSERT_TRUE(both_up(line));
}

TEST(ClientContext, verifies_when_asked) {
  World world;
  EXPECT_TRUE(both_up(world.connect({.name = "a.test"})));
  Line line = world.connect({.name = "a.test", .verify = true});
  EXPECT_TRUE(line.client->broken());
  EXPECT_NE(line.client->failure().find("unable to get local issuer"), std::string::npos)
      << line.client->failure();
}

TEST(ClientContext, another_trusts_the_same_authorities) {
  World world;
  std::string file = ::testing::TempDir() + "pylon-authority.pem";
  std::ofstream(file) << world.authority.pem();
  auto first = ClientContext::make({.trust_system = false, .trusted_files = {file}});
  ASSERT_TRUE(first);
  std::remove(file.c_str());
  world.clients = std::move(*(*first)->another());
  first->reset();
  EXPECT_TRUE(both_up(world.connect({.name = "a.test", .verify = true})));
}

}  // namespace
}  // namespace pylon::tls

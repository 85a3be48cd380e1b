#include "upstream/endpoint.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace pylon::upstream {
namespace {

EndpointIdentity at(const char* ip, uint16_t port) {
  EndpointIdentity identity;
  identity.address = *IpAddress::parse(ip);
  identity.port = port;
  return identity;
}

TEST(Endpoint, OneNumberForEachIdentity) {
  EndpointTable table;
  auto a = table.intern(at("10.0.0.1", 80));
  auto b = table.intern(at("10.0.0.1", 81));
  EXPECT_EQ(a->id(), 0u);
  EXPECT_EQ(b->id(), 1u);
  EXPECT_EQ(table.intern(at("10.0.0.1", 80)).get(), a.get());
  EXPECT_EQ(table.bound(), 2u);
}

TEST(Endpoint, EveryPartOfTheIdentityCounts) {
  EndpointTable table;
  EndpointIdentity plain = at("10.0.0.1", 443);
  EndpointIdentity tls = plain, sni = plain, cert = plain, verify = plain, proxied = plain;
  EndpointIdentity mapped = at("::ffff:10.0.0.1", 443), local = plain;
  tls.tls.enabled = true;
  sni.tls.sni = "a.test";
  cert.tls.client_cert = "d1";
  verify.tls.verify = true;
  proxied.proxy_protocol = ProxyProtocol::v2;
  local.unix_path = "/run/a.sock";
  std::vector<Ref<const Endpoint>> kept;
  for (const auto& identity : {plain, tls, sni, cert, verify, proxied, mapped, local}) {
    kept.push_back(table.intern(identity));
  }
  EXPECT_EQ(table.size(), 8u);
}

TEST(Endpoint, AnIdComesBackWithAnotherSerial) {
  EndpointTable table;
  auto a = table.intern(at("10.0.0.1", 80));
  uint64_t serial = a->serial();
  a = nullptr;
  EXPECT_EQ(table.size(), 0u);
  auto b = table.intern(at("10.0.0.2", 80));
  EXPECT_EQ(b->id(), 0u);
  EXPECT_NE(b->serial(), serial);
  EXPECT_EQ(table.bound(), 1u);
}

TEST(Endpoint, MayOutliveItsTable) {
  Ref<const Endpoint> kept;
  {
    EndpointTable table;
    kept = table.intern(at("10.0.0.1", 80));
  }
  EXPECT_EQ(kept->text(), "10.0.0.1:80");
}

TEST(Endpoint, TextAndSocketAddress) {
  EndpointTable table;
  auto v4 = table.intern(at("10.0.0.1", 80));
  EXPECT_EQ(v4->text(), "10.0.0.1:80");
  EXPECT_EQ(v4->ip_text(), "10.0.0.1");
  const auto* in = reinterpret_cast<const sockaddr_in*>(v4->socket_address());
  EXPECT_EQ(in->sin_port, htons(80));
  EXPECT_EQ(in->sin_addr.s_addr, inet_addr("10.0.0.1"));
  EXPECT_EQ(v4->socket_address_bytes(), sizeof(sockaddr_in));

  auto v6 = table.intern(at("2001:db8::1", 8080));
  EXPECT_EQ(v6->text(), "[2001:db8::1]:8080");
  EXPECT_EQ(v6->ip_text(), "2001:db8::1");
  EXPECT_EQ(v6->socket_family(), AF_INET6);

  EndpointIdentity socket;
  socket.unix_path = "/run/app.sock";
  auto local = table.intern(socket);
  EXPECT_EQ(local->text(), "unix:/run/app.sock");
  EXPECT_EQ(local->ip_text(), "");
  EXPECT_STREQ(reinterpret_cast<const sockaddr_un*>(local->socket_address())->sun_path,
               "/run/app.sock");
}

}  // namespace
}  // namespace pylon::upstream

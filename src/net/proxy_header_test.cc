#include "net/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

namespace pylon::net {
namespace {

using State = ProxyHeader::State;
using namespace std::string_literals;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string binary(char command, char family, const std::string& rest) {
  std::string size{static_cast<char>(rest.size() >> 8), static_cast<char>(rest.size() & 0xff)};
  return kSignature + command + family + size + rest;
}

const std::string kEnds4 = "\xc0\x00\x02\x01\x0a\x00\x00\x01\x30\x39\x01\xbb"s;

TEST(ProxyHeader, TextTellsBothEnds) {
  std::string line = "PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\n";
  ProxyHeader header = read_proxy_header(line + "GET / HTTP/1.1\r\n");
  ASSERT_EQ(header.state, State::complete);
  EXPECT_EQ(header.client.to_string(), "192.0.2.1");
  EXPECT_EQ(header.server.to_string(), "10.0.0.1");
  EXPECT_EQ(header.client_port, 12345);
  EXPECT_EQ(header.server_port, 443);
  EXPECT_EQ(header.bytes, line.size());
  EXPECT_EQ(read_proxy_header("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n").client.to_string(),
            "2001:db8::1");
}

TEST(ProxyHeader, UnknownTellsNothing) {
  for (std::string line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"}) {
    ProxyHeader header = read_proxy_header(line);
    EXPECT_EQ(header.state, State::complete) << line;
    EXPECT_TRUE(header.unknown);
    EXPECT_EQ(header.bytes, line.size());
  }
  ProxyHeader local = read_proxy_header(binary(0x20, 0x00, ""));
  EXPECT_EQ(local.state, State::complete);
  EXPECT_TRUE(local.unknown);
  EXPECT_TRUE(read_proxy_header(binary(0x21, 0x31, std::string(216, 'x'))).unknown);
}

TEST(ProxyHeader, BinaryTellsBothEnds) {
  std::string extension = "\x04\x00\x01x"s;
  std::string octets = binary(0x21, 0x11, kEnds4 + extension);
  ProxyHeader header = read_proxy_header(octets + "more");
  ASSERT_EQ(header.state, State::complete);
  EXPECT_EQ(header.client.to_string(), "192.0.2.1");
  EXPECT_EQ(header.server.to_string(), "10.0.0.1");
  EXPECT_EQ(header.client_port, 12345);
  EXPECT_EQ(header.server_port, 443);
  EXPECT_EQ(header.bytes, octets.size());
}

TEST(ProxyHeader, MappedAddressesBecomeVersion4) {
  std::string mapped = std::string(10, '\0') + "\xff\xff\xc0\x00\x02\x07"s;
  std::string octets = binary(0x21, 0x21, mapped + mapped + "\x00\x01\x00\x02"s);
  EXPECT_EQ(read_proxy_header(octets).client.to_string(), "192.0.2.7");
}

TEST(ProxyHeader, AnyPartOfOneIsIncomplete) {
  for (std::string whole : {"PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\n"s,
                            binary(0x21, 0x11, kEnds4), binary(0x20, 0x00, "")}) {
    for (size_t size = 0; size < whole.size(); size++) {
      EXPECT_EQ(read_proxy_header(whole.substr(0, size)).state, State::incomplete) << size;
    }
    EXPECT_EQ(read_proxy_header(whole).state, State::complete);
  }
}

TEST(ProxyHeader, WhatIsWrongIsRefused) {
  const std::string wrong[] = {
      "GET / HTTP/1.1\r\n",
      "PROXYTCP4 1.1.1.1 2.2.2.2 1 2\r\n",
      "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n",
      "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
      "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
      "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n",
      "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
      "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
      "PROXY TCP4 ::1 2.2.2.2 1 2\r\n",
      "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
      "PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n",
      "PROXY UNKNOWN " + std::string(200, 'x'),
      "\x16\x03\x01",
      binary(0x11, 0x11, kEnds4),
      binary(0x22, 0x11, kEnds4),
      binary(0x21, 0x41, kEnds4),
      binary(0x21, 0x13, kEnds4),
      binary(0x21, 0x11, kEnds4.substr(1)),
      binary(0x21, 0x21, kEnds4),
      kSignature + "\x21\x11\xff\xff"s,
  };
  for (const std::string& octets : wrong) {
    EXPECT_EQ(read_proxy_header(octets).state, State::malformed) << octets;
  }
}

TEST(ProxyHeader, WhatIsWrittenCanBeRead) {
  char line[ProxyHeader::kMaxLine + 1];
  std::string longest(39, 'f');
  for (size_t at = 4; at < longest.size(); at += 5) longest[at] = ':';
  IpAddress six = *IpAddress::parse(longest);
  std::string_view text = write_proxy_header(six, 65535, six, 65535, line);
  ProxyHeader header = read_proxy_header(text);
  EXPECT_EQ(header.bytes, text.size());
  EXPECT_EQ(header.client, six);
  IpAddress four = *IpAddress::parse("192.0.2.1");
  EXPECT_EQ(write_proxy_header(four, 1, four, 2, line), "PROXY TCP4 192.0.2.1 192.0.2.1 1 2\r\n");
  EXPECT_EQ(write_proxy_header(four, 1, six, 2, line), "PROXY UNKNOWN\r\n");
}

}  // namespace
}  // namespace pylon::net

#include "tls/client_hello.h"

#include <gtest/gtest.h>

#include <string>

namespace pylon::tls {
namespace {

using State = ClientHello::State;

std::string number(size_t value, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
  return out;
}

std::string vector(const std::string& octets, int length_bytes) {
  return number(octets.size(), length_bytes) + octets;
}

std::string extension(size_t type, const std::string& data) {
  return number(type, 2) + vector(data, 2);
}

std::string server_name(const std::string& name) {
  return extension(0, vector(number(0, 1) + vector(name, 2), 2));
}

std::string message(const std::string& extensions) {
  std::string body = number(0x0303, 2) + std::string(32, 'r') + vector("", 1) +
                     vector(number(0x1301, 2), 2) + vector(number(0, 1), 1) + vector(extensions, 2);
  return number(1, 1) + vector(body, 3);
}

std::string record(const std::string& payload) {
  return number(22, 1) + number(0x0301, 2) + vector(payload, 2);
}

// In records of so many octets each.
std::string fragmented(const std::string& payload, size_t bytes) {
  std::string out;
  for (size_t at = 0; at < payload.size(); at += bytes) out += record(payload.substr(at, bytes));
  return out;
}

TEST(ClientHelloName, IsFoundBehindOtherExtensions) {
  std::string octets = record(message(extension(43, "xyz") + server_name("A.Test")));
  ClientHello hello = read_client_hello(octets + "what follows");
  EXPECT_EQ(hello.state, State::complete);
  EXPECT_EQ(hello.name, "a.test");
}

TEST(ClientHelloName, MayBeMissing) {
  for (const std::string& extensions : {std::string(), extension(43, "xyz")}) {
    ClientHello hello = read_client_hello(record(message(extensions)));
    EXPECT_EQ(hello.state, State::complete);
    EXPECT_EQ(hello.name, "");
  }
}

TEST(ClientHelloName, IsPutTogetherFromFragments) {
  std::string whole = message(server_name("fragments.example.com"));
  for (size_t bytes = 1; bytes < whole.size(); bytes++) {
    ClientHello hello = read_client_hello(fragmented(whole, bytes));
    EXPECT_EQ(hello.name, "fragments.example.com") << bytes;
  }
}

TEST(ClientHelloName, AnyPartIsIncomplete) {
  std::string whole = fragmented(message(server_name("a.test")), 40);
  for (size_t size = 0; size < whole.size(); size++) {
    EXPECT_EQ(read_client_hello(whole.substr(0, size)).state, State::incomplete) << size;
  }
}

TEST(ClientHelloName, WhatIsNoClientHelloIsOther) {
  std::string cut = record(message(server_name("a.test")));
  cut[5 + 4 + 2 + 32] = '\x7f';  // a session id beyond the end
  const std::string others[] = {
      "GET / HTTP/1.1\r\n",
      "SSH-2.0-x",
      "\x16\x02",
      record("\x02" + std::string(40, 'x')),
      number(22, 1) + number(0x0301, 2) + number(0, 2),
      number(22, 1) + number(0x0301, 2) + number(0xffff, 2),
      record(number(1, 1) + number(0xffffff, 3)),
      record(message(server_name("no host name"))),
      record(message(server_name(std::string(300, 'a')))),
      record(message(extension(0, number(0xffff, 2)))),
      cut,
  };
  for (const std::string& octets : others) {
    EXPECT_EQ(read_client_hello(octets).state, State::other) << octets;
  }
}

}  // namespace
}  // namespace pylon::tls

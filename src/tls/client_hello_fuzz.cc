#include <cstdint>
#include <cstdlib>
#include <string>

#include "tls/client_hello.h"

// What is known stays known whatever follows, and no part of a message that is complete is taken
// for something else.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pylon::tls::ClientHello;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  ClientHello hello = pylon::tls::read_client_hello(input);
  if (hello.state == ClientHello::State::incomplete) return 0;
  std::string longer = std::string(input) + std::string(40, '\x16');
  ClientHello again = pylon::tls::read_client_hello(longer);
  if (again.state != hello.state || again.name != hello.name) abort();
  if (hello.name.size() > 255) abort();
  if (hello.state != ClientHello::State::complete) return 0;
  ClientHello part = pylon::tls::read_client_hello(input.substr(0, size / 2));
  if (part.state == ClientHello::State::other) abort();
  return 0;
}

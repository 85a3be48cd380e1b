#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/proxy_header.h"

// A complete header lies within the input and stays the same whatever follows it; what was read of
// version 1 can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pylon::net::ProxyHeader;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  ProxyHeader header = pylon::net::read_proxy_header(input);
  if (header.state != ProxyHeader::State::complete) return 0;
  if (header.bytes > size || header.bytes > ProxyHeader::kMaxBytes) abort();
  std::string longer = std::string(input) + "more";
  ProxyHeader again = pylon::net::read_proxy_header(longer);
  if (again.state != header.state || again.bytes != header.bytes) abort();
  if (header.unknown) return 0;
  char line[ProxyHeader::kMaxLine + 1];
  std::string_view text = pylon::net::write_proxy_header(header.client, header.client_port,
                                                         header.server, header.server_port, line);
  ProxyHeader read = pylon::net::read_proxy_header(text);
  if (read.state != ProxyHeader::State::complete) abort();
  if (!read.unknown && (read.client != header.client || read.server != header.server)) abort();
  return 0;
}

// How names are resolved on this host: what /etc/resolv.conf and /etc/hosts say. Pure parsers.
// Sources: resolv.conf(5), hosts(5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ip.h"
#include "base/result.h"

namespace pylon::upstream::dns {

struct Server {
  IpAddress address;
  uint16_t port = 53;

  bool operator==(const Server&) const = default;
};

// "10.0.0.2", "10.0.0.2:5353", "2001:db8::1", "[2001:db8::1]:53".
Result<Server> parse_server(std::string_view text);

struct HostsEntry {
  std::vector<IpAddress> v4;
  std::vector<IpAddress> v6;
};
using Hosts = StringMap<HostsEntry>;  // by canonical name

struct Config {
  static constexpr size_t kMaxServers = 8;
  static constexpr size_t kMaxSearch = 16;
  static constexpr size_t kMaxHosts = 100'000;

  std::vector<Server> servers;      // in order of preference; empty: nothing can be asked
  std::vector<std::string> search;  // canonical
  int ndots = 1;                    // names with fewer dots are searched first
  int rounds = 2;                   // over all servers
  int64_t attempt_timeout_ms = 2'000;
  int64_t timeout_ms = 5'000;  // of one name, all told
  bool enable_ipv6 = true;
  std::optional<int64_t> valid_s;  // in place of the records' TTL
  Hosts hosts;
};

// Fills servers, search, ndots, rounds and attempt_timeout_ms. Lines that make no sense are
// skipped, as every resolver does.
void read_resolv_conf(std::string_view text, Config& config);

// Fills hosts. A name on several lines has all their addresses.
void read_hosts(std::string_view text, Config& config);

// The names to ask for, in order: the search list's before the name itself when it has fewer than
// `ndots` dots, else after it. A dot at the end keeps the list out. Empty when `host` is no name.
std::vector<std::string> names_to_try(std::string_view host, const Config& config);

}  // namespace pylon::upstream::dns

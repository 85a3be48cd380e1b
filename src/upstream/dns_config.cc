#include "upstream/dns_config.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "upstream/dns_message.h"

namespace pylon::upstream::dns {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  size_t at = 0;
  constexpr std::string_view kBlank = " \t\r";
  while ((at = line.find_first_not_of(kBlank, at)) != std::string_view::npos) {
    size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

// The words of each line, without what follows a comment character.
template <class Fn>
void for_each_line(std::string_view text, std::string_view comment, Fn&& fn) {
  for (std::string_view line : split(text, '\n')) {
    line = line.substr(0, line.find_first_of(comment));
    std::vector<std::string_view> words = words_of(line);
    if (!words.empty()) fn(words);
  }
}

// "ndots:2" -> 2, kept within bounds.
std::optional<int> option_value(std::string_view option, std::string_view name, int lowest,
                                int highest) {
  if (option.substr(0, name.size()) != name) return std::nullopt;
  std::optional<uint64_t> value = parse_uint(option.substr(name.size()));
  if (!value) return std::nullopt;
  return static_cast<int>(
      std::clamp<uint64_t>(*value, static_cast<uint64_t>(lowest), static_cast<uint64_t>(highest)));
}

void read_option(std::string_view option, Config& config) {
  if (auto ndots = option_value(option, "ndots:", 0, 15)) config.ndots = *ndots;
  if (auto rounds = option_value(option, "attempts:", 1, 5)) config.rounds = *rounds;
  if (auto timeout_s = option_value(option, "timeout:", 1, 30)) {
    config.attempt_timeout_ms = *timeout_s * 1000;
  }
}

void read_search(const std::vector<std::string_view>& words, Config& config) {
  config.search.clear();  // the last line wins
  for (size_t i = 1; i < words.size() && config.search.size() < Config::kMaxSearch; ++i) {
    if (auto name = canonical_name(words[i])) config.search.push_back(*name);
  }
}

}  // namespace

Result<Server> parse_server(std::string_view text) {
  Server server;
  std::string_view host = text;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    size_t end = text.find(']');
    if (end == std::string_view::npos) return fail("'" + std::string(text) + "' lacks a ']'");
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(host.size());
  }
  if (!port.empty()) {
    std::optional<uint64_t> number = parse_uint(port.substr(1));
    if (port.front() != ':' || !number || *number == 0 || *number > 65535) {
      return fail("'" + std::string(text) + "' has no valid port");
    }
    server.port = static_cast<uint16_t>(*number);
  }
  std::optional<IpAddress> address = IpAddress::parse(host);
  if (!address) return fail("'" + std::string(text) + "' is not the address of a name server");
  server.address = *address;
  return server;
}

void read_resolv_conf(std::string_view text, Config& config) {
  for_each_line(text, "#;", [&](const std::vector<std::string_view>& words) {
    if (words.size() < 2) return;
    if (words[0] == "nameserver" && config.servers.size() < Config::kMaxServers) {
      // With a zone ("fe80::1%eth0") it is no address to us, and skipped.
      std::optional<IpAddress> address = IpAddress::parse(words[1]);
      if (address) config.servers.push_back({*address, 53});
    } else if (words[0] == "search" || words[0] == "domain") {
      read_search(words, config);
    } else if (words[0] == "options") {
      for (std::string_view option : words) read_option(option, config);
    }
  });
}

void read_hosts(std::string_view text, Config& config) {
  for_each_line(text, "#", [&](const std::vector<std::string_view>& words) {
    std::optional<IpAddress> address = IpAddress::parse(words[0]);
    if (!address) return;
    for (size_t i = 1; i < words.size() && config.hosts.size() < Config::kMaxHosts; ++i) {
      std::optional<std::string> name = canonical_name(words[i]);
      if (!name) continue;
      HostsEntry& entry = config.hosts[*name];
      auto& list = address->is_v4() ? entry.v4 : entry.v6;
      if (std::find(list.begin(), list.end(), *address) == list.end()) list.push_back(*address);
    }
  });
}

std::vector<std::string> names_to_try(std::string_view host, const Config& config) {
  std::optional<std::string> name = canonical_name(host);
  if (!name) return {};
  if (host.back() == '.' || config.search.empty()) return {std::move(*name)};
  std::vector<std::string> names;
  for (const std::string& domain : config.search) {
    if (auto full = canonical_name(*name + "." + domain)) names.push_back(std::move(*full));
  }
  bool searched_first = std::count(name->begin(), name->end(), '.') < config.ndots;
  names.insert(searched_first ? names.end() : names.begin(), std::move(*name));
  return names;
}

}  // namespace pylon::upstream::dns

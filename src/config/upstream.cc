#include "config/upstream.h"

#include <fmt/format.h>

#include "base/ip.h"
#include "base/strings.h"

namespace pylon::config {
namespace {

constexpr std::string_view kHashVars =
    R"(^((uri|server_name|server_addr|request_uri|remote_port|remote_addr|query_string|host)"
    R"(|hostname|mqtt_client_id)|arg_[0-9a-zA-z_-]+)$)";

Json pattern_schema(std::string_view pattern) {
  return Json::object({{"type", "string"}, {"pattern", pattern}});
}

Result<void> check_brackets(const Json& nodes) {
  for (const Json& node : nodes.items()) {
    const Json* host = node.find("host");
    if (host == nullptr) continue;
    auto ip = IpAddress::parse(host->as_string());
    if (ip && ip->is_v6()) return fail("IPv6 address must be enclosed with '[' and ']'");
  }
  return {};
}

Result<void> check_node_ports(const Json& nodes) {
  for (const auto& [address, weight] : nodes.members()) {
    auto port = split_host_and_port(address).port;
    if (port && (*port < 1 || *port > 65535)) return fail(fmt::format("invalid port {}", *port));
  }
  return {};
}

Result<void> check_hash_key(const Json& value) {
  std::string_view hash_on = value.find("hash_on")->as_string();
  const Json* key = value.find("key");
  if (hash_on == "consumer") return {};
  if (key == nullptr) return fail("missing key");
  const Json* schema = find_hash_key_schema(hash_on);
  if (schema == nullptr) return {};
  auto compiled = schema::JsonSchema::compile(*schema);
  if (!compiled) return tl::unexpected(compiled.error());
  Json copy = *key;
  if (auto message = compiled->validate(copy)) return fail("invalid configuration: " + *message);
  return {};
}

std::string_view text_member(const Json& value, std::string_view name) {
  const Json* member = value.find(name);
  return member != nullptr ? member->as_string() : std::string_view();
}

}  // namespace

const Json* find_hash_key_schema(std::string_view hash_on) {
  static const Json vars = pattern_schema(kHashVars);
  static const Json header = pattern_schema("^[a-zA-Z0-9-_]+$");
  static const Json combinations = Json::object({{"type", "string"}});
  if (hash_on == "vars") return &vars;
  if (hash_on == "header" || hash_on == "cookie") return &header;
  return hash_on == "vars_combinations" ? &combinations : nullptr;
}

HostAndPort split_host_and_port(std::string_view text) {
  if (text.size() < 2) return {text, std::nullopt};
  size_t colon = text.rfind(':', text.size() - 2);
  if (colon == std::string_view::npos) return {text, std::nullopt};
  if (text.starts_with('[')) {
    bool closed = colon > 0 && text[colon - 1] == ']';
    if (text.ends_with(']') || !closed) return {text, std::nullopt};
  } else {
    // Two colons before any dot: an IPv6 address without brackets, which has no port.
    std::string_view before_dot = text.substr(0, text.find('.'));
    size_t first = before_dot.find(':');
    bool two = first != std::string_view::npos &&
               before_dot.find(':', first + 1) != std::string_view::npos;
    if (two) return {text, std::nullopt};
  }
  return {text.substr(0, colon), parse_int(text.substr(colon + 1))};
}

Result<void> check_upstream(Json& value) {
  static const schema::JsonSchema& schema = schema::compiled_schema_of<Upstream>();
  const Json* nodes = value.find("nodes");
  if (nodes != nullptr) {
    if (auto done = check_brackets(*nodes); !done) {
      return fail("invalid configuration: " + done.error().message);
    }
  }
  if (auto message = schema.validate(value)) return fail("invalid configuration: " + *message);
  if (nodes = value.find("nodes"); nodes != nullptr) {
    if (auto done = check_node_ports(*nodes); !done) return done;
  }
  if (text_member(value, "pass_host") == "rewrite" && text_member(value, "upstream_host").empty()) {
    return fail("`upstream_host` can't be empty when `pass_host` is `rewrite`");
  }
  return {};
}

Result<void> check_upstream_hash(const Json& value) {
  if (text_member(value, "type") != "chash") return {};
  return check_hash_key(value);
}

Result<Upstream> parse_upstream(Json value) { return schema::parse<Upstream>(std::move(value)); }

}  // namespace pylon::config

namespace pylon::schema {

using config::UpstreamNode;
using config::UpstreamNodes;

namespace {

std::string without_brackets(std::string_view host) {
  bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  return std::string(bracketed ? host.substr(1, host.size() - 2) : host);
}

Result<UpstreamNode> node_of_member(const Json::Member& member) {
  auto [host, port] = config::split_host_and_port(member.first);
  if (port && (*port < 1 || *port > 65535)) return fail(fmt::format("invalid port {}", *port));
  return UpstreamNode{.host = without_brackets(host),
                      .port = static_cast<uint16_t>(port.value_or(0)),
                      .weight = member.second.as_int(),
                      .priority = 0,
                      .metadata = {}};
}

UpstreamNode node_of_item(const Json& item) {
  auto integer = [&](std::string_view name, int64_t fallback) {
    const Json* value = item.find(name);
    return value != nullptr ? value->as_int(fallback) : fallback;
  };
  const Json* metadata = item.find("metadata");
  auto [host, port] = config::split_host_and_port(item.find("host")->as_string());
  // A port in the host counts, as with nginx, which APISIX hands it to.
  bool has_port = port && *port >= 1 && *port <= 65535;
  return {.host = without_brackets(host),
          .port = static_cast<uint16_t>(has_port ? *port : integer("port", 0)),
          .weight = integer("weight", 0),
          .priority = integer("priority", 0),
          .metadata = metadata != nullptr ? *metadata : Json()};
}

}  // namespace

Result<UpstreamNodes> CustomType<UpstreamNodes>::read(const Json& from) {
  UpstreamNodes nodes;
  nodes.list.reserve(from.size());
  for (const Json& item : from.items()) nodes.list.push_back(node_of_item(item));
  for (const Json::Member& member : from.members()) {
    auto node = node_of_member(member);
    if (!node) return tl::unexpected(node.error());
    nodes.list.push_back(std::move(*node));
  }
  return nodes;
}

Json CustomType<UpstreamNodes>::write(const UpstreamNodes& value) {
  Json items = Json::array();
  for (const UpstreamNode& node : value.list) {
    bool v6 = node.host.find(':') != std::string::npos;
    Json item = Json::object({{"host", v6 ? "[" + node.host + "]" : node.host},
                              {"weight", node.weight},
                              {"priority", node.priority}});
    if (node.port != 0) item["port"] = Json(int64_t{node.port});
    if (!node.metadata.is_null()) item["metadata"] = node.metadata;
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace pylon::schema

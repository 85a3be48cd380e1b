// PluginSpec: what a plugin says about itself, and the phases it may take part in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pylon::plugin {

// In the order of a request's way; the last two are those of TCP connections and UDP sessions.
enum class Phase : uint8_t {
  rewrite,
  access,
  before_proxy,
  header_filter,
  body_filter,
  log,
  preread,
  session_log
};
constexpr size_t kPhases = 8;

std::string_view phase_name(Phase phase);

// What a plugin may serve: requests, or connections and sessions.
enum class Subsystem : uint8_t { http, stream };

// As the Admin API lists it.
enum class PluginKind : uint8_t { plain, auth };

struct PluginSpec {
  std::string_view name;
  int priority = 0;  // higher runs earlier; APISIX's number
  std::string_view version = "0.1";
  PluginKind kind = PluginKind::plain;
  std::string_view key_attribute = {};  // auth: the ConsumerConfig field that finds the consumer
  std::string_view scope = {};
  bool prefer_route = false;  // a global rule's instance gives way to the route's own
  std::string_view doc = {};  // one sentence for the manual
};

}  // namespace pylon::plugin

// Upstreams that are written within a plugin's configuration: those of traffic-split's rules.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pylon::config {

// Its name among the upstreams of a snapshot; no id of an upstream looks like it. `owner`: the key
// of the resource that carries the plugin, "/apisix/routes/1".
std::string inner_upstream_name(std::string_view owner, size_t rule, size_t target);

struct InnerUpstream {
  std::string name;
  const Json* value;  // in the configuration given
};
std::vector<InnerUpstream> inner_upstreams(std::string_view owner, const Json& plugins);

}  // namespace pylon::config

#include "config/inner_upstream.h"

#include <fmt/format.h>

namespace pylon::config {

std::string inner_upstream_name(std::string_view owner, size_t rule, size_t target) {
  return fmt::format("{}#{}.{}", owner, rule, target);
}

std::vector<InnerUpstream> inner_upstreams(std::string_view owner, const Json& plugins) {
  std::vector<InnerUpstream> found;
  const Json* split = plugins.find("traffic-split");
  const Json* rules = split != nullptr ? split->find("rules") : nullptr;
  if (rules == nullptr || !rules->is_array()) return found;
  for (size_t rule = 0; rule < rules->size(); rule++) {
    const Json* targets = rules->items()[rule].find("weighted_upstreams");
    if (targets == nullptr || !targets->is_array()) continue;
    for (size_t target = 0; target < targets->size(); target++) {
      const Json& each = targets->items()[target];
      const Json* upstream = each.find("upstream");
      bool written = upstream != nullptr && each.find("upstream_id") == nullptr;
      if (written) found.push_back({inner_upstream_name(owner, rule, target), upstream});
    }
  }
  return found;
}

}  // namespace pylon::config

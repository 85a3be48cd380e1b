#include "plugin/context.h"

namespace pylon::plugin {

const Json& Services::attributes(std::string_view plugin) const {
  static const Json none = Json::object();
  const Json* found = plugin_attr_.find(plugin);
  return found != nullptr ? *found : none;
}

// Dense numbers in the order of first asking.
uint32_t Services::number_of(StringMap<uint32_t>& numbers, std::string_view key) {
  auto [found, made] = numbers.try_emplace(std::string(key), static_cast<uint32_t>(numbers.size()));
  return found->second;
}

}  // namespace pylon::plugin

// Plugins that stand for themselves: a set that routes refer to, and a set that runs on every
// request. Source: APISIX 3.18 schema_def.lua `plugin_config`, `global_rule`.
#pragma once

#include <string>
#include <tuple>

#include "config/common.h"

namespace pylon::config {

struct PluginConfig {
  std::string id;
  std::string name;
  Labels labels;
  Plugins plugins;

  static constexpr auto fields =
      std::tuple{id_field(&PluginConfig::id).required(),
                 field("name", &PluginConfig::name, "A name for people."),
                 kDescriptionField,
                 labels_field(&PluginConfig::labels),
                 kCreateTimeField,
                 kUpdateTimeField,
                 plugins_field(&PluginConfig::plugins).required()};
  static constexpr bool closed = true;
};

struct GlobalRule {
  std::string id;
  Plugins plugins;

  static constexpr auto fields =
      std::tuple{id_field(&GlobalRule::id).required(), kCreateTimeField, kUpdateTimeField,
                 plugins_field(&GlobalRule::plugins).required()};
  static constexpr bool closed = true;
};

}  // namespace pylon::config

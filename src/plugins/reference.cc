// The manual page of all plugins, made from what they say about themselves.
#include <fmt/format.h>

#include <algorithm>

#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using plugin::DocumentInfo;
using plugin::Phase;
using plugin::PluginKind;
using plugin::PluginType;

constexpr std::string_view kHead =
    "# Plugins\n"
    "\n"
    "Made by `pylon help plugins` from the plugins in src/plugins; do not edit.\n"
    "\n"
    "Names, priorities, attributes and messages are those of Apache APISIX. A plugin stands in "
    "the\n"
    "`plugins` of a route, service, plugin config, consumer, consumer group or global rule; of "
    "those\n"
    "that a request meets, the higher priority runs first in each phase. `_meta` of any plugin "
    "has\n"
    "`disable`, `priority`, `filter` and `error_response`. The list `plugins` of config.yaml says\n"
    "which are enabled.\n";

std::string phases_of(const PluginType& type) {
  std::string names;
  for (size_t i = 0; i < plugin::kPhases; ++i) {
    auto phase = static_cast<Phase>(i);
    if (!type.has(phase)) continue;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", plugin::phase_name(phase));
  }
  return names;
}

std::vector<PluginType> by_priority() {
  std::vector<PluginType> types = all_plugins();
  std::sort(types.begin(), types.end(), [](const PluginType& a, const PluginType& b) {
    return a.spec.priority > b.spec.priority;
  });
  return types;
}

void add_summary(const std::vector<PluginType>& types, std::string& page) {
  page += "\n| plugin | priority | phases | what it does |\n|---|---|---|---|\n";
  for (const PluginType& type : types) {
    page += fmt::format("| [{}](#{}) | {} | {} | {} |\n", type.spec.name, type.spec.name,
                        type.spec.priority, phases_of(type), type.spec.doc);
  }
}

void add_document(std::string_view title, const DocumentInfo& document, std::string& page) {
  if (document.schema == nullptr) return;
  const Json schema = document.schema();
  const Json* properties = schema.find("properties");
  bool any = properties != nullptr && !properties->empty();
  page += fmt::format("\n{}{}\n", title, any ? ":\n" : ": no attributes.");
  if (any) page += document.reference();
}

void add_plugin(const PluginType& type, std::string& page) {
  const plugin::PluginSpec& spec = type.spec;
  page += fmt::format("\n## {}\n\n{} Priority {}, version {}, phases: {}.", spec.name, spec.doc,
                      spec.priority, spec.version, phases_of(type));
  if (spec.kind == PluginKind::auth) {
    page +=
        fmt::format(" It authenticates: consumers are found by their `{}`.", spec.key_attribute);
  }
  if (!spec.scope.empty()) page += fmt::format(" Scope: {}.", spec.scope);
  if (spec.prefer_route) page += " In a global rule it gives way to the route's own.";
  page += '\n';
  add_document("Configuration", type.config, page);
  add_document("Of a consumer or credential", type.consumer, page);
  add_document("Metadata", type.metadata, page);
}

}  // namespace

std::string plugin_reference() {
  std::string page(kHead);
  std::vector<PluginType> types = by_priority();
  add_summary(types, page);
  for (const PluginType& type : types) add_plugin(type, page);
  return page;
}

}  // namespace pylon::plugins

// plugins, stream_plugins, plugin_attr.*, discovery and other top-level sections.
#include "gateway/settings_keys.h"

#include <span>

namespace pylon::gateway {
namespace {

using S = Settings;
using enum Standing;
using Metrics = MetricsSettings;

// Members of `from` replace those of `into`, mappings member by member; null removes.
void merge(Json& into, const Json& from) {
  for (const auto& [name, value] : from.members()) {
    if (value.is_null()) {
      into.erase(name);
    } else if (value.is_object() && into.contains(name) && into.find(name)->is_object()) {
      merge(*into.find(name), value);
    } else {
      into[name] = value;
    }
  }
}

constexpr KeyType plugin_list_type() {
  KeyType type = texts<&S::plugins>();
  type.show = [](const Settings& settings) {
    return "APISIX's list of " + std::to_string(settings.plugins.size());
  };
  return type;
}

constexpr KeyType plugin_attr_type() {
  return {.read = [](const Json& value, Settings& into) -> Result<void> {
            if (!value.is_object()) return fail("");
            const Json* prometheus = value.find("prometheus");
            into.metrics.enabled &= prometheus == nullptr || !prometheus->is_null();
            merge(into.plugin_attr, value);
            return {};
          },
          .expects = []() -> std::string { return "a mapping from plugin to attributes"; },
          .show = nullptr,
          .open = true};
}

constexpr KeyType discovery_type() {
  KeyType type = anything();
  type.read = [](const Json& value, Settings& into) -> Result<void> {
    if (!value.is_object()) return fail("");
    into.discovery = value;
    return {};
  };
  type.expects = []() -> std::string { return "a mapping"; };
  return type;
}

constexpr Key kKeys[] = {
    {"plugins", plugin_list_type(), "The plugins that may be used; the order means nothing."},
    {"stream_plugins", texts<&S::stream_plugins>(), "The same for TCP and UDP."},
    {"plugin_attr", plugin_attr_type(),
     "Attributes that a plugin has once per gateway; merged over APISIX's defaults. See the "
     "plugins' own pages."},
    {"plugin_attr.prometheus.enable_export_server", flag<&S::metrics, &Metrics::enabled>(),
     "Serve the metrics at an address of their own."},
    {"plugin_attr.prometheus.export_addr.ip",
     ip<&S::metrics, &Metrics::listen, &ListenAddress::ip>(), "Its IP address."},
    {"plugin_attr.prometheus.export_addr.port",
     port<&S::metrics, &Metrics::listen, &ListenAddress::port>(), "Its port."},
    {"plugin_attr.prometheus.export_uri", text<&S::metrics, &Metrics::uri>(),
     "The path that serves the metrics."},
    {"plugin_attr.prometheus.metric_prefix", text<&S::metrics, &Metrics::name_prefix>(),
     "What the metrics' names begin with."},
    {"graphql.max_size", bytes<1, &S::graphql_max_bytes>(),
     "The longest GraphQL query that is read."},

    {"discovery", discovery_type(), "Service discovery is not there yet.", later},
    {"ext-plugin", anything(), "Plugin runners are not there yet.", later},
    {"wasm", anything(), "Wasm plugins are not there yet.", later},
    {"xrpc", anything(), "xRPC is not there yet.", later},
    {"etcd", anything(), "Write deployment.etcd; this section is of APISIX 2.", ignored},
};

}  // namespace

std::span<const Key> plugin_keys() { return kKeys; }

}  // namespace pylon::gateway

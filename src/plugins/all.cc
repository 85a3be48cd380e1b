#include "plugins/all.h"

namespace pylon::plugins {

using plugin::PluginType;

PluginType request_id();
PluginType ip_restriction();
PluginType key_auth();
PluginType proxy_rewrite();
PluginType response_rewrite();
PluginType limit_count();
PluginType forward_auth();
PluginType prometheus();
PluginType mqtt_proxy();
PluginType grpc_web();
PluginType grpc_transcode();
PluginType limit_conn();
PluginType traffic_split();
PluginType forward_proxy();
PluginType syslog();
PluginType basic_auth();

std::vector<PluginType> all_plugins() {
  return {
      request_id(),    ip_restriction(), key_auth(),         limit_count(),
      forward_auth(),  proxy_rewrite(),  response_rewrite(), prometheus(),
      mqtt_proxy(),    grpc_web(),       grpc_transcode(),   limit_conn(),
      traffic_split(), forward_proxy(),  syslog(),           basic_auth(),
  };
}

}  // namespace pylon::plugins

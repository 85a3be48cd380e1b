// StreamRoute: which TCP and UDP connections, and where to. Source: APISIX 3.18 schema_def.lua.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "config/common.h"
#include "config/upstream.h"

namespace pylon::config {

struct StreamProtocol {
  std::string name;
  std::string superior_id;
  Json conf;
  Json logger;

  static constexpr std::string_view kLogger =
      R"({"type":"array","items":{"properties":{"name":{"type":"string"},)"
      R"("filter":{"description":"logger filter rules","type":"array"},)"
      R"("conf":{"description":"logger plugin configuration","type":"object"}},)"
      R"("dependencies":{"name":["conf"]},"additionalProperties":false}})";

  static constexpr auto fields = std::tuple{
      field("name", &StreamProtocol::name, "The protocol's name.").required(),
      field("superior_id", &StreamProtocol::superior_id, "The route this one refines.")
          .fragment(kId),
      field("conf", &StreamProtocol::conf, "The protocol's own configuration.")
          .fragment(R"({"description":"protocol-specific configuration","type":"object"})"),
      field("logger", &StreamProtocol::logger, "Loggers.").fragment(kLogger)};
};

struct StreamRoute {
  std::string id;
  std::string name;
  Labels labels;
  std::string remote_addr;
  std::string server_addr;
  std::optional<int> server_port;
  std::string sni;
  std::unique_ptr<Upstream> upstream;
  std::string upstream_id;
  std::string service_id;
  Plugins plugins;
  std::unique_ptr<StreamProtocol> protocol;

  static constexpr auto fields = std::tuple{
      id_field(&StreamRoute::id),
      name_field(&StreamRoute::name),
      kDescriptionField,
      labels_field(&StreamRoute::labels),
      kCreateTimeField,
      kUpdateTimeField,
      field("remote_addr", &StreamRoute::remote_addr, "Client address or block.")
          .fragment(schema::kAddressOrBlock),
      field("server_addr", &StreamRoute::server_addr, "Our address or block.")
          .fragment(schema::kAddressOrBlock),
      field("server_port", &StreamRoute::server_port, "Our port.").range(1, 65535),
      field("sni", &StreamRoute::sni, "Server name of TLS.").pattern(kHostPattern),
      field("upstream", &StreamRoute::upstream, "Where to."),
      field("upstream_id", &StreamRoute::upstream_id, "Where to, kept elsewhere.").fragment(kId),
      field("service_id", &StreamRoute::service_id, "The service it belongs to.").fragment(kId),
      plugins_field(&StreamRoute::plugins),
      field("protocol", &StreamRoute::protocol, "The protocol above TCP.")};
  static constexpr bool closed = true;
};

}  // namespace pylon::config

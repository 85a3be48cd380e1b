// Service: what several routes share. Source: APISIX 3.18 schema_def.lua `service`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "config/common.h"
#include "config/upstream.h"

namespace pylon::config {

struct Service {
  std::string id;
  std::string name;
  Labels labels;
  Plugins plugins;
  std::unique_ptr<Upstream> upstream;
  std::string upstream_id;
  std::optional<bool> enable_websocket;
  std::vector<std::string> hosts;  // for routes that name none

  static constexpr auto fields = std::tuple{
      id_field(&Service::id),
      name_field(&Service::name),
      kDescriptionField,
      labels_field(&Service::labels),
      kCreateTimeField,
      kUpdateTimeField,
      plugins_field(&Service::plugins),
      field("upstream", &Service::upstream, "Where to."),
      field("upstream_id", &Service::upstream_id, "Where to, kept elsewhere.").fragment(kId),
      ignored("script", kScript),
      field("enable_websocket", &Service::enable_websocket, "Whether Upgrade opens a tunnel."),
      field("hosts", &Service::hosts, "Hosts of the routes that name none.")
          .items(each().fragment(kHost))
          .min_items(1)
          .unique()};
  static constexpr bool closed = true;
};

// A position in the upstream's GraphQL schema and what selecting it costs. Owned by a service.
struct GraphqlCostDecoration {
  std::string id;
  std::string service_id;
  std::string field_path;
  double add_value = 1;
  std::vector<std::string> add_arguments;
  double mul_value = 1;
  std::vector<std::string> mul_arguments;

  static constexpr auto fields = std::tuple{
      id_field(&GraphqlCostDecoration::id),
      field("service_id", &GraphqlCostDecoration::service_id, "Taken from the path.").fragment(kId),
      field("field_path", &GraphqlCostDecoration::field_path, "Type, or Type.field.field.")
          .required()
          .pattern(R"(^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$)"),
      field("add_value", &GraphqlCostDecoration::add_value, "Cost of the field itself.")
          .at_least(0),
      field("add_arguments", &GraphqlCostDecoration::add_arguments, "Arguments added to it.")
          .items(each().min_length(1)),
      field("mul_value", &GraphqlCostDecoration::mul_value, "Factor for all that lies under it.")
          .at_least(0),
      field("mul_arguments", &GraphqlCostDecoration::mul_arguments, "Arguments multiplied in.")
          .items(each().min_length(1)),
      ignored("name", R"({"type":"string","minLength":1,"maxLength":256})"),
      kDescriptionField,
      ignored("labels", kLabels),
      kCreateTimeField,
      kUpdateTimeField};
  static constexpr bool closed = true;
};

}  // namespace pylon::config

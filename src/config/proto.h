// Proto: a protocol buffers definition, for gRPC transcoding. Source: APISIX 3.18 schema_def.lua.
#pragma once

#include <string>
#include <tuple>

#include "config/common.h"

namespace pylon::config {

struct Proto {
  std::string id;
  std::string name;
  Labels labels;
  std::string content;  // the text of a .proto file, or a descriptor set in base64

  static constexpr auto fields = std::tuple{
      id_field(&Proto::id),
      name_field(&Proto::name),
      kDescriptionField,
      labels_field(&Proto::labels),
      kCreateTimeField,
      kUpdateTimeField,
      field("content", &Proto::content, "The definition.").required().length(1, 1024 * 1024)};
  static constexpr bool closed = true;
};

}  // namespace pylon::config

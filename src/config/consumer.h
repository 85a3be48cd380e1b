// Consumer, its credentials and its group. Source: APISIX 3.18 schema_def.lua.
#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "config/common.h"

namespace pylon::config {

struct Consumer {
  std::string username;
  Labels labels;
  std::string group_id;
  Plugins plugins;

  static constexpr auto fields = std::tuple{
      ignored("id", kId),
      field("username", &Consumer::username, "Identity.")
          .required()
          .length(1, 256)
          .pattern(R"(^[a-zA-Z0-9_\-]+$)"),
      kDescriptionField,
      labels_field(&Consumer::labels),
      kCreateTimeField,
      kUpdateTimeField,
      field("group_id", &Consumer::group_id, "The consumer group it belongs to.").fragment(kId),
      plugins_field(&Consumer::plugins)};
  static constexpr bool closed = true;
};

// One more way for a consumer to prove who it is: a single auth plugin's configuration.
struct ConsumerCredential {
  std::string id;  // "c1", or "bob/credentials/c1" where it stands among the consumers
  std::string name;
  Labels labels;
  Plugins plugins;

  static constexpr std::string_view kCredentialId =
      R"({"oneOf":[{"anyOf":[{"type":"string","minLength":1,"maxLength":64,)"
      R"("pattern":"^[a-zA-Z0-9-_.]+$"},{"type":"integer","minimum":1}]},)"
      R"({"type":"string","minLength":15,"maxLength":128,)"
      R"("pattern":"^[a-zA-Z0-9-_]+/credentials/[a-zA-Z0-9-_.]+$"}]})";

  static constexpr auto fields =
      std::tuple{field("id", &ConsumerCredential::id, "Identity among the consumer's credentials.")
                     .fragment(kCredentialId),
                 name_field(&ConsumerCredential::name),
                 kDescriptionField,
                 labels_field(&ConsumerCredential::labels),
                 kCreateTimeField,
                 kUpdateTimeField,
                 field("plugins", &ConsumerCredential::plugins, "One auth plugin.")
                     .fragment(R"({"type":"object","maxProperties":1})")};
  static constexpr bool closed = true;
};

struct ConsumerGroup {
  std::string id;
  std::string name;
  Labels labels;
  Plugins plugins;

  static constexpr auto fields = std::tuple{id_field(&ConsumerGroup::id).required(),
                                            name_field(&ConsumerGroup::name),
                                            kDescriptionField,
                                            labels_field(&ConsumerGroup::labels),
                                            kCreateTimeField,
                                            kUpdateTimeField,
                                            plugins_field(&ConsumerGroup::plugins).required()};
  static constexpr bool closed = true;
};

}  // namespace pylon::config

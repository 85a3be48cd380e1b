// Meta: the `_meta` of one plugin's configuration, the part that is the same for all plugins.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "expr/condition.h"

namespace pylon::plugin {

struct Meta {
  bool disable = false;
  std::optional<int> priority;                // in place of the plugin's own
  std::optional<expr::Condition> filter;      // the plugin only runs where it holds
  std::optional<std::string> error_response;  // body in place of the plugin's, status >= 400

  // From a plugin's configuration that has passed its schema. The error is what `filter` lacks.
  static Result<Meta> read(const Json& conf);
  bool plain() const { return !disable && !priority && !filter && !error_response; }
};

// The schema of `_meta`, put into every plugin's schema.
const Json& meta_schema();

// Whether a configuration says `_meta.disable: true`, whatever else is wrong with it.
bool is_disabled(const Json& conf);

}  // namespace pylon::plugin

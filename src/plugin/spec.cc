#include "plugin/spec.h"

#include <array>

namespace pylon::plugin {

std::string_view phase_name(Phase phase) {
  static constexpr std::array<std::string_view, kPhases> names{
      "rewrite",     "access", "before_proxy", "header_filter",
      "body_filter", "log",    "preread",      "session_log"};
  return names[static_cast<size_t>(phase)];
}

}  // namespace pylon::plugin

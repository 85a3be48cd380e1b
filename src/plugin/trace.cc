#include "plugin/trace.h"

namespace pylon::plugin {

void Trace::note(std::string_view plugin, Phase phase) {
  std::string_view entry = arena_.join(plugin, "#", phase_name(phase));
  for (std::string_view rest = text_; !rest.empty();) {
    size_t end = rest.find(", ");
    if (rest.substr(0, end) == entry) return;
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 2);
  }
  text_ = text_.empty() ? entry : arena_.join(text_, ", ", entry);
}

}  // namespace pylon::plugin

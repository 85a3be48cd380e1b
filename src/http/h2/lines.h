// Lines: field lines as text, "name: value CRLF" each, as trailers travel between the versions.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/strings.h"

namespace pylon::http::h2 {

// Calls visit(name, value) for each line. The empty line that ends a section counts for nothing.
template <class Visit>
void each_line(std::string_view lines, Visit visit) {
  while (!lines.empty()) {
    size_t end = lines.find("\r\n");
    std::string_view line = lines.substr(0, end);
    size_t colon = line.find(':');
    if (colon != std::string_view::npos && colon != 0) {
      visit(line.substr(0, colon), trim(line.substr(colon + 1)));
    }
    if (end == std::string_view::npos) return;
    lines.remove_prefix(end + 2);
  }
}

}  // namespace pylon::http::h2

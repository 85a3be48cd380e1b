#include "plugins/basic_credentials.h"

#include "base/strings.h"

namespace pylon::plugins {

std::optional<BasicCredentials> read_basic_credentials(std::string_view value, Arena& arena) {
  constexpr std::string_view kScheme = "basic ";
  if (value.size() < kScheme.size() || !iequals(value.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  std::optional<std::string> told = base64_decode(trim(value.substr(kScheme.size())));
  if (!told) return std::nullopt;
  std::string_view text = arena.copy(*told);
  size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return BasicCredentials{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace pylon::plugins

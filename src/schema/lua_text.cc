#include "schema/lua_text.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace pylon::schema {

std::string lua_number(double value) { return fmt::format("{:.14g}", value); }

std::string lua_quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\' || c == '\n') {
      out += '\\';
      out += text[i];
    } else if (c < 0x20 || c == 0x7f) {
      bool digit_follows = i + 1 < text.size() && is_digit(text[i + 1]);
      out += fmt::format(fmt::runtime(digit_follows ? "\\{:03}" : "\\{}"), c);
    } else {
      out += text[i];
    }
  }
  return out + '"';
}

}  // namespace pylon::schema

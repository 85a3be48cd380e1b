#include "base/json_pointer.h"

namespace pylon {

void append_step(std::string& pointer, std::string_view name) {
  pointer += '/';
  for (char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

std::string child_pointer(std::string_view parent, std::string_view name) {
  std::string pointer(parent);
  append_step(pointer, name);
  return pointer;
}

}  // namespace pylon

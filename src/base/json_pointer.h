// JSON pointers: "/apisix/node_listen/0"; "" is the root. RFC 6901.
#pragma once

#include <string>
#include <string_view>

namespace pylon {

// Goes one step down: to a member by its name, to an item by its number.
void append_step(std::string& pointer, std::string_view name);
std::string child_pointer(std::string_view parent, std::string_view name);

}  // namespace pylon

// What plugins do to the uri of a request: encode paths, find and remove query arguments.
//
// Everything that is made lies in the given arena; what needs no change is returned as it is.
#pragma once

#include <string_view>

namespace pylon {
class Arena;
}
namespace pylon::http {
struct Exchange;
}

namespace pylon::plugin {

// A decoded path for a request line: controls, space, bytes above 0x7e and "#%<>?\^`{|} encoded
// (the set that nginx escapes in uris).
std::string_view encode_path(std::string_view path, Arena& arena);
// Only controls and spaces encoded: a query keeps its delimiters, but nothing can end the target.
std::string_view encode_controls(std::string_view text, Arena& arena);

// Of a request target as it was sent, in any form: "/a?b" and "http://h/a?b" give "/a".
std::string_view target_path(std::string_view target);

// What an argument of a query says, decoded ('+' is a space).
struct Argument {
  enum class Found { none, one, many };
  Found found = Found::none;
  std::string_view value;  // of the first
};
Argument find_argument(std::string_view args, std::string_view name, Arena& arena);

// Takes each argument of that name out of what is known of the request and sent upstream.
void remove_argument(http::Exchange& exchange, std::string_view name);

}  // namespace pylon::plugin

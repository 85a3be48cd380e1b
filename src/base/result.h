// Result<T>: a value or an Error in words. The control plane's way to fail; the data plane has
// small enums and statuses.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace pylon {

// What went wrong, in words for the person who has to mend it. `message` names the field or file.
struct Error {
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

// return fail("the file ends inside a string");
inline tl::unexpected<Error> fail(std::string message) {
  return tl::unexpected<Error>(Error{std::move(message)});
}

}  // namespace pylon

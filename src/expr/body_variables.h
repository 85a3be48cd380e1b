// Who compiles a plugin, whose variables are its own business, learns here whether any of them
// looks at the request's body: that has to be read before the plugin runs.
#pragma once

#include <cstdint>

namespace pylon::expr {

// How many variables that look at the body this thread has compiled so far.
uint64_t body_variables_compiled();

}  // namespace pylon::expr

// The state of the health checks, as JSON and as a page for people.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "control/runtime_view.h"

namespace pylon::control {

// The health checks of one resource.
struct Checker {
  std::string name;  // the resource's key
  std::string type;  // http, https, tcp
  std::vector<NodeHealth> nodes;
};

Json health_json(const Checker& checker);
Json health_json(const std::vector<Checker>& checkers);

// A table with a line per node; lines of nodes that are not healthy are red.
std::string health_page(const std::vector<Checker>& checkers);

}  // namespace pylon::control

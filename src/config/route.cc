#include "config/route.h"

namespace pylon::config {
namespace {

void move_into(std::string& one, std::vector<std::string>& list) {
  if (!one.empty()) list.push_back(std::move(one));
  one = std::string();
  list.shrink_to_fit();
}

}  // namespace

Result<Route> parse_route(Json value) {
  auto route = schema::parse<Route>(std::move(value));
  if (!route) return route;
  move_into(route->uri, route->uris);
  move_into(route->host, route->hosts);
  move_into(route->remote_addr, route->remote_addrs);
  return route;
}

}  // namespace pylon::config

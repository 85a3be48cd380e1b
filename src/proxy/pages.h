// The gateway's own answers: what APISIX says in JSON, and the pages that nginx would show.
#pragma once

#include <string_view>

namespace pylon::proxy {

// {"error_msg":"404 Route Not Found"} and a line feed.
std::string_view route_not_found_body();

// nginx's page of an error that has no body of its own: "<html>...502 Bad Gateway...". Static.
std::string_view error_page(int status);

}  // namespace pylon::proxy

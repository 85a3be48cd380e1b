#include "proxy/pages.h"

#include <array>
#include <string>

#include "http/h1/head_writer.h"

namespace pylon::proxy {
namespace {

constexpr int kFirst = 400;
constexpr int kLast = 599;

std::string make_page(int status) {
  std::string title = std::to_string(status);
  title += ' ';
  title += http::h1::status_phrase(status);
  return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
         "</h1></center>\r\n<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n";
}

}  // namespace

std::string_view route_not_found_body() { return "{\"error_msg\":\"404 Route Not Found\"}\n"; }

std::string_view error_page(int status) {
  static const std::array<std::string, kLast - kFirst + 1> pages = [] {
    std::array<std::string, kLast - kFirst + 1> made;
    for (int status = kFirst; status <= kLast; status++) made[status - kFirst] = make_page(status);
    return made;
  }();
  if (status < kFirst || status > kLast) return {};
  return pages[static_cast<size_t>(status - kFirst)];
}

}  // namespace pylon::proxy

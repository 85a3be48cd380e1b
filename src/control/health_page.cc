#include "control/health_page.h"

#include <fmt/format.h>

#include <iterator>

#include "base/strings.h"

namespace pylon::control {
namespace {

constexpr std::string_view kTitle = "APISIX upstream check status";
constexpr std::string_view kColumns[] = {"Index",        "Upstream",      "Check type",
                                         "Host",         "Status",        "Success counts",
                                         "TCP Failures", "HTTP Failures", "TIMEOUT Failures"};

bool is_fine(const NodeHealth& node) {
  return node.status == "healthy" || node.status == "mostly_healthy";
}

void write_row(size_t index, const Checker& checker, const NodeHealth& node, std::string& page) {
  fmt::format_to(std::back_inserter(page),
                 "  <tr{}>\n    <td>{}</td>\n    <td>{}</td>\n    <td>{}</td>\n"
                 "    <td>{}:{}</td>\n    <td>{}</td>\n    <td>{}</td>\n    <td>{}</td>\n"
                 "    <td>{}</td>\n    <td>{}</td>\n  </tr>\n",
                 is_fine(node) ? "" : " bgcolor=\"#FF0000\"", index, html_escape(checker.name),
                 html_escape(checker.type), html_escape(node.ip), node.port,
                 html_escape(node.status), node.success, node.tcp_failure, node.http_failure,
                 node.timeout_failure);
}

}  // namespace

Json health_json(const Checker& checker) {
  Json nodes = Json::array();
  for (const NodeHealth& node : checker.nodes) {
    Json counter = Json::object({{"success", Json(node.success)},
                                 {"http_failure", Json(node.http_failure)},
                                 {"tcp_failure", Json(node.tcp_failure)},
                                 {"timeout_failure", Json(node.timeout_failure)}});
    nodes.push_back(Json::object({{"ip", Json(node.ip)},
                                  {"port", Json(int{node.port})},
                                  {"hostname", Json(node.hostname)},
                                  {"status", Json(node.status)},
                                  {"counter", std::move(counter)}}));
  }
  return Json::object(
      {{"name", Json(checker.name)}, {"type", Json(checker.type)}, {"nodes", std::move(nodes)}});
}

Json health_json(const std::vector<Checker>& checkers) {
  Json all = Json::array();
  for (const Checker& checker : checkers) all.push_back(health_json(checker));
  return all;
}

std::string health_page(const std::vector<Checker>& checkers) {
  std::string page = fmt::format(
      "<html xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n  <title>{}</title>\n</head>\n"
      "<body>\n<h1>{}</h1>\n<table style=\"background-color:white\" cellspacing=\"0\" "
      "cellpadding=\"3\" border=\"1\">\n  <tr bgcolor=\"#C0C0C0\">\n",
      kTitle, kTitle);
  for (std::string_view column : kColumns) page += fmt::format("    <th>{}</th>\n", column);
  page += "  </tr>\n";
  size_t index = 0;
  for (const Checker& checker : checkers) {
    for (const NodeHealth& node : checker.nodes) write_row(++index, checker, node, page);
  }
  return page + "</table>\n</body>\n</html>\n";
}

}  // namespace pylon::control

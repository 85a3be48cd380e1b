#include "plugin/verdict.h"

#include "base/json.h"
#include "http/exchange.h"

namespace pylon::plugin {
namespace {

std::string object_body(const char* key, std::string_view text) {
  return Json::object({{key, text}}).dump() + '\n';
}

}  // namespace

std::string message_body(std::string_view message) { return object_body("message", message); }
std::string error_body(std::string_view message) { return object_body("error_msg", message); }

Verdict finish_message(http::Exchange& exchange, int status, std::string_view message) {
  return finish(status, exchange.arena.copy(message_body(message)));
}

Verdict finish_error(http::Exchange& exchange, int status, std::string_view message) {
  return finish(status, exchange.arena.copy(error_body(message)));
}

}  // namespace pylon::plugin

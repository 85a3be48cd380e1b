#include "plugin/verdict.h"

#include "base/json.h"

namespace pylon::plugin {
namespace {

std::string object_body(const char* key, std::string_view text) {
  return Json::object({{key, text}}).dump() + '\n';
}

}  // namespace

std::string message_body(std::string_view message) { return object_body("message", message); }
std::string error_body(std::string_view message) { return object_body("error_msg", message); }

}  // namespace pylon::plugin

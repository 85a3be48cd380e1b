// A line with `vars` in JSON, then a request: its query, its Content-Type and its body, a line each
// (the body is the rest). Whatever compiles can be asked, and says the same twice.
#include <cstdlib>
#include <string_view>

#include "expr/condition.h"
#include "expr/test_exchange.h"

namespace {

std::string_view take_line(std::string_view& text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(line.size() == text.size() ? line.size() : line.size() + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto vars = pylon::Json::parse(take_line(text));
  if (!vars) return 0;
  auto condition = pylon::expr::Condition::compile(*vars);
  if (!condition) return condition.error().message.empty() ? std::abort(), 0 : 0;
  pylon::expr::TestExchange test;
  test.uri("/a/b", take_line(text));
  std::string_view type = take_line(text);
  test.field("Content-Type", type).field("X", type).field("Cookie", type);
  test.exchange.request.method = pylon::http::Method::post;
  test.exchange.body = text;
  test.exchange.body_known = true;
  if (condition->matches(test.exchange) != condition->matches(test.exchange)) std::abort();
  return 0;
}

#include "upstream/hash_key.h"

#include <string>

namespace pylon::upstream {
namespace {

std::string variable_name(config::HashOn hash_on, std::string_view key) {
  switch (hash_on) {
    case config::HashOn::header:
      return "http_" + std::string(key);
    case config::HashOn::cookie:
      return "cookie_" + std::string(key);
    case config::HashOn::consumer:
      return "consumer_name";
    default:
      return std::string(key);
  }
}

}  // namespace

HashKey::HashKey(config::HashOn hash_on, std::string_view key)
    : variable_(expr::Variable::compile(variable_name(hash_on, key))),
      is_combination_(hash_on == config::HashOn::vars_combinations) {
  if (is_combination_) combination_ = expr::Template::compile(key);
}

std::string_view HashKey::of(http::Exchange& exchange) const {
  std::string_view text;
  if (is_combination_) {
    size_t resolved = 0;
    text = combination_.render(exchange, resolved);
    if (resolved == 0) text = {};
  } else {
    text = variable_.value(exchange);
  }
  return text.data() != nullptr ? text : exchange.client.text;
}

}  // namespace pylon::upstream

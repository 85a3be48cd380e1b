// HashKey: the text of a request that consistent hashing goes by.
//
// By hash_on: a variable, a header field, a cookie, the consumer's name, or a text of several
// variables. What is absent gives way to the client's address. Source: APISIX balancer/chash.lua.
#pragma once

#include <string_view>

#include "config/upstream.h"
#include "expr/template.h"
#include "expr/variable.h"
#include "http/exchange.h"

namespace pylon::upstream {

class HashKey {
 public:
  HashKey(config::HashOn hash_on, std::string_view key);

  // Lives as long as the exchange.
  std::string_view of(http::Exchange& exchange) const;

 private:
  expr::Variable variable_;
  expr::Template combination_;  // in place of the variable
  bool is_combination_;
};

}  // namespace pylon::upstream

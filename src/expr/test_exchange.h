// An exchange for tests, filled by hand.
#pragma once

#include <string_view>

#include "http/exchange.h"

namespace pylon::expr {

struct TestExchange {
  TestExchange() {
    exchange.request.method = http::Method::get;
    exchange.request.method_text = "GET";
    exchange.request.target = "/";
    exchange.request.uri = "/";
    exchange.request.host = "localhost";
    exchange.client.address = *IpAddress::parse("127.0.0.1");
  }

  TestExchange& uri(std::string_view path, std::string_view args = {}) {
    exchange.request.uri = path;
    exchange.request.args = args;
    exchange.request.has_args = args.data() != nullptr;
    return *this;
  }
  TestExchange& field(std::string_view name, std::string_view value) {
    exchange.request.fields.add(name, value);
    return *this;
  }

  Arena arena;
  http::Exchange exchange{arena};
};

}  // namespace pylon::expr

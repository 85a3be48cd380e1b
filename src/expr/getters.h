// The getters behind Variable, in groups by what they look at. Internal to this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "expr/variable.h"

namespace pylon::expr {

using Operand = Variable::Operand;

// A variable of one name.
struct Named {
  std::string_view name;
  Variable::Getter get;
};

// A family of variables: the rest of the name is the operand.
struct Family {
  std::string_view prefix;
  Variable::Getter get;
  Variable::JsonGetter get_json = nullptr;
  bool is_field = false;  // the operand names a header field: "user_agent" is "user-agent"
  bool needs_body = false;
};

std::span<const Named> request_variables();     // the request's head
std::span<const Named> connection_variables();  // client, server, process
std::span<const Named> tls_variables();         // the client's TLS session
std::span<const Named> outcome_variables();     // response, times, route, consumer
std::span<const Named> upstream_variables();    // attempts, balancer
std::span<const Family> head_families();        // http_, sent_http_, cookie_, arg_, uri_param_, ...
std::span<const Family> body_families();        // post_arg_, post_arg., graphql_

// ---- helpers

// Present even when empty.
inline std::string_view present(std::string_view text) {
  return text.data() != nullptr ? text : std::string_view("");
}
// Absent when empty.
inline std::string_view or_absent(std::string_view text) {
  return text.empty() ? std::string_view() : text;
}

std::string_view number_text(uint64_t number, Arena& arena);
std::string_view seconds_text(int64_t microseconds, Arena& arena);  // "1.234"; below 0: "0.000"
std::string_view three_digits(int number, Arena& arena);            // the last ones: "007"
std::string_view address_text(const IpAddress& address, Arena& arena);

// All values of a field, joined. `name` is lower case with '_' for '-', and so are names compared.
std::string_view joined_field(const http::Fields& fields, const Operand& name, Arena& arena);

}  // namespace pylon::expr

// The first operation of a GraphQL document: enough to route by it.
//
// Executable definitions only (operations and fragments), the whole document must be well formed.
// Source: GraphQL specification, October 2021, section 2.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace pylon::expr {

struct GraphqlOperation {
  std::string_view operation;  // "query", "mutation", "subscription"; empty: a fragment
  std::string_view name;       // empty: anonymous
  std::vector<std::string_view> root_fields;  // fields and fragment names at the top, not aliases
};

// graphql.max_size: no longer request body is read as GraphQL; 1 MiB unless set. To be set before
// the workers run.
void set_max_graphql_bytes(size_t bytes);
size_t max_graphql_bytes();

// Views into `text`. nullopt: not well formed, empty, or nested too deep.
std::optional<GraphqlOperation> parse_graphql(std::string_view text);

}  // namespace pylon::expr

// How a request was matched: the search of match(), by the same code, with somebody looking on.
// For people who ask why a request takes another route than they thought; not for requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "router/table.h"

namespace pylon::router {

// The first condition of a candidate that did not hold, in the order in which match() asks.
enum class Obstacle : uint8_t {
  none,
  method,
  remote_addr,
  host,
  uri,      // a segment of the path, behind the literal part of the pattern
  content,  // vars or filter_func
};
std::string_view obstacle_name(Obstacle obstacle);  // "vars" for content

// One candidate. The views live as long as the table and the exchange.
struct Trial {
  const void* target;        // of the rule
  std::string_view pattern;  // of those of the rule, the one that led to it
  std::string_view host;     // the host pattern; null when none was looked at
  Obstacle obstacle;         // none: it would take the request
};

struct Explanation {
  Match match;                // what match() gives
  std::vector<Trial> trials;  // in match order; the first without obstacle is the match
};

// Goes on behind the route that is found, so that those it hides are seen too. Of more than `limit`
// trials only the first are told, and the match. The exchange's body counts as known. A rule with
// several patterns may stand there more than once.
Explanation explain(const Table& table, http::Exchange& exchange, size_t limit);

// Why the search has not come to this rule of the table at all: host or uri.
Obstacle obstacle_before_search(const Rule& rule, const http::Exchange& exchange);

}  // namespace pylon::router

// Reads a whole request body into the exchange's arena: Downstream::buffer_body of every version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "async/task.h"
#include "http/downstream.h"

namespace pylon::net {
class Loop;
}

namespace pylon::http {

struct GatherTerms {
  net::Loop& loop;
  int64_t patience_us;  // between two reads; then the body fails with 408
  bool octets_came;     // some are here: the client waits for no 100 (Continue)
};

// `client` is that of the exchange, and has its body replaced by what was gathered.
async::Task<BodyRead> gather_body(Downstream& client, Exchange& exchange, GatherTerms terms,
                                  size_t limit, std::string_view& out);

}  // namespace pylon::http

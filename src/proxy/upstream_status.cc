#include "proxy/upstream_status.h"

#include "expr/variable.h"

namespace pylon::proxy {

void tell_upstream_status(http::Exchange& exchange) {
  static const expr::Variable kStatus = expr::Variable::compile("upstream_status");
  exchange.response.fields.set("X-APISIX-Upstream-Status", kStatus.value(exchange));
}

}  // namespace pylon::proxy

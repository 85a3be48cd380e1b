#include "plugins/request_body.h"

#include "http/downstream.h"

namespace pylon::plugins {

using namespace plugin;

Task<Verdict> read_whole_body(Exchange& exchange, int64_t limit) {
  int64_t& length = exchange.request.content_length;
  if (length > limit) co_return finish(413);
  if (exchange.body_known || !exchange.has_body) co_return proceed();
  http::BodyRead read =
      co_await exchange.downstream->buffer_body(static_cast<size_t>(limit), exchange.body);
  exchange.body_known = true;
  if (read == http::BodyRead::too_large) co_return finish(413);
  if (read == http::BodyRead::failed) {
    int status = exchange.downstream->body_failure();
    co_return finish(status != 0 ? status : 400);  // 0: nobody is there to read the answer
  }
  length = static_cast<int64_t>(exchange.body.size());
  co_return proceed();
}

void put_request_body(Exchange& exchange, std::string_view octets) {
  exchange.body = octets;
  exchange.body_known = true;
  exchange.has_body = true;
  exchange.request.content_length = static_cast<int64_t>(octets.size());
  exchange.downstream->replace_body(octets);
}

}  // namespace pylon::plugins

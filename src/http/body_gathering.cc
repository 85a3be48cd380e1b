#include "http/body_gathering.h"

#include "base/arena_text.h"
#include "net/loop.h"
#include "net/waker.h"

namespace pylon::http {
async::Task<BodyRead> gather_body(Downstream& client, Exchange& exchange, GatherTerms terms,
                                  size_t limit, std::string_view& out) {
  if (exchange.expects_continue && !terms.octets_came) {
    Response go_on(exchange.arena);
    go_on.status = 100;
    if (client.send_interim(go_on) == Push::error) co_return BodyRead::failed;
  }
  exchange.expects_continue = false;
  exchange.request.fields.remove(FieldId::expect);
  ArenaText gathered(exchange.arena);
  for (;;) {
    Chunk chunk = client.request_body().pull();
    if (chunk.state == Pull::error) co_return BodyRead::failed;
    if (chunk.state == Pull::again) {
      net::Wake wake = co_await client.waker().wait(terms.loop.now_us() + terms.patience_us);
      if (wake == net::Wake::timeout) {
        client.fail_body(408);
        co_return BodyRead::failed;
      }
      continue;
    }
    if (gathered.size() + chunk.octets.size() > limit) co_return BodyRead::too_large;
    gathered.append(chunk.octets);
    if (chunk.state == Pull::end) break;
  }
  out = gathered.view();
  client.replace_body(out);
  co_return BodyRead::complete;
}

}  // namespace pylon::http

#include "proxy/tunnel.h"

#include "net/waker.h"
#include "proxy/relay.h"

namespace pylon::proxy {

async::Task<void> run_tunnel(net::Loop& loop, http::Downstream& client, http::UpstreamSide& node,
                             int64_t idle_timeout_us) {
  node.become_tunnel();
  if (client.push({}, false) == http::Push::error) co_return;
  RequestPump up(client, node);
  AnswerPump down(client, node.body());
  bool up_ended = false;
  int64_t progress_us = loop.now_us();
  for (int moves = 0;; moves++) {
    Pumped sent = up_ended ? Pumped::finished : up.pump();
    node.limit_reads(client.room());
    Pumped got = down.finished() ? Pumped::finished : down.pump(nullptr);
    if (sent == Pumped::finished && !up_ended) up_ended = node.finish_writing();
    bool broken = sent == Pumped::source || sent == Pumped::sink || got == Pumped::source ||
                  got == Pumped::sink || client.gone();
    if (client.gone()) node.cut();
    if (broken || (up_ended && got == Pumped::finished)) break;
    if (sent == Pumped::some || got == Pumped::some) {
      progress_us = loop.now_us();
      if (moves < kMoves) continue;
    }
    bool yields = moves >= kMoves;  // others have their turn before more is moved
    int64_t deadline_us = progress_us + (yields ? 0 : idle_timeout_us);
    net::Wake wake = co_await client.waker().wait(deadline_us);
    if (wake == net::Wake::timeout && loop.now_us() >= deadline_us && !yields) break;
    moves = 0;
  }
}

}  // namespace pylon::proxy

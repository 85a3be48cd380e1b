#include "proxy/relay.h"

namespace pylon::proxy {

using http::Chunk;
using http::Pull;
using http::Push;

namespace {

// A trailer section without the empty line that ends it.
std::string_view lines_of(std::string_view section) {
  return section.size() < 2 ? std::string_view{} : section.substr(0, section.size() - 2);
}

// Below this, taking octets along with other reads is cheaper.
constexpr uint64_t kWorthPassing = 32 << 10;

bool worth_passing(const http::Body& source, const http::BodySink& sink) {
  return source.passable() >= kWorthPassing && sink.pipe_room() >= kWorthPassing;
}

// Octets that nobody looks at go from socket to socket. False: not now, they are to be pulled.
bool pass(http::Body& source, http::BodySink& sink, Passed& passed) {
  if (!worth_passing(source, sink)) return false;
  net::PipeLease pipe = net::take_pipe();
  if (pipe == nullptr) return false;
  passed.state = source.pass(*pipe, sink.pipe_room());
  bool moved = passed.state == Pull::data || passed.state == Pull::end;
  if (moved) passed.pushed = sink.push_pipe(std::move(pipe), passed.state == Pull::end);
  return true;
}

}  // namespace

// ---- request

Pumped RequestPump::start(const http::OutgoingHead& head, http::h1::Framing framing,
                          bool has_body) {
  Chunk first{Pull::end, {}};
  if (has_body) first = client_.request_body().pull();
  if (first.state == Pull::error) return Pumped::source;
  body_touched_ = !first.octets.empty();
  bool trailers = has_body && first.state == Pull::end && !client_.request_trailers().empty();
  ended_ = first.state == Pull::end && !trailers;
  Push pushed = upstream_.send_head(head, framing, first.octets, ended_);
  if (pushed != Push::error && trailers) {
    ended_ = true;
    pushed = upstream_.push_trailers(lines_of(client_.request_trailers()));
  }
  return after(pushed);
}

Pumped RequestPump::pump() {
  if (finished_) return Pumped::finished;
  if (upstream_.blocked()) {
    size_t unsent = upstream_.unsent();
    Push flushed = upstream_.flush();
    if (flushed == Push::blocked) {
      return upstream_.unsent() < unsent ? Pumped::some : Pumped::nothing;
    }
    Pumped result = after(flushed);
    if (result != Pumped::some) return result;
  }
  if (Passed passed; pass(client_.request_body(), upstream_, passed)) {
    if (passed.state == Pull::again) return Pumped::nothing;
    if (passed.state == Pull::error) return Pumped::source;
    body_touched_ = true;
    ended_ = passed.state == Pull::end;
    return after(passed.pushed);
  }
  Chunk chunk = client_.request_body().pull();
  switch (chunk.state) {
    case Pull::again:
      return Pumped::nothing;
    case Pull::error:
      return Pumped::source;
    case Pull::data:
    case Pull::end:
      return send(chunk);
  }
  return Pumped::nothing;
}

Pumped RequestPump::send(const Chunk& chunk) {
  if (!chunk.octets.empty()) body_touched_ = true;
  if (chunk.state == Pull::data) return after(upstream_.push(chunk.octets, false));
  ended_ = true;
  std::string_view trailers = client_.request_trailers();
  if (trailers.empty()) return after(upstream_.push(chunk.octets, true));
  if (!chunk.octets.empty() && upstream_.push(chunk.octets, false) == Push::error) {
    return Pumped::sink;
  }
  return after(upstream_.push_trailers(lines_of(trailers)));
}

Pumped RequestPump::after(Push push) {
  if (push == Push::error) return Pumped::sink;
  if (!ended_ || push == Push::blocked) return Pumped::some;
  finished_ = true;
  return Pumped::finished;
}

// ---- answer

Pumped AnswerPump::pump(http::UpstreamSide* upstream) {
  if (finished_) return Pumped::finished;
  size_t room = client_.room();
  if (room == 0) {
    size_t unsent = client_.unsent();
    Push flushed = client_.flush();
    if (flushed == Push::error) return Pumped::sink;
    if (flushed == Push::blocked) {
      return client_.unsent() < unsent ? Pumped::some : Pumped::nothing;
    }
    room = client_.room();
  }
  if (Passed passed; passes_ && pass(source_, client_, passed)) return after(passed);
  if (upstream != nullptr) upstream->limit_reads(room);
  Chunk chunk = source_.pull();
  switch (chunk.state) {
    case Pull::again:
      // The head, if it has not left yet, does so now.
      return client_.push({}, false) == Push::error ? Pumped::sink : Pumped::nothing;
    case Pull::error:
      return Pumped::source;
    case Pull::data:
      if (client_.push(chunk.octets, false) == Push::error) return Pumped::sink;
      passes_ = worth_passing(source_, client_);
      return Pumped::some;
    case Pull::end:
      return finish(chunk.octets, upstream);
  }
  return Pumped::nothing;
}

Pumped AnswerPump::after(const Passed& passed) {
  if (passed.state == Pull::again) return Pumped::nothing;
  if (passed.state == Pull::error) return Pumped::source;
  if (passed.pushed == Push::error) return Pumped::sink;
  finished_ = passed.state == Pull::end;
  return finished_ ? Pumped::finished : Pumped::some;
}

Pumped AnswerPump::finish(std::string_view octets, const http::UpstreamSide* upstream) {
  finished_ = true;
  bool none = upstream == nullptr || without_trailers_;
  std::string_view trailers = none ? std::string_view{} : upstream->trailers();
  Push pushed;
  if (trailers.empty()) {
    pushed = client_.push(octets, true);
  } else {
    pushed = octets.empty() ? Push::done : client_.push(octets, false);
    if (pushed != Push::error) pushed = client_.push_trailers(lines_of(trailers));
  }
  return pushed == Push::error ? Pumped::sink : Pumped::finished;
}

}  // namespace pylon::proxy

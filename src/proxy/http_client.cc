#include "proxy/http_client.h"

#include <algorithm>
#include <cerrno>

#include "base/hash.h"
#include "base/socket_address.h"
#include "http/h1/head_writer.h"
#include "net/tcp_stream.h"

namespace pylon::proxy {

using http::FieldId;
using http::Pull;
using http::h1::ClientCall;
using http::h1::ClientConnection;
using plugin::ClientRequest;
using plugin::ClientResponse;
using plugin::ClientResult;

namespace {

constexpr size_t kHeadRoom = 256;

uint16_t default_port(const ClientRequest& request) { return request.https ? 443 : 80; }

}  // namespace

WorkerHttpClient::Call::Call(net::Loop& loop, const ClientRequest& from)
    : ClientCall(loop),
      request(from),
      deadline_us(loop.now_us() + from.timeout_ms * 1000),
      port(from.port != 0 ? from.port : default_port(from)) {}

bool WorkerHttpClient::Call::fail(Failure::Kind kind, std::string_view text) {
  failure = {kind, text};
  return false;
}

bool WorkerHttpClient::Call::fail() {
  switch (trouble()) {
    case Trouble::timeout:
      return fail(Failure::Kind::timeout, "timeout");
    case Trouble::malformed:
      return fail(Failure::Kind::protocol, reason());
    case Trouble::unreachable:
      if (connection()->error() != EPROTO) break;
      return fail(Failure::Kind::tls, "the TLS handshake failed");  // the error log tells more
    default:
      break;
  }
  return fail(Failure::Kind::connect, reason());
}

WorkerHttpClient::~WorkerHttpClient() {
  for (auto& service : services_) {
    while (!service->idle.empty()) service->idle.front()->end();
  }
}

async::Task<ClientResult> WorkerHttpClient::send(const ClientRequest& request) {
  Call call(loop_, request);
  for (bool fresh : {false, true}) {
    bool connected = co_await connect(call, fresh);
    if (!connected) break;
    ClientResponse response(request.fields.arena());
    bool answered = co_await exchange(call, response);
    if (answered) {
      keep(call);
      co_return std::move(response);
    }
    bool stale =
        call.reused && !call.connection()->began() && call.failure.kind == Failure::Kind::connect;
    if (!stale) break;
  }
  co_return tl::unexpected(call.failure);
}

async::Task<bool> WorkerHttpClient::connect(Call& call, bool fresh) {
  Service& service = service_of(call);
  call.reused = !fresh && !service.idle.empty();
  if (call.reused) {
    call.take(*service.idle.back());
    co_return true;
  }
  std::string host(call.request.host);
  upstream::dns::Resolved resolved;
  if (const upstream::dns::Resolved* known = resolver_.known(host)) {
    resolved = *known;
  } else {
    resolved = co_await resolver_.resolve(host);
  }
  if (resolved.addresses.empty()) {
    co_return call.fail(Failure::Kind::resolve, "the name has no address");
  }
  std::unique_ptr<net::Stream> stream = open(call, resolved.addresses.front());
  if (stream == nullptr) co_return call.fail(Failure::Kind::connect, "no descriptor is free");
  bool connected = co_await call.ClientCall::connect(std::move(stream), call.deadline_us);
  co_return connected || call.fail();
}

std::unique_ptr<net::Stream> WorkerHttpClient::open(const Call& call, const IpAddress& address) {
  SocketAddress to(address, call.port);
  std::unique_ptr<net::Stream> stream = net::TcpStream::connect(loop_, to.get(), to.size());
  if (stream == nullptr || !call.request.https) return stream;
  std::string key(call.request.host);
  key += call.request.ssl_verify ? '!' : '?';
  key += std::to_string(call.port);
  tls::ServerPeer peer{.name = call.request.host,
                       .verify = call.request.ssl_verify,
                       .session_key = hash_guarded(key) | 1};
  return tls_.wrap(loop_, std::move(stream), peer);
}

// Sends the request and reads the answer, head and body.
async::Task<bool> WorkerHttpClient::exchange(Call& call, ClientResponse& response) {
  if (!write(call)) co_return false;
  http::Response head(call.request.fields.arena());
  http::Method method = http::method_of(call.request.method);
  bool answered = co_await call.read_head(method, head, call.deadline_us);
  if (!answered) co_return call.fail();
  response.status = head.status;
  response.fields = head.fields;
  bool read = co_await read_body(call, response);
  co_return read;
}

bool WorkerHttpClient::write(Call& call) {
  const ClientRequest& request = call.request;
  http::h1::HeadWriter head(request.fields.line_octets() + request.target.size() +
                            request.host.size() + kHeadRoom);
  head.text(request.method).text(" ").text(request.target).text(" HTTP/1.1\r\n");
  if (!request.fields.has(FieldId::host)) {
    bool v6 = request.host.find(':') != std::string_view::npos;
    head.text("Host: ").text(v6 ? "[" : "").text(request.host).text(v6 ? "]" : "");
    if (call.port != default_port(request)) head.text(":").number(call.port);
    head.text("\r\n");
  }
  uint64_t skipped =
      http::h1::kHopByHop | http::h1::field_set({FieldId::content_length, FieldId::expect});
  head.fields(request.fields, skipped);
  bool has_body = !request.body.empty() || request.method == "POST" || request.method == "PUT";
  if (has_body) head.text("Content-Length: ").number(request.body.size()).text("\r\n");
  if (!request.keepalive) head.text("Connection: close\r\n");
  head.text("\r\n");
  using http::h1::Framing;
  Framing framing = has_body ? Framing::length : Framing::none;
  return call.send(head.written(), framing, request.body) || call.fail();
}

async::Task<bool> WorkerHttpClient::read_body(Call& call, ClientResponse& response) {
  Arena& arena = call.request.fields.arena();
  char* kept = nullptr;
  size_t size = 0, capacity = 0;
  for (;;) {
    http::Chunk chunk = co_await call.ClientCall::read_body(call.deadline_us);
    if (chunk.state == Pull::error || chunk.state == Pull::again) co_return call.fail();
    size_t needed = size + chunk.octets.size();
    if (needed > call.request.max_body_bytes) {
      co_return call.fail(Failure::Kind::too_large, "the answer is too large");
    }
    if (needed > capacity) {
      capacity = std::max({needed, capacity * 2, size_t{1024}});
      char* bigger = arena.bytes(capacity);
      std::copy(kept, kept + size, bigger);
      kept = bigger;
    }
    std::copy(chunk.octets.begin(), chunk.octets.end(), kept + size);
    size = needed;
    if (chunk.state == Pull::end) break;
  }
  response.body = {kept, size};
  co_return true;
}

void WorkerHttpClient::keep(Call& call) {
  Service& service = service_of(call);
  bool room = service.idle.size() < static_cast<size_t>(std::max(call.request.keepalive_pool, 0));
  if (!call.request.keepalive || !room || !call.connection()->reusable()) return;
  ClientConnection& connection = call.release();
  service.idle.push_back(connection);
  connection.rest(loop_.now_us() + call.request.keepalive_timeout_ms * 1000,
                  &WorkerHttpClient::dropped, this);
}

WorkerHttpClient::Service& WorkerHttpClient::service_of(const Call& call) {
  const ClientRequest& request = call.request;
  for (auto& service : services_) {
    bool same = service->port == call.port && service->https == request.https &&
                service->verified == request.ssl_verify && service->host == request.host;
    if (same) return *service;
  }
  if (services_.size() == kServices) {
    while (!services_.front()->idle.empty()) services_.front()->idle.front()->end();
    services_.erase(services_.begin());
  }
  auto made = std::make_unique<Service>();
  made->host = request.host;
  made->port = call.port;
  made->https = request.https;
  made->verified = request.ssl_verify;
  services_.push_back(std::move(made));
  return *services_.back();
}

}  // namespace pylon::proxy

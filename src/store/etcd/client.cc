#include "store/etcd/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/arena.h"
#include "base/socket_address.h"
#include "http/h1/client_call.h"
#include "http/h1/head_writer.h"
#include "net/tcp_stream.h"
#include "observe/log.h"

namespace pylon::store::etcd {

using http::h1::ClientCall;

namespace {

constexpr size_t kHeadRoom = 512;
constexpr size_t kMaxAnswerBytes = size_t{1} << 30;

}  // namespace

// ---- endpoints

std::string Endpoint::text() const {
  bool v6 = host.find(':') != host.npos;
  return fmt::format("{}://{}{}{}:{}", https ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "",
                     port);
}

Result<Endpoint> Endpoint::parse(std::string_view url) {
  Endpoint endpoint;
  endpoint.https = url.starts_with("https://");
  if (!endpoint.https && !url.starts_with("http://")) {
    return fail("it must begin with http:// or https://");
  }
  url.remove_prefix(endpoint.https ? 8 : 7);
  if (url.ends_with('/')) url.remove_suffix(1);
  size_t end = url.starts_with('[') ? url.find(']') : url.find(':');
  if (url.starts_with('[')) {
    if (end == url.npos) return fail("the bracket of its address is not closed");
    endpoint.host = url.substr(1, end - 1);
    url.remove_prefix(end + 1);
  } else {
    endpoint.host = url.substr(0, end);
    url.remove_prefix(std::min(end, url.size()));
  }
  bool odd = endpoint.host.find_first_of("/?#@ \t\r\n") != endpoint.host.npos;
  if (endpoint.host.empty() || odd) return fail("it names no host");
  if (url.empty()) return endpoint;
  unsigned port = 0;
  auto [last, error] = std::from_chars(url.data() + 1, url.data() + url.size(), port);
  bool whole = error == std::errc{} && last == url.data() + url.size();
  if (url.front() != ':' || !whole || port < 1 || port > 65535) {
    return fail("after the host comes a port, and nothing else");
  }
  endpoint.port = static_cast<uint16_t>(port);
  return endpoint;
}

// ---- one request with one endpoint

class Client::Exchange {
 public:
  Exchange(Client& client, size_t endpoint)
      : client_(client), endpoint_(endpoint), call_(client.loop_) {}

  // Sends it and reads the answer's head. False: trouble() tells.
  async::Task<bool> begin(const std::string& path, const std::string& body, bool stream,
                          int64_t deadline_us);
  enum class Read : uint8_t { data, end, trouble, silent };
  // Appends what comes next.
  async::Task<Read> read(std::string& into, int64_t deadline_us);
  void keep() {
    if (call_.connection()->reusable()) client_.keep(endpoint_, call_.release());
  }

  int status() const { return status_; }
  bool sent() const { return sent_; }  // the endpoint may have acted on it
  const std::string& trouble() const { return trouble_; }

 private:
  async::Task<bool> connect(int64_t deadline_us);
  bool write(const std::string& path, const std::string& body, bool stream);
  bool fail(std::string_view why) {
    trouble_ = fmt::format("{}: {}", client_.options_.endpoints[endpoint_].text(), why);
    return false;
  }

  Client& client_;
  size_t endpoint_;
  ClientCall call_;
  Arena arena_;
  int status_ = 0;
  bool sent_ = false;
  std::string trouble_;
};

async::Task<bool> Client::Exchange::connect(int64_t deadline_us) {
  IntrusiveList<Connection>& idle = *client_.idle_[endpoint_];
  while (!idle.empty()) {
    Connection& known = *idle.back();
    if (known.stirred(true)) {
      known.end();
      continue;
    }
    call_.take(known);
    co_return true;
  }
  const Endpoint& endpoint = client_.options_.endpoints[endpoint_];
  std::vector<IpAddress> addresses;
  if (auto literal = IpAddress::parse(endpoint.host)) {
    addresses.push_back(*literal);
  } else {
    async::Task<std::vector<IpAddress>> resolving = client_.resolve_(endpoint.host);
    addresses = co_await resolving;
  }
  if (addresses.empty()) co_return fail("the name has no address");
  SocketAddress to(addresses.front(), endpoint.port);
  std::unique_ptr<net::Stream> stream = net::TcpStream::connect(client_.loop_, to.get(), to.size());
  if (stream == nullptr) co_return fail(std::strerror(errno));
  if (endpoint.https) {
    const ClientOptions& options = client_.options_;
    bool shows = !options.identity.certificate.empty();
    stream = client_.tls_->wrap(client_.loop_, std::move(stream),
                                {.name = options.sni.empty() ? endpoint.host : options.sni,
                                 .verify = options.verify,
                                 .identity = shows ? &client_.identity_ : nullptr});
    if (stream == nullptr) co_return fail("the certificate of tls.cert cannot be used");
  }
  auto* tls = endpoint.https ? static_cast<tls::Stream*>(stream.get()) : nullptr;
  async::Task<bool> connecting = call_.connect(std::move(stream), deadline_us);
  bool connected = co_await connecting;
  if (connected) co_return true;
  if (tls != nullptr && !tls->failure().empty()) {
    co_return fail("TLS handshake: " + tls->failure());
  }
  co_return fail(call_.reason());
}

bool Client::Exchange::write(const std::string& path, const std::string& body, bool stream) {
  const Endpoint& endpoint = client_.options_.endpoints[endpoint_];
  std::string_view token = client_.token_.expose();
  http::h1::HeadWriter head(path.size() + endpoint.host.size() + token.size() + kHeadRoom);
  bool v6 = endpoint.host.find(':') != endpoint.host.npos;
  head.text("POST ").text(path).text(" HTTP/1.1\r\nHost: ");
  head.text(v6 ? "[" : "").text(endpoint.host).text(v6 ? "]" : "").text(":");
  head.number(endpoint.port).text("\r\nContent-Type: application/json\r\n");
  // A member that has lost its leader ends the stream then, rather than keep silent.
  if (stream) head.text("Grpc-Metadata-hasleader: true\r\n");
  if (!token.empty()) head.field("Authorization", token);
  head.text("Content-Length: ").number(body.size()).text("\r\n\r\n");
  sent_ = true;
  bool written = call_.send(head.written(), http::h1::Framing::length, body);
  return written || fail(call_.reason());
}

async::Task<bool> Client::Exchange::begin(const std::string& path, const std::string& body,
                                          bool stream, int64_t deadline_us) {
  async::Task<bool> connecting = connect(deadline_us);
  bool connected = co_await connecting;
  if (!connected || !write(path, body, stream)) co_return false;
  http::Response head(arena_);
  async::Task<bool> asking = call_.read_head(http::Method::post, head, deadline_us);
  bool answered = co_await asking;
  if (!answered) co_return fail(call_.reason());
  status_ = head.status;
  co_return true;
}

async::Task<Client::Exchange::Read> Client::Exchange::read(std::string& into, int64_t deadline_us) {
  async::Task<http::Chunk> reading = call_.read_body(deadline_us);
  http::Chunk chunk = co_await reading;
  into.append(chunk.octets);
  if (chunk.state == http::Pull::data) co_return Read::data;
  if (chunk.state == http::Pull::end) co_return Read::end;
  if (chunk.state == http::Pull::again) co_return Read::silent;
  fail(call_.reason());
  co_return Read::trouble;
}

// ---- calls

Client::Client(net::Loop& loop, ClientOptions options, Resolve resolve)
    : loop_(loop), options_(std::move(options)), resolve_(std::move(resolve)) {
  for (size_t i = 0; i < options_.endpoints.size(); ++i) {
    idle_.push_back(std::make_unique<IntrusiveList<Connection>>());
  }
}

Result<std::unique_ptr<Client>> Client::make(net::Loop& loop, ClientOptions options,
                                             Resolve resolve) {
  std::unique_ptr<Client> client(new Client(loop, std::move(options), std::move(resolve)));
  auto context = tls::ClientContext::make(client->options_.trust);
  if (!context) return tl::unexpected(context.error());
  client->tls_ = std::move(*context);
  client->identity_.serial = tls::next_identity_serial();
  client->identity_.pair = client->options_.identity;
  return client;
}

Client::~Client() {
  for (auto& list : idle_) {
    while (!list->empty()) list->front()->end();
  }
}

void Client::keep(size_t endpoint, Connection& connection) {
  IntrusiveList<Connection>& idle = *idle_[endpoint];
  if (idle.size() >= kIdle) return connection.end();
  idle.push_back(connection);
  connection.rest(loop_.now_us() + kIdleUs, &Client::dropped, this);
}

void Client::avoid(size_t endpoint) {
  if (current_ != endpoint || options_.endpoints.size() == 1) return;
  current_ = (endpoint + 1) % options_.endpoints.size();
}

int64_t Client::try_until(int64_t deadline_us, int64_t whole_ms) const {
  if (options_.endpoints.size() == 1) return deadline_us;
  auto count = static_cast<int64_t>(options_.endpoints.size());
  int64_t share_ms = std::clamp(whole_ms / count, kShortestTryMs, kLongestTryMs);
  return std::min(deadline_us, loop_.now_us() + share_ms * 1000);
}

// The whole answer of one endpoint.
async::Task<Answer<std::string>> Client::ask(size_t endpoint, const std::string& path,
                                             const std::string& body, int64_t deadline_us,
                                             bool& sent) {
  Exchange exchange(*this, endpoint);
  async::Task<bool> beginning = exchange.begin(path, body, false, deadline_us);
  bool begun = co_await beginning;
  sent = exchange.sent();
  if (!begun) co_return tl::unexpected(Refusal{Fault::unavailable, exchange.trouble()});
  std::string text;
  for (;;) {
    async::Task<Exchange::Read> reading = exchange.read(text, deadline_us);
    Exchange::Read read = co_await reading;
    if (read == Exchange::Read::end) break;
    if (read != Exchange::Read::data || text.size() > kMaxAnswerBytes) {
      std::string why = read == Exchange::Read::trouble ? exchange.trouble() : "no answer in time";
      co_return tl::unexpected(Refusal{Fault::unavailable, std::move(why)});
    }
  }
  exchange.keep();
  if (exchange.status() == 200) co_return text;
  co_return tl::unexpected(read_refusal(exchange.status(), text));
}

async::Task<Answer<void>> Client::authenticate(size_t endpoint, int64_t deadline_us) {
  token_ = Secret();
  bool sent = false;
  std::string path = "/v3/auth/authenticate";
  std::string body = authenticate_request(options_.user, options_.password);
  async::Task<Answer<std::string>> asking = ask(endpoint, path, body, deadline_us, sent);
  Answer<std::string> text = co_await asking;
  if (!text) co_return tl::unexpected(text.error());
  Result<Json> parsed = Json::parse(*text);
  Outcome<Secret> token = read_token(parsed ? *parsed : Json());
  if (!token) co_return tl::unexpected(Refusal{Fault::unavailable, token.error().message});
  token_ = std::move(*token);
  co_return Answer<void>{};
}

async::Task<Answer<Json>> Client::call(std::string path, std::string body, Repeat repeat,
                                       int64_t timeout_ms) {
  int64_t whole_ms = timeout_ms != 0 ? timeout_ms : options_.timeout_ms;
  int64_t deadline_us = loop_.now_us() + whole_ms * 1000;
  Refusal last;
  bool renewed = false;
  for (size_t tries = 0; tries < options_.endpoints.size() && loop_.now_us() < deadline_us;) {
    size_t endpoint = current_;
    bool sent = false;
    Answer<std::string> text;
    if (!options_.user.empty() && token_.empty()) {
      async::Task<Answer<void>> proving = authenticate(endpoint, try_until(deadline_us, whole_ms));
      Answer<void> proved = co_await proving;
      if (!proved) text = tl::unexpected(proved.error());
    }
    if (text) {
      async::Task<Answer<std::string>> asking =
          ask(endpoint, path, body, try_until(deadline_us, whole_ms), sent);
      text = co_await asking;
    }
    if (text) {
      Result<Json> parsed = Json::parse(*text, {.max_depth = 32, .max_bytes = kMaxAnswerBytes});
      if (parsed) co_return std::move(*parsed);
      text = tl::unexpected(Refusal{Fault::unavailable, "no JSON: " + parsed.error().message});
    }
    last = std::move(text.error());
    if (last.fault == Fault::unauthenticated && !options_.user.empty() && !renewed) {
      renewed = true;
      token_ = Secret();
      continue;
    }
    if (last.fault != Fault::unavailable) break;
    avoid(endpoint);
    ++tries;
    bool without_effect = !sent || last.message.find("no leader") != last.message.npos;
    if (repeat == Repeat::never && !without_effect) break;
  }
  co_return tl::unexpected(std::move(last));
}

async::Task<Answer<std::unique_ptr<Client::Stream>>> Client::open(std::string path,
                                                                  std::string body) {
  size_t endpoint = current_;
  int64_t deadline_us = try_until(loop_.now_us() + options_.timeout_ms * 1000, options_.timeout_ms);
  if (!options_.user.empty() && token_.empty()) {
    async::Task<Answer<void>> proving = authenticate(endpoint, deadline_us);
    Answer<void> proved = co_await proving;
    if (!proved) co_return tl::unexpected(std::move(proved.error()));
  }
  auto exchange = std::make_unique<Exchange>(*this, endpoint);
  async::Task<bool> beginning = exchange->begin(path, body, true, deadline_us);
  bool begun = co_await beginning;
  if (!begun) {
    avoid(endpoint);
    co_return tl::unexpected(Refusal{Fault::unavailable, exchange->trouble()});
  }
  if (exchange->status() == 200) co_return std::make_unique<Stream>(std::move(exchange), endpoint);
  std::string text;
  async::Task<Exchange::Read> reading = exchange->read(text, deadline_us);
  co_await reading;
  Refusal refusal = read_refusal(exchange->status(), text);
  if (refusal.fault == Fault::unauthenticated) {
    token_ = Secret();
  } else {
    avoid(endpoint);
  }
  co_return tl::unexpected(std::move(refusal));
}

// ---- streams

Client::Stream::Stream(std::unique_ptr<Exchange> exchange, size_t endpoint)
    : exchange_(std::move(exchange)), endpoint_(endpoint) {}

Client::Stream::~Stream() = default;

async::Task<Client::Stream::Line> Client::Stream::next(int64_t deadline_us) {
  for (;;) {
    size_t end = pending_.find('\n', searched_);
    if (end != pending_.npos) {
      Line line{Got::line, pending_.substr(0, end)};
      pending_.erase(0, end + 1);
      searched_ = 0;
      co_return line;
    }
    searched_ = pending_.size();
    if (pending_.size() > kMaxLineBytes) co_return Line{Got::end, "a line without an end"};
    async::Task<Exchange::Read> reading = exchange_->read(pending_, deadline_us);
    Exchange::Read read = co_await reading;
    if (read == Exchange::Read::trouble) co_return Line{Got::end, exchange_->trouble()};
    if (read == Exchange::Read::end) co_return Line{Got::end, "it ended the stream"};
    if (read == Exchange::Read::silent) co_return Line{Got::silent, "nothing came"};
  }
}

}  // namespace pylon::store::etcd

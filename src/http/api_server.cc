#include "http/api_server.h"

#include "base/strings.h"
#include "http/h1/head_writer.h"
#include "http/uri.h"
#include "net/waker.h"
#include "tls/stream.h"

namespace pylon::http {
namespace {

// Fills all but the body; false when the target is no path.
bool describe(Exchange& exchange, ApiRequest& request) {
  Request& from = exchange.request;
  Uri uri;
  if (parse_target(from.target, from.method, {}, exchange.arena, uri) != UriError::none) {
    return false;
  }
  request.method = from.method_text;
  request.path = uri.path;
  request.query = uri.args;
  for (const Field& field : from.fields) {
    if (!field.removed()) request.fields.emplace_back(field.name(), field.value());
  }
  request.remote = exchange.client.address;
  return true;
}

// What is wrong with the client's certificate, in nginx's words; null: nothing.
const char* complaint_about(const tls::Stream* stream) {
  switch (stream == nullptr ? tls::PeerVerdict::none : stream->agreed().verdict()) {
    case tls::PeerVerdict::verified:
      return nullptr;
    case tls::PeerVerdict::none:
      return "No required SSL certificate was sent\n";
    default:
      return "The SSL certificate error\n";
  }
}

void answer(Exchange& exchange, const ApiResponse& response) {
  exchange.response.status = response.status;
  for (const auto& [name, value] : response.fields) exchange.response.fields.add(name, value);
  bool whole = response.rest == nullptr;
  exchange.downstream->start_response(whole ? static_cast<int64_t>(response.body.size()) : -1);
  (void)exchange.downstream->push(response.body, whole);
}

}  // namespace

// Counts a request, however its task ends.
class ApiService::UnderWay {
 public:
  explicit UnderWay(ApiService& service) : service_(service) { ++service_.under_way_; }
  ~UnderWay() { --service_.under_way_; }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  ApiService& service_;
};

async::Task<void> ApiService::serve(Exchange& exchange) {
  UnderWay under_way(*this);
  ApiRequest request;
  ApiResponse response;
  if (exchange.refusal != 0 || !describe(exchange, request)) {
    response.status = exchange.refusal != 0 ? exchange.refusal : 400;
    response.body = h1::status_phrase(response.status);
    answer(exchange, response);
    co_return;
  }
  if (const char* complaint = certificates_ ? complaint_about(exchange.tls) : nullptr) {
    response = {400, {{"Content-Type", "text/plain"}}, complaint};
    answer(exchange, response);
    co_return;
  }
  std::string_view body;
  BodyRead read = co_await exchange.downstream->buffer_body(body_limit_, body);
  if (read == BodyRead::failed) {
    exchange.downstream->abort();
    co_return;
  }
  request.body_too_large = read == BodyRead::too_large;
  request.body_bytes = exchange.request.content_length > 0
                           ? static_cast<uint64_t>(exchange.request.content_length)
                           : body.size();
  if (read == BodyRead::complete) request.body = body;
  response = co_await handler_(request);
  answer(exchange, response);
  if (response.rest == nullptr) co_return;
  async::Task<void> sending = send_rest(*exchange.downstream, *response.rest);
  co_await sending;
}

async::Task<void> ApiService::send_rest(Downstream& client, ApiPieces& pieces) {
  for (;;) {
    async::Task<bool> waiting = await_room(client);
    bool room = co_await waiting;
    if (!room) break;
    async::Task<std::optional<std::string>> making = pieces.next();
    std::optional<std::string> piece = co_await making;
    if (!piece || client.push(*piece, piece->empty()) == Push::error) break;
    if (piece->empty()) co_return;
  }
  client.abort();
}

// False: the client has left, or reads nothing.
async::Task<bool> ApiService::await_room(Downstream& client) {
  while (!client.gone()) {
    if (!client.blocked()) co_return true;
    Push flushed = client.flush();
    if (flushed == Push::error) co_return false;
    if (flushed == Push::done) continue;
    net::Wake wake = co_await client.waker().wait(loop_.now_us() + kPatienceUs);
    if (wake == net::Wake::timeout && !client.delivering()) co_return false;
  }
  co_return false;
}

std::string_view ApiRequest::field(std::string_view name) const {
  for (const auto& [field_name, value] : fields) {
    if (iequals(field_name, name)) return value;
  }
  return {};
}

bool ApiRequest::argument(std::string_view name, std::string& value) const {
  Arena arena;
  std::string_view found = find_argument(query, name, arena);
  if (found.data() == nullptr) return false;
  value = found;
  return true;
}

}  // namespace pylon::http

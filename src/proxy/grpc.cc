#include "proxy/grpc.h"

#include "base/strings.h"
#include "http/h1/head_writer.h"

namespace pylon::proxy {
namespace {

constexpr std::string_view kType = "application/grpc";
constexpr std::string_view kDeadlineExceeded = "4";
constexpr size_t kMaxMessage = 1024;

std::string_view code_of(int status) {
  switch (status) {
    case 400:
      return "13";  // INTERNAL
    case 401:
      return "16";  // UNAUTHENTICATED
    case 403:
      return "7";  // PERMISSION_DENIED
    case 404:
      return "12";  // UNIMPLEMENTED
    case 413:
      return "8";  // RESOURCE_EXHAUSTED
    case 429:
    case 502:
    case 503:
    case 504:
      return "14";  // UNAVAILABLE
    default:
      return "2";  // UNKNOWN
  }
}

// Everything but visible ASCII is escaped, and so is '%'.
std::string_view escaped(std::string_view text, Arena& arena) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  text = trim(text.substr(0, kMaxMessage));
  char* start = arena.bytes(text.size() * 3);
  char* at = start;
  for (char c : text) {
    auto octet = static_cast<uint8_t>(c);
    if (octet >= 0x20 && octet < 0x7f && c != '%') {
      *at++ = c;
    } else {
      *at++ = '%';
      *at++ = kHex[octet >> 4];
      *at++ = kHex[octet & 15];
    }
  }
  return {start, static_cast<size_t>(at - start)};
}

}  // namespace

bool is_grpc(const http::Request& request) {
  if (request.version != http::Version::http2) return false;
  std::string_view type = request.fields.get(http::FieldId::content_type);
  if (!type.starts_with(kType)) return false;
  return type.size() == kType.size() || type[kType.size()] == '+' || type[kType.size()] == ';';
}

std::optional<int64_t> grpc_timeout_us(const http::Request& request) {
  constexpr size_t kMostDigits = 8;
  std::string_view text = request.fields.get("grpc-timeout");
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  std::optional<uint64_t> amount = parse_uint(text.substr(0, text.size() - 1));
  if (!amount) return std::nullopt;
  auto count = static_cast<int64_t>(*amount);
  switch (text.back()) {
    case 'H':
      return count * 3'600'000'000;
    case 'M':
      return count * 60'000'000;
    case 'S':
      return count * 1'000'000;
    case 'm':
      return count * 1000;
    case 'u':
      return count;
    case 'n':
      return count / 1000;
    default:
      return std::nullopt;
  }
}

void answer_as_grpc(http::Exchange& exchange, std::string_view message, bool late) {
  http::Response& response = exchange.response;
  if (message.empty()) message = http::h1::status_phrase(response.status);
  response.fields.set("grpc-status", late ? kDeadlineExceeded : code_of(response.status));
  response.fields.set("grpc-message", escaped(message, exchange.arena));
  response.fields.set(http::FieldId::content_type, kType);
  response.status = 200;
  response.content_length = -1;
}

std::string_view late_trailers() { return "grpc-status: 4\r\ngrpc-message: Gateway Time-out\r\n"; }

}  // namespace pylon::proxy

#include "http/exchange.h"

namespace pylon::http {

Method method_of(std::string_view token) {
  switch (token.size()) {
    case 3:
      if (token == "GET") return Method::get;
      if (token == "PUT") return Method::put;
      break;
    case 4:
      if (token == "POST") return Method::post;
      if (token == "HEAD") return Method::head;
      break;
    case 5:
      if (token == "PATCH") return Method::patch;
      if (token == "PURGE") return Method::purge;
      if (token == "TRACE") return Method::trace;
      break;
    case 6:
      if (token == "DELETE") return Method::delete_;
      break;
    case 7:
      if (token == "OPTIONS") return Method::options;
      if (token == "CONNECT") return Method::connect;
      break;
    default:
      break;
  }
  return Method::other;
}

std::string_view version_text(Version version) {
  switch (version) {
    case Version::http10:
      return "HTTP/1.0";
    case Version::http11:
      return "HTTP/1.1";
    case Version::http2:
      return "HTTP/2.0";
    case Version::http3:
      return "HTTP/3.0";
  }
  return {};
}

std::string_view host_text(const Request& request) {
  std::string_view text = request.fields.get(FieldId::host);
  return text.empty() ? request.host : text;
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::put:
    case Method::delete_:
    case Method::options:
    case Method::trace:
      return true;
    default:
      return false;
  }
}

int UpstreamTrace::add(const Attempt& attempt, Arena& arena) {
  if (count >= kMaxAttempts) return count - 1;
  bool full = (count & (count - 1)) == 0;  // room for 1, 2, 4, ... attempts
  if (full) {
    int room = count == 0 ? 1 : count * 2;
    auto* more = arena.make_array<Attempt>(static_cast<size_t>(room));
    for (int i = 0; i < count; i++) more[i] = attempts[i];
    attempts = more;
  }
  attempts[count] = attempt;
  return count++;
}

}  // namespace pylon::http

#include "http/h2/head.h"

#include <cstring>
#include <optional>

#include "base/ids.h"
#include "base/strings.h"
#include "http/h1/message.h"
#include "http/scan.h"

namespace pylon::http::h2 {
namespace {

constexpr uint64_t kConnectionFields =
    h1::field_set({FieldId::connection, FieldId::keep_alive, FieldId::proxy_connection,
                   FieldId::transfer_encoding, FieldId::upgrade});

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool sound_name(std::string_view name) {
  if (name.empty() || name.size() > 0xffff) return false;
  for (char c : name) {
    if (!is_token_octet(c) || (c >= 'A' && c <= 'Z')) return false;
  }
  return true;
}

bool sound_value(std::string_view value) {
  if (value.empty()) return true;
  if (is_blank(value.front()) || is_blank(value.back())) return false;
  return span<ValueClass>(value) == value.size();
}

bool visible(std::string_view text) { return span<TargetClass>(text) == text.size(); }

bool sound_scheme(std::string_view scheme) {
  if (scheme.empty() || !is_alpha(scheme[0])) return false;
  for (char c : scheme) {
    if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return false;
  }
  return true;
}

bool sound_authority(std::string_view authority) {
  return visible(authority) && authority.find_first_of("/?#@\\") == std::string_view::npos;
}

bool sound_method(std::string_view method) {
  return !method.empty() && span<TokenClass>(method) == method.size();
}

}  // namespace

const char* fault_of(const FieldLine& line, FieldId id) {
  if (!sound_name(line.name)) return "an invalid field name";
  if (!sound_value(line.value)) return "an invalid field value";
  if (h1::in_set(kConnectionFields, id)) return "a field about the connection";
  if (id == FieldId::te && !iequals(line.value, "trailers")) return "TE other than trailers";
  return nullptr;
}

void add_copy(Fields& fields, FieldId id, const FieldLine& line) {
  size_t name = line.name.size(), value = line.value.size();
  char* at = fields.arena().bytes(name + value + 4);
  char* value_at = at + name + 2;
  std::memcpy(at, line.name.data(), name);
  std::memcpy(at + name, ": ", 2);
  if (value != 0) std::memcpy(value_at, line.value.data(), value);
  std::memcpy(value_at + value, "\r\n", 2);
  fields.push(id, {at, name}, {value_at, value});
}

void merge_cookies(Fields& fields) {
  if (!fields.repeated(FieldId::cookie)) return;
  size_t size = 0;
  for (const Field& field : fields) {
    if (field.id == FieldId::cookie && !field.removed()) size += field.value_size + 2;
  }
  char* start = fields.arena().bytes(size);
  char* at = start;
  for (const Field& field : fields) {
    if (field.id != FieldId::cookie || field.removed() || field.value_size == 0) continue;
    if (at != start) {
      *at++ = ';';
      *at++ = ' ';
    }
    std::memcpy(at, field.value_data, field.value_size);
    at += field.value_size;
  }
  fields.set(FieldId::cookie, {start, static_cast<size_t>(at - start)});
}

// ---- requests

void RequestHead::field(const FieldLine& line, const h1::HeadLimits& limits, Exchange& exchange) {
  if (malformed_ != nullptr) return;
  octets_ += static_cast<uint32_t>(listed_octets(line));
  if (octets_ > limits.head_bytes && exchange.refusal == 0) {
    exchange.refusal = 431;
    exchange.refusal_reason = "the head is larger than allowed";
  }
  if (line.name.starts_with(':')) {
    if (regular_) return malformed("a pseudo-header field after others");
    return pseudo(line, limits, exchange);
  }
  regular_ = true;
  keep(line, limits, exchange);
}

void RequestHead::pseudo(const FieldLine& line, const h1::HeadLimits& limits, Exchange& exchange) {
  Request& request = exchange.request;
  Pseudo which;
  bool sound;
  if (line.name == ":method") {
    which = kMethod;
    sound = sound_method(line.value);
  } else if (line.name == ":path") {
    which = kPath;
    sound = !line.value.empty() && visible(line.value);
  } else if (line.name == ":authority") {
    which = kAuthority;
    sound = sound_authority(line.value);
  } else if (line.name == ":scheme") {
    which = kScheme;
    sound = sound_scheme(line.value);
  } else if (line.name == ":protocol") {
    which = kProtocol;
    sound = sound_method(line.value);
  } else {
    return malformed("an unknown pseudo-header field");
  }
  if (!sound) return malformed("an invalid pseudo-header field");
  if (seen_ & which) return malformed("a pseudo-header field twice");
  seen_ |= which;
  if (line.value.size() > limits.line_bytes && exchange.refusal == 0) {
    exchange.refusal = 414;
    exchange.refusal_reason = "the uri is longer than allowed";
  }
  if (exchange.refusal != 0) return;
  std::string_view value = exchange.arena.copy(line.value);
  if (which == kMethod) {
    request.method_text = value;
    request.method = method_of(value);
  } else if (which == kPath) {
    request.target = value;
  } else if (which == kAuthority) {
    authority_ = value;
  } else if (which == kProtocol) {
    protocol_ = value;
  }
}

void RequestHead::keep(const FieldLine& line, const h1::HeadLimits& limits, Exchange& exchange) {
  if (exchange.refusal != 0) return;  // an octet may stand for thousands: no further look at them
  FieldId id = field_id(line.name);
  if (const char* why = fault_of(line, id); why != nullptr) return malformed(why);
  bool too_long = line.name.size() + line.value.size() + 4 > limits.field_bytes;
  if (too_long || ++count_ > limits.fields) {
    exchange.refusal = 431;
    exchange.refusal_reason = too_long ? "a field is longer than allowed" : "too many fields";
    return;
  }
  if (!limits.underscores && line.name.find('_') != std::string_view::npos) return;
  add_copy(exchange.request.fields, id, line);
}

const char* RequestHead::finish(bool end_stream, Exchange& exchange) {
  if (malformed_ != nullptr) return malformed_;
  if (exchange.refusal != 0) return nullptr;
  Request& request = exchange.request;
  request.version = Version::http2;
  if ((seen_ & kMethod) == 0) return "no :method";
  if (const char* why = check_target(request); why != nullptr) return why;
  if (const char* why = check_host(request); why != nullptr) return why;
  merge_cookies(request.fields);
  if (const char* why = check_length(end_stream, exchange); why != nullptr) return why;
  exchange.has_body |= !end_stream;
  if (asks_for_tunnel()) become_upgrade(exchange);
  if (!request.fields.has(FieldId::host)) {
    exchange.refusal = 400;
    exchange.refusal_reason = "neither :authority nor Host";
  }
  return nullptr;
}

const char* RequestHead::check_target(Request& request) const {
  bool connects = request.method == Method::connect;
  if (asks_for_tunnel() && !connects) return ":protocol without CONNECT";
  if (asks_for_tunnel() && authority_.empty()) return ":protocol without :authority";
  if (connects && !asks_for_tunnel()) {
    if (seen_ != (kMethod | kAuthority)) return "CONNECT is with :authority only";
    request.target = authority_;
    return nullptr;
  }
  if ((seen_ & (kScheme | kPath)) != (kScheme | kPath)) return "no :scheme or no :path";
  bool asterisk = request.target == "*" && request.method == Method::options;
  if (request.target[0] != '/' && !asterisk) return "an invalid :path";
  return nullptr;
}

// RFC 8441 section 5: what an HTTP/1 upstream has to be asked. HTTP/2 has no key: it gets ours.
void RequestHead::become_upgrade(Exchange& exchange) const {
  Request& request = exchange.request;
  if (protocol_ != "websocket") {
    exchange.refusal = 501;
    exchange.refusal_reason = "a :protocol other than websocket";
    return;
  }
  request.method = Method::get;
  request.method_text = "GET";
  request.content_length = -1;
  request.fields.remove(FieldId::content_length);
  exchange.has_body = false;
  exchange.wants_upgrade = true;
  char key[16];
  random_bytes(key, sizeof key);
  std::string text = base64_encode({key, sizeof key});
  request.fields.set(FieldId::sec_websocket_key, exchange.arena.copy(text));
  request.fields.set(FieldId::upgrade, protocol_);
}

// One Host field, that of :authority.
const char* RequestHead::check_host(Request& request) const {
  if (request.fields.repeated(FieldId::host)) return "several Host fields";
  if (authority_.empty()) return nullptr;
  if (request.fields.has(FieldId::host)) {
    if (!iequals(request.fields.get(FieldId::host), authority_)) return ":authority is not Host";
    return nullptr;
  }
  request.fields.add(FieldId::host, authority_);
  return nullptr;
}

const char* RequestHead::check_length(bool end_stream, Exchange& exchange) const {
  Request& request = exchange.request;
  bool connects = request.method == Method::connect && !asks_for_tunnel();
  if (connects && request.fields.has(FieldId::content_length)) {
    return "CONNECT with Content-Length";  // it has no content: what follows is the tunnel's
  }
  if (request.fields.has(FieldId::content_length)) {
    if (request.fields.repeated(FieldId::content_length)) return "several Content-Length fields";
    std::string_view digits = request.fields.get(FieldId::content_length);
    std::optional<int64_t> length = parse_int(digits);
    if (!length || !is_digit(digits[0])) return "an invalid Content-Length";
    if (end_stream && *length != 0) return "END_STREAM before the announced body";
    request.content_length = *length;
    exchange.has_body = true;
  } else if (end_stream && (request.method == Method::post || request.method == Method::put ||
                            request.method == Method::patch)) {
    request.content_length = 0;  // RFC 9110 8.6: HTTP/1 says so for methods that expect a body
    exchange.has_body = true;
  }
  if (!request.fields.has(FieldId::expect)) return nullptr;
  if (!iequals(request.fields.get(FieldId::expect), "100-continue")) {
    exchange.refusal = 417;
    exchange.refusal_reason = "unknown expectation";
  } else if (end_stream) {
    request.fields.remove(FieldId::expect);
  } else {
    exchange.expects_continue = true;
  }
  return nullptr;
}

// ---- trailers

void TrailerSection::field(const FieldLine& line, const h1::HeadLimits& limits) {
  if (malformed_ != nullptr) return;
  FieldId id = field_id(line.name);
  malformed_ = fault_of(line, id);
  if (malformed_ == nullptr && h1::forbidden_in_trailer(id)) malformed_ = "a field in the trailers";
  if (malformed_ == nullptr && text_.size() + listed_octets(line) > limits.head_bytes) {
    malformed_ = "trailers larger than allowed";
  }
  if (malformed_ != nullptr) return;
  text_.append(line.name).append(": ").append(line.value).append("\r\n");
}

const char* TrailerSection::finish() {
  if (!text_.empty()) text_ += "\r\n";
  return malformed_;
}

}  // namespace pylon::http::h2

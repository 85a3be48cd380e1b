#include "http/h1/parser.h"

#include <algorithm>
#include <cstring>

#include "http/field_table.h"
#include "http/scan.h"

namespace pylon::http::h1 {
namespace {

constexpr ptrdiff_t kMaxNameBytes = 65535;  // as many as a Field counts
constexpr int kMaxEmptyLines = 4;  // RFC 9112 2.2: before the request line, some clients send one

enum class Side : bool { request, response };

ParseResult incomplete() { return {Parse::incomplete}; }
[[gnu::cold]] ParseResult refuse(uint16_t status, const char* reason) {
  return {Parse::error, 0, status, reason};
}

// Where the parser stands in the input.
struct Cursor {
  const char* start;
  const char* at;
  const char* end;

  bool done() const { return at == end; }
  template <class Class>
  void skip_all() {
    at = skip<Class>(at, end, start);
  }
  uint32_t offset() const { return static_cast<uint32_t>(at - start); }
  // `at` stands on what should be CRLF. complete: behind it.
  Parse take_crlf() {
    if (at == end) return Parse::incomplete;
    if (*at != '\r') return Parse::error;
    if (at + 1 == end) return Parse::incomplete;
    if (at[1] != '\n') return Parse::error;
    at += 2;
    return Parse::complete;
  }
};

// "HTTP/1.x" at the cursor. complete: `minor` is set and the cursor is behind the digit.
Parse take_version(Cursor& cursor, int& major, int& minor) {
  constexpr std::string_view kName = "HTTP/";
  size_t left = static_cast<size_t>(cursor.end - cursor.at);
  if (left >= 8 && std::memcmp(cursor.at, "HTTP/1.1", 8) == 0) {
    major = minor = 1;
    cursor.at += 8;
    return Parse::complete;
  }
  size_t same = std::min(left, kName.size());
  if (std::memcmp(cursor.at, kName.data(), same) != 0) return Parse::error;
  if (left < 8) return Parse::incomplete;
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!digit(cursor.at[5]) || cursor.at[6] != '.' || !digit(cursor.at[7])) return Parse::error;
  major = cursor.at[5] - '0';
  minor = cursor.at[7] - '0';
  cursor.at += 8;
  return Parse::complete;
}

ParseResult parse_request_line(Cursor& cursor, const HeadLimits& limits, Request& request) {
  const char* line = cursor.at;
  cursor.skip_all<TokenClass>();
  if (cursor.at - line > 32) return refuse(400, "method too long");
  if (cursor.done()) return incomplete();
  if (*cursor.at != ' ' || cursor.at == line) return refuse(400, "invalid method");
  request.method_text = {line, static_cast<size_t>(cursor.at - line)};
  const char* target = ++cursor.at;
  cursor.skip_all<TargetClass>();
  if (cursor.at - line > limits.line_bytes) return refuse(414, "request line too long");
  if (cursor.done()) return incomplete();
  if (*cursor.at != ' ' || cursor.at == target) return refuse(400, "invalid request target");
  request.target = {target, static_cast<size_t>(cursor.at - target)};
  cursor.at++;
  int major, minor;
  Parse version = take_version(cursor, major, minor);
  if (version == Parse::incomplete) return incomplete();
  if (version == Parse::error) return refuse(400, "invalid version");
  if (major != 1) return refuse(505, "version not supported");
  request.version = minor == 0 ? Version::http10 : Version::http11;
  Parse crlf = cursor.take_crlf();
  if (crlf == Parse::error) return refuse(400, "request line does not end with CRLF");
  if (cursor.at - line > limits.line_bytes) return refuse(414, "request line too long");
  request.method = method_of(request.method_text);
  return {crlf};
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }
// Whether an octet of a value is no blank.
bool is_above_space(char c) { return static_cast<uint8_t>(c) > ' '; }

// Trims OWS at both ends.
std::string_view trimmed(const char* from, const char* to) {
  while (from < to && is_blank(*from)) from++;
  while (to > from && is_blank(to[-1])) to--;
  return {from, static_cast<size_t>(to - from)};
}

// One field line; the cursor stands on its first octet, which is no CR. Hardly ever called.
[[gnu::noinline]] ParseResult parse_field(Cursor& cursor, const HeadLimits& limits, Side side,
                                          Fields& fields) {
  const char* line = cursor.at;
  cursor.skip_all<TokenClass>();
  const char* name_end = cursor.at;
  if (name_end - line > std::min<ptrdiff_t>(limits.field_bytes, kMaxNameBytes)) {
    return refuse(431, "field name too long");
  }
  if (side == Side::response) {  // RFC 9112 5.1: a proxy removes this white space from responses
    while (!cursor.done() && is_blank(*cursor.at)) cursor.at++;
  }
  if (cursor.done()) return incomplete();
  if (name_end == line) return refuse(400, "invalid field name, or a folded line");
  if (*cursor.at != ':') return refuse(400, "invalid octet in a field name");
  const char* value = ++cursor.at;
  cursor.skip_all<ValueClass>();
  const char* value_end = cursor.at;
  if (value_end - line > limits.field_bytes) return refuse(431, "field too long");
  Parse crlf = cursor.take_crlf();
  if (crlf == Parse::incomplete) return incomplete();
  if (crlf == Parse::error) return refuse(400, "invalid octet in a field value");
  if (fields.size() >= limits.fields) return refuse(431, "too many fields");
  std::string_view name(line, static_cast<size_t>(name_end - line));
  if (!limits.underscores && name.find('_') != std::string_view::npos) return {Parse::complete};
  fields.push(field_id(name), name, trimmed(value, value_end));
  return {Parse::complete};
}

// What names are made of but for some rare ones, and '_', which may have to be dropped.
constexpr OctetTable kPlainNameOctets = letters_digits_and("-.");
using PlainNameClass = TableClass<kPlainNameOctets>;

// Takes the field lines that are plain: whole, within the limits, with one space before the value
// and none behind. Stops in front of the first that is not, to be looked at closely.
void take_plain_fields(Cursor& cursor, const HeadLimits& limits, Fields& fields) {
  const char* at = cursor.at;
  const char* start = cursor.start;
  // A field that lies before this one's end is within the limits, and all but few lie there.
  auto octets = std::min<ptrdiff_t>({cursor.end - at, limits.field_bytes, kMaxNameBytes});
  if (octets < 2) return;
  const char* end = at + octets - 2;  // where the last CRLF may stand
  Fields taken = fields;              // kept in registers meanwhile
  while (at < end && taken.size() < limits.fields) {
    // The line's end first, for the next line to begin before this one is taken apart.
    const char* stop = skip<ValueClass>(at, end, start);
    if (std::memcmp(stop, "\r\n", 2) != 0) break;
    const char* colon = skip<PlainNameClass>(at, end, start);
    if (std::memcmp(colon, ": ", 2) != 0 || colon == at) break;
    const char* value = colon + 2;
    if (!is_above_space(value[0]) || !is_above_space(stop[-1])) break;  // padded or empty
    std::string_view name(at, static_cast<size_t>(colon - at));
    taken.push(field_table::id_of(name), name, {value, static_cast<size_t>(stop - value)}, true);
    at = stop + 2;
  }
  fields = taken;
  cursor.at = at;
}

ParseResult parse_fields(Cursor& cursor, const HeadLimits& limits, Side side, Fields& fields) {
  for (;;) {
    take_plain_fields(cursor, limits, fields);
    if (cursor.done()) return incomplete();
    if (*cursor.at == '\r') {
      Parse crlf = cursor.take_crlf();
      if (crlf == Parse::error) return refuse(400, "bare CR");
      return {crlf};
    }
    ParseResult field = parse_field(cursor, limits, side, fields);
    if (field.state != Parse::complete) return field;
  }
}

// What came is not complete yet: perhaps it is too long already.
ParseResult bounded(ParseResult result, std::string_view input, const HeadLimits& limits) {
  if (result.state == Parse::incomplete && input.size() >= limits.head_bytes) {
    bool in_first_line = input.find('\n') == std::string_view::npos;
    return refuse(in_first_line ? 414 : 431, "head too long");
  }
  return result;
}

ParseResult finished(const Cursor& cursor, const HeadLimits& limits) {
  if (cursor.offset() > limits.head_bytes) return refuse(431, "head too long");
  return {Parse::complete, cursor.offset()};
}

}  // namespace

ParseResult parse_request_head(std::string_view input, const HeadLimits& limits, Request& request) {
  request.fields.clear();
  Cursor cursor{input.data(), input.data(), input.data() + input.size()};
  for (int lines = 0; !cursor.done() && *cursor.at == '\r'; lines++) {
    Parse crlf = cursor.take_crlf();
    if (crlf == Parse::incomplete) return incomplete();
    if (crlf == Parse::error || lines == kMaxEmptyLines) return refuse(400, "empty request line");
  }
  if (cursor.done()) return incomplete();
  ParseResult line = parse_request_line(cursor, limits, request);
  if (line.state != Parse::complete) return bounded(line, input, limits);
  ParseResult fields = parse_fields(cursor, limits, Side::request, request.fields);
  if (fields.state != Parse::complete) return bounded(fields, input, limits);
  return finished(cursor, limits);
}

ParseResult parse_response_head(std::string_view input, const HeadLimits& limits,
                                Response& response, int& minor_version) {
  response.fields.clear();
  Cursor cursor{input.data(), input.data(), input.data() + input.size()};
  int major;
  Parse version = take_version(cursor, major, minor_version);
  if (version == Parse::incomplete) return incomplete();
  if (version == Parse::error || major != 1) return refuse(502, "invalid version in status line");
  minor_version = minor_version == 0 ? 0 : 1;
  if (cursor.end - cursor.at < 5) return bounded(incomplete(), input, limits);
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const char* code = cursor.at + 1;
  if (*cursor.at != ' ' || !digit(code[0]) || !digit(code[1]) || !digit(code[2]) || code[0] < '1' ||
      code[0] > '5' || (code[3] != ' ' && code[3] != '\r')) {
    return refuse(502, "invalid status code");
  }
  response.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  cursor.at = code[3] == ' ' ? code + 4 : code + 3;
  const char* reason = cursor.at;
  cursor.skip_all<ValueClass>();
  response.reason = {reason, static_cast<size_t>(cursor.at - reason)};
  if (cursor.offset() > limits.line_bytes) return refuse(502, "status line too long");
  Parse crlf = cursor.take_crlf();
  if (crlf == Parse::error) return refuse(502, "status line does not end with CRLF");
  if (crlf == Parse::incomplete) return bounded(incomplete(), input, limits);
  ParseResult fields = parse_fields(cursor, limits, Side::response, response.fields);
  if (fields.state != Parse::complete) return bounded(fields, input, limits);
  return finished(cursor, limits);
}

bool forbidden_in_trailer(FieldId id) {
  switch (id) {
    case FieldId::content_length:
    case FieldId::transfer_encoding:
    case FieldId::connection:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::upgrade:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::host:
    case FieldId::expect:
    case FieldId::max_forwards:
    case FieldId::range:
    case FieldId::cache_control:
    case FieldId::authorization:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::www_authenticate:
    case FieldId::cookie:
    case FieldId::set_cookie:
    case FieldId::content_type:
    case FieldId::content_encoding:
    case FieldId::content_range:
    case FieldId::x_real_ip:  // who the client is stands in the head, which the gateway writes
    case FieldId::x_forwarded_for:
    case FieldId::x_forwarded_proto:
    case FieldId::x_forwarded_host:
    case FieldId::x_forwarded_port:
    case FieldId::x_forwarded_prefix:
    case FieldId::forwarded:
    case FieldId::x_consumer_username:
    case FieldId::x_consumer_custom_id:
    case FieldId::x_credential_identifier:
      return true;
    default:
      return false;
  }
}

ParseResult parse_trailers(std::string_view input, const HeadLimits& limits, Fields& trailers) {
  trailers.clear();
  Cursor cursor{input.data(), input.data(), input.data() + input.size()};
  ParseResult fields = parse_fields(cursor, limits, Side::request, trailers);
  if (fields.state != Parse::complete) return bounded(fields, input, limits);
  for (const Field& field : trailers) {
    if (forbidden_in_trailer(field.id)) return refuse(400, "field not allowed in a trailer");
  }
  return finished(cursor, limits);
}

bool worth_parsing(std::string_view octets, size_t seen) {
  // An end of head, or what a careless peer takes for one: LF LF or LF CR LF.
  size_t from = seen < 3 ? 0 : seen - 3;
  for (;;) {
    size_t newline = octets.find('\n', from);
    if (newline == std::string_view::npos) return false;
    bool first_line = octets.find('\n') == newline;
    if (first_line && newline >= seen) return true;  // judge the request line as soon as it is here
    std::string_view rest = octets.substr(newline + 1);
    if (rest.starts_with('\n') || rest.starts_with("\r\n")) return true;
    from = newline + 1;
  }
}

}  // namespace pylon::http::h1

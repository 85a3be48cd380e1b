#include "http/h1/message.h"

#include <limits>
#include <optional>

#include "base/strings.h"

namespace pylon::http::h1 {
namespace {

constexpr uint64_t kNeverNamed =
    field_set({FieldId::host, FieldId::content_length, FieldId::transfer_encoding,
               FieldId::connection, FieldId::upgrade, FieldId::te});
constexpr uint64_t kMaxLength = std::numeric_limits<int64_t>::max();

// Calls visit(token) for each element of a comma-separated list; empty elements are skipped.
template <class Visit>
void each_token(std::string_view list, Visit visit) {
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view token = trim(list.substr(0, comma));
    if (!token.empty()) visit(token);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

std::optional<uint64_t> parse_length(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  uint64_t length = 0;
  for (char c : digits) {
    auto digit = static_cast<uint8_t>(c - '0');
    if (digit > 9 || length > kMaxLength / 10) return std::nullopt;
    length = length * 10 + digit;  // at most kMaxLength + 2
  }
  if (length > kMaxLength) return std::nullopt;
  return length;
}

[[gnu::cold]] RequestRules refused(uint16_t status, const char* reason) {
  RequestRules rules;
  rules.refusal = status;
  rules.reason = reason;
  return rules;
}

// Transfer-Encoding of a request: chunked alone, in HTTP/1.1, without Content-Length.
RequestRules judge_transfer_encoding(const Request& request) {
  if (request.version == Version::http10) return refused(400, "Transfer-Encoding in HTTP/1.0");
  if (request.fields.has(FieldId::content_length)) {
    return refused(400, "Transfer-Encoding and Content-Length");
  }
  if (request.fields.repeated(FieldId::transfer_encoding)) {
    return refused(400, "several Transfer-Encoding fields");
  }
  std::string_view coding = request.fields.get(FieldId::transfer_encoding);
  if (!iequals(coding, "chunked")) {
    bool ends_chunked = coding.size() > 7 && iequals(coding.substr(coding.size() - 7), "chunked");
    return refused(ends_chunked ? 501 : 400, "transfer coding not supported");
  }
  RequestRules rules;
  rules.framing = Framing::chunked;
  return rules;
}

RequestRules judge_framing(Request& request) {
  if (request.fields.has(FieldId::transfer_encoding)) return judge_transfer_encoding(request);
  RequestRules rules;
  if (!request.fields.has(FieldId::content_length)) return rules;
  if (request.fields.repeated(FieldId::content_length)) {
    return refused(400, "several Content-Length fields");
  }
  std::optional<uint64_t> length = parse_length(request.fields.get(FieldId::content_length));
  if (!length) return refused(400, "invalid Content-Length");
  request.content_length = static_cast<int64_t>(*length);
  rules.framing = Framing::length;
  rules.length = *length;
  return rules;
}

bool has_no_body(int status, Method asked) {
  return asked == Method::head || status / 100 == 1 || status == 204 || status == 304;
}

[[gnu::cold]] ResponseRules untrusted(const char* reason) {
  ResponseRules rules;
  rules.refusal = reason;
  return rules;
}

ResponseRules judge_response_framing(Response& response, int minor_version) {
  ResponseRules rules;
  const Fields& fields = response.fields;
  if (fields.has(FieldId::transfer_encoding)) {
    if (minor_version == 0) return untrusted("Transfer-Encoding in HTTP/1.0");
    if (fields.has(FieldId::content_length)) {
      return untrusted("Transfer-Encoding and Content-Length");
    }
    if (fields.repeated(FieldId::transfer_encoding) ||
        !iequals(fields.get(FieldId::transfer_encoding), "chunked")) {
      return untrusted("transfer coding not supported");
    }
    rules.framing = Framing::chunked;
    return rules;
  }
  if (!fields.has(FieldId::content_length)) {
    rules.framing = Framing::until_close;
    return rules;
  }
  if (fields.repeated(FieldId::content_length)) return untrusted("several Content-Length");
  std::optional<uint64_t> length = parse_length(fields.get(FieldId::content_length));
  if (!length) return untrusted("invalid Content-Length");
  response.content_length = static_cast<int64_t>(*length);
  rules.framing = Framing::length;
  rules.length = *length;
  return rules;
}

[[gnu::noinline]] ConnectionOptions take_present_options(Fields& fields) {
  ConnectionOptions options;
  for (const Field& field : fields) {
    if (field.id != FieldId::connection || field.removed()) continue;
    each_token(field.value(), [&](std::string_view token) {
      if (iequals(token, "close")) {
        options.close = true;
      } else if (iequals(token, "keep-alive")) {
        options.keep_alive = true;
      } else if (iequals(token, "upgrade")) {
        options.upgrade = true;
      } else if (!in_set(kNeverNamed, field_id(token))) {
        fields.remove(token);
      }
    });
  }
  return options;
}

}  // namespace

ConnectionOptions take_connection_options(Fields& fields) {
  return fields.has(FieldId::connection) ? take_present_options(fields) : ConnectionOptions{};
}

RequestRules judge_request(Request& request) {
  const Fields& fields = request.fields;
  if (fields.repeated(FieldId::host)) return refused(400, "several Host fields");
  if (!fields.has(FieldId::host) && request.version != Version::http10)
    return refused(400, "no Host field");
  RequestRules rules = judge_framing(request);
  if (rules.refusal != 0) return rules;
  ConnectionOptions options = take_connection_options(request.fields);
  bool http10 = request.version == Version::http10;
  rules.keep_alive = http10 ? options.keep_alive && !options.close : !options.close;
  rules.wants_upgrade = !http10 && options.upgrade && request.fields.has(FieldId::upgrade);
  if (request.fields.has(FieldId::expect)) {
    if (http10) {
      request.fields.remove(FieldId::expect);  // RFC 9110 10.1.1: ignored in HTTP/1.0
    } else if (request.fields.repeated(FieldId::expect) ||
               !iequals(request.fields.get(FieldId::expect), "100-continue")) {
      return refused(417, "unknown expectation");
    } else {
      rules.expects_continue = rules.framing != Framing::none;
      if (!rules.expects_continue) request.fields.remove(FieldId::expect);
    }
  }
  return rules;
}

ResponseRules judge_response(Response& response, int minor_version, Method asked) {
  ResponseRules rules = judge_response_framing(response, minor_version);
  if (rules.refusal != nullptr) return rules;
  if (has_no_body(response.status, asked)) {
    // 1xx and 204 never have a length (RFC 9110 8.6); with HEAD and 304 it tells of the other
    // answer.
    bool framed = rules.framing == Framing::chunked || rules.length != 0;
    bool silent = asked == Method::head || response.status == 304;
    if (!silent && framed) rules.keep_alive = false;
    if (!silent) response.content_length = -1;
    rules.framing = Framing::none;
    rules.length = 0;
  }
  ConnectionOptions options = take_connection_options(response.fields);
  if (options.close || (minor_version == 0 && !options.keep_alive)) rules.keep_alive = false;
  if (rules.framing == Framing::until_close) rules.keep_alive = false;
  return rules;
}

}  // namespace pylon::http::h1

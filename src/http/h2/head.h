// Heads: from the field lines of a header block to a message, strictly.
//
// Nothing may pass that could write another message once it travels on as HTTP/1: names and values
// are checked octet by octet, a field about the connection makes the message malformed, and
// authority and Host may not disagree. Sources: RFC 9113 section 8, RFC 9110 section 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "http/h1/parser.h"
#include "http/h2/hpack.h"

namespace pylon::http::h2 {

// Why a field line makes its message malformed; null: it does not. Not for pseudo-header fields.
const char* fault_of(const FieldLine& line, FieldId id);

// The size of a line as SETTINGS_MAX_HEADER_LIST_SIZE counts.
inline size_t listed_octets(const FieldLine& line) {
  return line.name.size() + line.value.size() + 32;
}

// Adds a copy of the line, laid out as HTTP/1 would have it, so that a head goes on in one piece.
void add_copy(Fields& fields, FieldId id, const FieldLine& line);

// Several Cookie fields become one (RFC 9113 8.2.3).
void merge_cookies(Fields& fields);

// What came of a request so far.
class RequestHead {
 public:
  void field(const FieldLine& line, const h1::HeadLimits& limits, Exchange& exchange);

  // The block is complete, and perhaps the request with it. Null, or why it is malformed. A sound
  // head may be refused all the same: exchange.refusal.
  const char* finish(bool end_stream, Exchange& exchange);

  size_t octets() const { return octets_; }
  // It asks for a tunnel (RFC 8441). The exchange looks as HTTP/1 would have it: GET with Upgrade.
  bool asks_for_tunnel() const { return (seen_ & kProtocol) != 0; }

 private:
  enum Pseudo : uint8_t { kMethod = 1, kScheme = 2, kAuthority = 4, kPath = 8, kProtocol = 16 };

  void pseudo(const FieldLine& line, const h1::HeadLimits& limits, Exchange& exchange);
  void keep(const FieldLine& line, const h1::HeadLimits& limits, Exchange& exchange);
  const char* check_target(Request& request) const;
  void become_upgrade(Exchange& exchange) const;
  const char* check_host(Request& request) const;
  const char* check_length(bool end_stream, Exchange& exchange) const;
  void malformed(const char* why) {
    if (malformed_ == nullptr) malformed_ = why;
  }

  const char* malformed_ = nullptr;
  std::string_view authority_;
  std::string_view protocol_;
  uint32_t octets_ = 0;
  uint16_t count_ = 0;
  uint8_t seen_ = 0;
  bool regular_ = false;  // a field that is no pseudo-header field came
};

// The trailer section, as lines "name: value CRLF" with the empty line at the end.
class TrailerSection {
 public:
  void field(const FieldLine& line, const h1::HeadLimits& limits);
  // Null, or why it is malformed.
  const char* finish();
  std::string_view text() const { return text_; }

 private:
  std::string text_;
  const char* malformed_ = nullptr;
};

}  // namespace pylon::http::h2

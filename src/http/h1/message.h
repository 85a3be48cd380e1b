// What an HTTP/1 head says about its message and its connection: framing, persistence, upgrades.
//
// Source: RFC 9112 section 6 and 9, RFC 9110 7.6.1. Where the RFC leaves a choice between refusing
// and guessing, it is refused.
#pragma once

#include <cstdint>

#include "http/exchange.h"
#include "http/h1/body_decoder.h"

namespace pylon::http::h1 {

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

// Reads the Connection fields, and removes the fields that they name (never Host or framing).
ConnectionOptions take_connection_options(Fields& fields);

struct RequestRules {
  uint16_t refusal = 0;  // status to answer; 0: the head is sound
  const char* reason = "";
  Framing framing = Framing::none;
  uint64_t length = 0;
  bool keep_alive = true;
  bool expects_continue = false;
  bool wants_upgrade = false;  // Connection: upgrade with an Upgrade field
};
// Judges a parsed head. Sets request.content_length; removes named hop-by-hop fields.
RequestRules judge_request(Request& request);

struct ResponseRules {
  const char* refusal = nullptr;  // why the answer can't be trusted; null: sound
  Framing framing = Framing::none;
  uint64_t length = 0;
  bool keep_alive = true;  // the connection may be used again after the body
};
// `asked` is the request's method. Sets response.content_length, also where no body follows (HEAD).
ResponseRules judge_response(Response& response, int minor_version, Method asked);

// Fields that are about one connection only and never forwarded, as a set of FieldIds.
constexpr uint64_t field_set(std::initializer_list<FieldId> ids) {
  uint64_t set = 0;
  for (FieldId id : ids) set |= uint64_t{1} << static_cast<int>(id);
  return set;
}
constexpr uint64_t kHopByHop =
    field_set({FieldId::connection, FieldId::keep_alive, FieldId::proxy_connection, FieldId::te,
               FieldId::transfer_encoding, FieldId::upgrade, FieldId::http2_settings});

inline bool in_set(uint64_t set, FieldId id) { return (set >> static_cast<int>(id)) & 1; }

}  // namespace pylon::http::h1

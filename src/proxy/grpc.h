// gRPC: the gateway's own answers to gRPC requests, which clients understand as grpc-status.
//
// Source: gRPC over HTTP/2 (Trailers-Only); the mapping of statuses is that of "HTTP to gRPC Status
// Code Mapping", which clients apply to plain answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/exchange.h"

namespace pylon::proxy {

// Over HTTP/2, with a content type of application/grpc.
bool is_grpc(const http::Request& request);

// How long the client waits for the answer: the field grpc-timeout. Null: for ever, or the field
// makes no sense.
std::optional<int64_t> grpc_timeout_us(const http::Request& request);

// Turns the response, whose status is an error, into 200 with grpc-status and grpc-message; there
// is no body. `message`: what the body would have said, when it is plain text. `late`: the time
// that the client gave has passed.
void answer_as_grpc(http::Exchange& exchange, std::string_view message, bool late);

// What ends an answer that has begun, when that time has passed: field lines, ready to send.
std::string_view late_trailers();

}  // namespace pylon::proxy

// Exchange: one request with its response, and all that is known about it on its way.
//
// Everything that plugins, variables, router, proxy and logs share about a request stands here,
// typed; there is no bag of strings. All views point into the exchange's arena, into the pinned
// snapshot or into static storage, so they live as long as the exchange. An exchange belongs to one
// worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/arena.h"
#include "base/ip.h"
#include "http/fields.h"

namespace pylon::plugin {
struct Worker;         // plugin/worker.h: what a worker lends to plugins
class PluginSet;       // plugin/set.h: the plugins of one resource
class MetadataSet;     // plugin/metadata.h: plugin metadata at this revision
struct ForwardPolicy;  // plugin/forward_policy.h: what a forward proxy may connect to
}  // namespace pylon::plugin
namespace pylon::tls {
class Stream;  // tls/stream.h
}
namespace pylon::config {
class CredentialIndex;  // config/credential_index.h: who owns this key?
}  // namespace pylon::config

namespace pylon::http {

class Downstream;
class UpstreamSide;
struct Announced;  // http/announced.h

enum class Method : uint8_t {
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
  purge,
  other,
};
Method method_of(std::string_view token);

enum class Version : uint8_t { http10, http11, http2, http3 };
std::string_view version_text(Version version);  // "HTTP/1.1"

// RFC 9110 9.2.2: doing it twice is the same as doing it once.
bool is_idempotent(Method method);

struct Request {
  explicit Request(Arena& arena) : fields(arena) {}

  Method method = Method::get;
  Version version = Version::http11;
  bool https = false;
  bool has_args = false;         // a '?' was there, even if nothing follows
  std::string_view method_text;  // as sent: methods are case-sensitive
  std::string_view target;       // as sent: $real_request_uri
  std::string_view uri;          // normalised path, decoded once: $uri
  std::string_view match_uri;    // Uri::match_path; the router matches on it unless it is null
  std::string_view args;         // after '?', as sent: $args
  std::string_view host;         // lower case, no port: $host
  uint16_t port = 0;             // of the Host field or absolute target; 0 when none
  int64_t content_length = -1;   // -1: none given
  Fields fields;                 // plugins change what the upstream will see here
};

// The Host field as the client wrote it, port and case included; without one, request.host.
std::string_view host_text(const Request& request);

struct Response {
  explicit Response(Arena& arena) : fields(arena) {}

  int status = 0;               // 0 until there is one
  std::string_view reason;      // empty: the usual phrase
  int64_t content_length = -1;  // -1: not known in advance
  bool from_upstream = false;
  bool without_trailers = false;  // a plugin tells them in another way
  Fields fields;
};

// Names that a matched route lends to variables, metrics and logs. Part of the snapshot.
struct RouteLabels {
  std::string_view route_id;
  std::string_view route_name;
  std::string_view service_id;
  std::string_view service_name;
  std::string_view matched_uri;   // the pattern that matched: $curr_req_matched._path
  std::string_view matched_host;  // likewise; empty when the route has no host
  uint32_t slot = 0;              // dense number of the route, for counters kept per route
};

// What plugins changed about the request line that goes upstream; empty views mean "as received".
struct Forward {
  std::string_view uri;  // path and query, ready to send (already encoded)
  std::string_view method;
  std::string_view host;   // set by a plugin: wins over pass_host
  std::string_view raw;    // path and query as received, in origin-form
  bool websocket = false;  // this route may be upgraded
  uint64_t left_out = 0;   // bits of FieldId: fields of the gateway's own that a plugin removed
};

// The address that the connection's socket has, and the one the request is attributed to (they
// differ when a trusted peer named another in X-Real-IP or the PROXY protocol).
struct Peer {
  IpAddress address;
  uint16_t port = 0;
  std::string_view text;  // the address in text: $remote_addr
};

// One attempt to get an answer from a node, in order of trial.
struct Attempt {
  std::string_view address;  // "10.0.0.1:80"
  int status = 0;            // 0: no answer
  int64_t started_us = 0;
  int64_t connected_us = 0;  // 0: not reached
  int64_t header_us = 0;
  int64_t ended_us = 0;
  uint64_t bytes_received = 0;
};

struct UpstreamTrace {
  static constexpr int kMaxAttempts = 16;
  Attempt* attempts = nullptr;  // in the arena
  int count = 0;
  std::string_view scheme = "http";
  std::string_view host;     // Host sent to the upstream: $upstream_host
  std::string_view uri;      // $upstream_uri
  std::string_view node_ip;  // balancer_ip
  uint16_t node_port = 0;    // balancer_port

  // Its index; the last one's when there are as many as are kept.
  int add(const Attempt& attempt, Arena& arena);
};

struct ConsumerIdentity {
  std::string_view name;  // empty: not authenticated
  std::string_view group_id;
  std::string_view credential_id;
  std::string_view custom_id;
  const plugin::PluginSet* plugins = nullptr;  // to be merged with the route's; null: none
};

// Values of `:name` and `*name` segments, mode radixtree_uri_with_parameter: $uri_param_<name>.
struct UriParam {
  std::string_view name;
  std::string_view value;
};

inline constexpr uint32_t kNoUpstream = UINT32_MAX;  // no slot of an upstream

struct Exchange {
  explicit Exchange(Arena& memory) : arena(memory), request(memory), response(memory) {}

  Arena& arena;
  Request request;
  Response response;
  Peer client;                           // attributed: $remote_addr, $remote_port
  Peer socket;                           // of the connection: $realip_remote_addr
  IpAddress server_address;              // $server_addr
  uint16_t server_port = 0;              // $server_port
  const tls::Stream* tls = nullptr;      // of the connection; null: plain
  const Announced* announced = nullptr;  // by the PROXY protocol; null: not spoken

  const RouteLabels* route = nullptr;                    // null: none matched
  const config::CredentialIndex* credentials = nullptr;  // of the pinned snapshot
  const plugin::MetadataSet* metadata = nullptr;         // likewise; null: all defaults
  ConsumerIdentity consumer;
  Forward forward;
  uint32_t chosen_upstream = kNoUpstream;  // by a plugin, in place of the route's: its slot
  // Set by a plugin: the request goes to where it names, if this allows it; null: to an upstream.
  const plugin::ForwardPolicy* forward_policy = nullptr;
  UpstreamTrace upstream;
  const Fields* upstream_fields = nullptr;  // as received; null: nobody looks, or the same
  // Whose body the filters pull; it has the trailers once that has ended. Null: the gateway's own.
  const UpstreamSide* answering = nullptr;
  const UriParam* uri_params = nullptr;
  uint32_t uri_param_count = 0;

  // The request body, once somebody had it buffered whole (Downstream::buffer_body). A route whose
  // conditions look at it makes the router ask for it.
  bool body_known = false;  // it was asked for; `body` is null when it was too large or broken
  std::string_view body;
  std::shared_ptr<void> body_document;  // expr's alone: what it parsed the body into

  plugin::Worker* worker = nullptr;
  Downstream* downstream = nullptr;  // where the request body comes from
  std::string_view mqtt_client_id;   // $mqtt_client_id; of a TCP connection
  std::string_view transport;        // $protocol: "TCP", "UDP"; empty: there are HTTP requests
  std::string_view preread_name;     // $ssl_preread_server_name
  std::string_view request_id;       // $request_id, made when first asked for

  int64_t start_us = 0;              // monotonic: first octet of the head seen
  int64_t start_wall_us = 0;         // the same moment since the epoch
  int64_t end_us = 0;                // set before the log phase
  uint64_t connection_id = 0;        // $connection
  uint32_t connection_requests = 0;  // $connection_requests, 1-based
  uint64_t request_bytes = 0;        // $request_length: head and body received
  uint64_t bytes_sent = 0;           // $bytes_sent: head and body
  uint64_t body_bytes_sent = 0;      // $body_bytes_sent
  bool client_aborted = false;       // the client left before the answer was complete
  uint16_t refusal = 0;              // the head was refused: the status to answer; 0: sound
  const char* refusal_reason = "";   // for the error log
  bool wants_upgrade = false;        // Connection: upgrade, and an Upgrade field
  bool expects_continue = false;     // Expect: 100-continue, and a body announced
  bool has_body = false;             // the framing announces a body, perhaps an empty one
};

}  // namespace pylon::http

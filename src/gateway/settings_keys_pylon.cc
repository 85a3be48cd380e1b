// pylon.*: what APISIX does not have.
#include "gateway/settings_keys.h"

#include <span>

namespace pylon::gateway {
namespace {

using S = Settings;
using Limits = LimitSettings;
using Etcd = EtcdSettings;

constexpr Key kKeys[] = {
    {"pylon.limits.request_line", bytes<1024, &S::limits, &Limits::request_line_bytes>(),
     "The longest request line; longer ones are answered with 414."},
    {"pylon.limits.request_head", bytes<1024, &S::limits, &Limits::request_head_bytes>(),
     "The longest request head; longer ones are answered with 431."},
    {"pylon.limits.request_fields", integer<10, 10'000, &S::limits, &Limits::request_fields>(),
     "The most fields of a request; more are answered with 431."},
    {"pylon.limits.response_head", bytes<1024, &S::limits, &Limits::response_head_bytes>(),
     "The longest head of an upstream's answer; longer ones become 502."},
    {"pylon.limits.response_fields", integer<10, 10'000, &S::limits, &Limits::response_fields>(),
     "The most fields of an upstream's answer; more become 502."},
    {"pylon.limits.udp_sessions", integer<1, 1'000'000, &S::limits, &Limits::udp_sessions>(),
     "UDP sessions of a worker. With all places taken the longest silent makes room; if none was "
     "silent for a second, the datagram of a new client is dropped. Never more than half of the "
     "connections that a worker may have."},
    {"pylon.limits.memory", bytes<0, &S::limits, &Limits::memory_bytes>(),
     "What the gateway process may use; near it idle connections are closed, then new ones "
     "refused. 0: not limited."},
    {"pylon.http2_ping.after", duration<&S::pings, &PingSettings::after_ms>(),
     "After how long a silence an upstream of HTTP/2 (grpc, grpcs) that requests wait for is asked "
     "by PING whether it is there. 0: never."},
    {"pylon.http2_ping.timeout", duration<&S::pings, &PingSettings::timeout_ms>(),
     "How long nothing may come after that, before the connection is given up with its requests; "
     "new ones go elsewhere after a second."},
    {"pylon.http2_ping.interval", duration<&S::pings, &PingSettings::interval_ms>(),
     "The least time between two PINGs while nothing but the answers to them comes: many servers "
     "of gRPC end connections with more than one in 5 minutes."},
    {"pylon.etcd.check_interval",
     duration<&S::store, &StoreSettings::etcd, &Etcd::check_interval_ms>(),
     "How often what this node has is compared with what etcd holds; a difference is mended at "
     "once. 0: never."},
    {"pylon.etcd.copy", text<&S::store, &StoreSettings::etcd, &Etcd::copy_path>(),
     "Where the last good configuration is kept, to start with when etcd cannot be reached; empty: "
     "nowhere."},
    {"pylon.stop_timeout", duration<&S::stop_timeout_ms>(),
     "How long `stop` and SIGTERM let requests finish; `quit` and `reload` have "
     "nginx_config.worker_shutdown_timeout."},
};

}  // namespace

std::span<const Key> pylon_keys() { return kKeys; }

}  // namespace pylon::gateway

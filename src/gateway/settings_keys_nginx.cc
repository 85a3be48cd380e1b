// nginx_config.*
#include "gateway/settings_keys.h"

#include <span>

namespace pylon::gateway {
namespace {

using S = Settings;
using enum Standing;
using Client = ClientSettings;
using Pool = UpstreamPoolSettings;
using Process = ProcessSettings;

constexpr std::string_view kLevels[] = {"emerg", "alert",  "crit", "error",
                                        "warn",  "notice", "info", "debug"};
constexpr std::string_view kEscapes[] = {"default", "json", "none"};

constexpr KeyType workers_type() {
  return {.read =
              [](const Json& value, Settings& into) {
                int64_t count = 0;
                bool automatic = value.as_string() == "auto";
                if (!automatic && !read_integer(value, 1, 1024, count)) return fits(false);
                into.process.workers = static_cast<unsigned>(count);
                return fits(true);
              },
          .expects = []() -> std::string { return "auto, or a whole number from 1 to 1024"; },
          .show = [](const Settings&) -> std::string { return "auto"; }};
}

constexpr KeyType open_files_type() {
  return {.read =
              [](const Json& value, Settings& into) {
                int64_t count = 0;
                if (!read_integer(value, 64, 1 << 30, count)) return fits(false);
                into.process.open_files = count;
                return fits(true);
              },
          .expects = []() -> std::string { return "a whole number of at least 64"; },
          .show = nullptr};
}

template <auto... Member>
constexpr KeyType real_ip_from_type() {
  return {
      .read = [](const Json& value,
                 Settings& into) { return read_addresses(value, member_of<Member...>(into)); },
      .expects = []() -> std::string { return "a list of IP addresses and CIDR blocks"; },
      .show =
          [](const Settings& settings) { return show_texts(member_of<Member...>(settings).texts); },
      .clear = [](Settings& into) { member_of<Member...>(into) = {}; }};
}

constexpr Key kKeys[] = {
    {"nginx_config.worker_processes", workers_type(),
     "Worker threads; auto is one per available core. The environment variable "
     "APISIX_WORKER_PROCESSES goes first."},
    {"nginx_config.enable_cpu_affinity", flag<&S::process, &Process::cpu_affinity>(),
     "Bind each worker to a core."},
    {"nginx_config.worker_rlimit_nofile", open_files_type(),
     "The most descriptors the gateway may open. Left out: as many as the system allows."},
    {"nginx_config.worker_shutdown_timeout", duration<&S::process, &Process::shutdown_timeout_ms>(),
     "How long `quit` and `reload` let requests of the old process finish."},
    {"nginx_config.event.worker_connections",
     integer<16, 10'000'000, &S::process, &Process::connections>(),
     "The most client connections of one worker."},
    {"nginx_config.error_log", text<&S::error_log, &ErrorLogSettings::path>(),
     "The error log's file, or stderr."},
    {"nginx_config.error_log_level", choice<kLevels, &S::error_log, &ErrorLogSettings::level>(),
     "The least serious message that is logged."},

    {"nginx_config.http.enable_access_log", flag<&S::access_log, &AccessLogSettings::enabled>(),
     "Write the access log."},
    {"nginx_config.http.access_log", text<&S::access_log, &AccessLogSettings::path>(),
     "The access log's file."},
    {"nginx_config.http.access_log_buffer",
     bytes<1024, &S::access_log, &AccessLogSettings::buffer_bytes>(),
     "How much a worker collects before it writes; lines wait at most about a second."},
    {"nginx_config.http.access_log_format", text<&S::access_log, &AccessLogSettings::format>(),
     "A line of the access log, with $variables."},
    {"nginx_config.http.access_log_format_escape",
     choice<kEscapes, &S::access_log, &AccessLogSettings::escape>(),
     "How the variables' values are escaped."},
    {"nginx_config.http.keepalive_timeout", duration<&S::client, &Client::keepalive_timeout_ms>(),
     "How long a client's idle connection stays open."},
    {"nginx_config.http.client_header_timeout", duration<&S::client, &Client::header_timeout_ms>(),
     "How long a client may take for a whole request head."},
    {"nginx_config.http.client_body_timeout", duration<&S::client, &Client::body_timeout_ms>(),
     "How long a client may pause within a body."},
    {"nginx_config.http.send_timeout", duration<&S::client, &Client::send_timeout_ms>(),
     "How long a client may take nothing of an answer."},
    {"nginx_config.http.client_max_body_size", bytes<0, &S::client, &Client::max_body_bytes>(),
     "Longer request bodies are answered with 413. 0: no limit."},
    {"nginx_config.http.underscores_in_headers",
     flag<&S::client, &Client::underscores_in_headers>(),
     "Take fields with _ in their names; otherwise they are dropped."},
    {"nginx_config.http.real_ip_header", text<&S::client, &Client::real_ip_header>(),
     "The field that trusted peers tell the client's address in."},
    {"nginx_config.http.real_ip_recursive", flag<&S::client, &Client::real_ip_recursive>(),
     "Of several addresses in it, take the last that is not trusted; otherwise the last."},
    {"nginx_config.http.real_ip_from", real_ip_from_type<&S::client, &Client::real_ip_from>(),
     "The peers trusted with that, and with the PROXY protocol."},
    {"nginx_config.http.upstream.keepalive",
     integer<0, 1'000'000, &S::upstream_pool, &Pool::connections>(),
     "Idle connections to upstreams that a worker keeps; the oldest goes first."},
    {"nginx_config.http.upstream.keepalive_requests",
     integer<1, 1'000'000'000, &S::upstream_pool, &Pool::requests>(),
     "Requests through one connection to an upstream."},
    {"nginx_config.http.upstream.keepalive_timeout",
     duration<&S::upstream_pool, &Pool::timeout_ms>(), "How long one may stay idle."},

    {"nginx_config.stream.real_ip_from",
     real_ip_from_type<&S::stream, &StreamSettings::real_ip_from>(),
     "The peers whose PROXY protocol is believed on stream_proxy.tcp ports."},
    {"nginx_config.stream.enable_access_log",
     flag<&S::stream, &StreamSettings::access_log, &AccessLogSettings::enabled>(),
     "Write a line per TCP connection and UDP session that is over."},
    {"nginx_config.stream.access_log",
     text<&S::stream, &StreamSettings::access_log, &AccessLogSettings::path>(),
     "The file of these lines."},
    {"nginx_config.stream.access_log_format",
     text<&S::stream, &StreamSettings::access_log, &AccessLogSettings::format>(),
     "Such a line, with $variables."},
    {"nginx_config.stream.access_log_format_escape",
     choice<kEscapes, &S::stream, &StreamSettings::access_log, &AccessLogSettings::escape>(),
     "How the variables' values are escaped."},
    {"nginx_config.stream.lua_shared_dict", anything(), "There are no shared dictionaries.",
     ignored},
    {"nginx_config.http.proxy_ssl_server_name", anything(), "TLS to upstreams is not there yet.",
     later},

    {"nginx_config.user", anything(), "Start Pylon as that user; it never needs root.", ignored},
    {"nginx_config.envs", anything(), "The gateway sees its whole environment.", ignored},
    {"nginx_config.max_pending_timers", anything(), "Timers have no such limit.", ignored},
    {"nginx_config.max_running_timers", anything(), "Timers have no such limit.", ignored},
    {"nginx_config.meta", anything(), "There are no shared dictionaries.", ignored},
    {"nginx_config.worker_rlimit_core", anything(), "Set the limit where Pylon is started.",
     ignored},
    {"nginx_config.http.lua_shared_dict", anything(), "There are no shared dictionaries.", ignored},
    {"nginx_config.http.custom_lua_shared_dict", anything(), "There are no shared dictionaries.",
     ignored},
    {"nginx_config.http.charset", anything(), "Content-Type goes through as the upstream sent it.",
     ignored},
    {"nginx_config.http.variables_hash_max_size", anything(), "Variables need no table.", ignored},
    {"nginx_config.main_configuration_snippet", anything(),
     "The nginx directives in it have no effect.", ignored},
    {"nginx_config.http_configuration_snippet", anything(),
     "The nginx directives in it have no effect.", ignored},
    {"nginx_config.http_server_configuration_snippet", anything(),
     "The nginx directives in it have no effect.", ignored},
    {"nginx_config.http_server_location_configuration_snippet", anything(),
     "The nginx directives in it have no effect.", ignored},
    {"nginx_config.http_admin_configuration_snippet", anything(),
     "The nginx directives in it have no effect.", ignored},
    {"nginx_config.http_end_configuration_snippet", anything(),
     "The nginx directives in it have no effect.", ignored},
    {"nginx_config.stream_configuration_snippet", anything(),
     "The nginx directives in it have no effect.", ignored},
};

}  // namespace

std::span<const Key> nginx_keys() { return kKeys; }

}  // namespace pylon::gateway

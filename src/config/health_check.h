// The `checks` of an upstream: how nodes are probed (active) and judged by their answers (passive).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/common.h"

namespace pylon::config {

enum class ProbeKind : uint8_t { http, https, tcp };

struct ActiveHealthy {
  int interval = 1;
  std::vector<int> http_statuses{200, 302};
  int successes = 2;

  static constexpr auto fields = std::tuple{
      field("interval", &ActiveHealthy::interval, "Seconds between probes of a healthy node.")
          .at_least(1),
      field("http_statuses", &ActiveHealthy::http_statuses, "Statuses that count as success.")
          .items(each().range(200, 599))
          .min_items(1)
          .unique(),
      field("successes", &ActiveHealthy::successes, "Successes that make a node healthy.")
          .range(1, 254)};
};

struct ActiveUnhealthy {
  int interval = 1;
  std::vector<int> http_statuses{429, 404, 500, 501, 502, 503, 504, 505};
  int http_failures = 5;
  int tcp_failures = 2;
  int timeouts = 3;

  static constexpr auto fields = std::tuple{
      field("interval", &ActiveUnhealthy::interval, "Seconds between probes of an unhealthy node.")
          .at_least(1),
      field("http_statuses", &ActiveUnhealthy::http_statuses, "Statuses that count as failure.")
          .items(each().range(200, 599))
          .min_items(1)
          .unique(),
      field("http_failures", &ActiveUnhealthy::http_failures,
            "Bad statuses that make it unhealthy.")
          .range(1, 254),
      field("tcp_failures", &ActiveUnhealthy::tcp_failures, "TCP failures that make it unhealthy.")
          .range(1, 254),
      field("timeouts", &ActiveUnhealthy::timeouts, "Timeouts that make it unhealthy.")
          .range(1, 254)};
};

struct ActiveCheck {
  ProbeKind type = ProbeKind::http;
  double timeout = 1;
  int concurrency = 10;
  std::string host;
  std::optional<int> port;
  std::string http_method = "GET";
  std::string http_path = "/";
  std::string http_req_body;
  bool https_verify_certificate = true;
  ActiveHealthy healthy;
  ActiveUnhealthy unhealthy;
  std::vector<std::string> req_headers;

  static constexpr auto fields = std::tuple{
      field("type", &ActiveCheck::type, "How to probe."),
      field("timeout", &ActiveCheck::timeout, "Seconds that a probe may take."),
      field("concurrency", &ActiveCheck::concurrency, "Probes at a time."),
      field("host", &ActiveCheck::host, "Host field of the probe.").fragment(kHost),
      field("port", &ActiveCheck::port, "Port to probe instead of the node's.").range(1, 65535),
      field("http_method", &ActiveCheck::http_method, "Method of the probe.")
          .one_of({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE",
                   "PURGE"}),
      field("http_path", &ActiveCheck::http_path, "Path of the probe."),
      field("http_req_body", &ActiveCheck::http_req_body, "Body of the probe.")
          .fragment(R"({"type":"string","default":""})"),
      field("https_verify_certificate", &ActiveCheck::https_verify_certificate,
            "Whether an https probe verifies the certificate."),
      field("healthy", &ActiveCheck::healthy, "When a node becomes healthy."),
      field("unhealthy", &ActiveCheck::unhealthy, "When a node becomes unhealthy."),
      field("req_headers", &ActiveCheck::req_headers, "Header lines of the probe.").min_items(1)};
};

struct PassiveHealthy {
  std::vector<int> http_statuses{200, 201, 202, 203, 204, 205, 206, 207, 208, 226,
                                 300, 301, 302, 303, 304, 305, 306, 307, 308};
  int successes = 5;

  static constexpr auto fields = std::tuple{
      field("http_statuses", &PassiveHealthy::http_statuses, "Statuses that count as success.")
          .items(each().range(200, 599))
          .min_items(1)
          .unique(),
      field("successes", &PassiveHealthy::successes,
            "Successes that make a node healthy; 0: never.")
          .range(0, 254)};
};

struct PassiveUnhealthy {
  std::vector<int> http_statuses{429, 500, 503};
  int tcp_failures = 2;
  int timeouts = 7;
  int http_failures = 5;

  static constexpr auto fields = std::tuple{
      field("http_statuses", &PassiveUnhealthy::http_statuses, "Statuses that count as failure.")
          .items(each().range(200, 599))
          .min_items(1)
          .unique(),
      field("tcp_failures", &PassiveUnhealthy::tcp_failures,
            "TCP failures until unhealthy; 0: never.")
          .range(0, 254),
      field("timeouts", &PassiveUnhealthy::timeouts, "Timeouts until unhealthy; 0: never.")
          .range(0, 254),
      field("http_failures", &PassiveUnhealthy::http_failures,
            "Bad statuses until unhealthy; 0: never.")
          .range(0, 254)};
};

struct PassiveCheck {
  ProbeKind type = ProbeKind::http;
  PassiveHealthy healthy;
  PassiveUnhealthy unhealthy;

  static constexpr auto fields =
      std::tuple{field("type", &PassiveCheck::type, "What kind of answers is judged."),
                 field("healthy", &PassiveCheck::healthy, "When a node becomes healthy."),
                 field("unhealthy", &PassiveCheck::unhealthy, "When a node becomes unhealthy.")};
};

struct HealthChecks {
  std::optional<ActiveCheck> active;
  std::optional<PassiveCheck> passive;

  static constexpr auto fields =
      std::tuple{field("active", &HealthChecks::active, "Probing."),
                 field("passive", &HealthChecks::passive, "Judging by the traffic.")};
  static constexpr auto rules = schema::schema_fragment(
      R"({"anyOf":[{"required":["active"]},{"required":["active","passive"]}]})");
};

}  // namespace pylon::config

namespace pylon::schema {

template <>
struct EnumNames<config::ProbeKind> {
  static constexpr std::string_view names[] = {"http", "https", "tcp"};
};

}  // namespace pylon::schema

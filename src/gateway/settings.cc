#include "gateway/settings.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>

namespace pylon::gateway {
namespace {

// The plugins that APISIX switches on, by priority.
constexpr std::string_view kPlugins[] = {"real-ip",
                                         "ai",
                                         "client-control",
                                         "proxy-buffering",
                                         "proxy-control",
                                         "request-id",
                                         "zipkin",
                                         "ext-plugin-pre-req",
                                         "fault-injection",
                                         "mocking",
                                         "serverless-pre-function",
                                         "cors",
                                         "ip-restriction",
                                         "ua-restriction",
                                         "referer-restriction",
                                         "csrf",
                                         "uri-blocker",
                                         "request-validation",
                                         "chaitin-waf",
                                         "multi-auth",
                                         "openid-connect",
                                         "saml-auth",
                                         "cas-auth",
                                         "authz-casbin",
                                         "authz-casdoor",
                                         "wolf-rbac",
                                         "ldap-auth-advanced",
                                         "ldap-auth",
                                         "hmac-auth",
                                         "basic-auth",
                                         "jwt-auth",
                                         "jwe-decrypt",
                                         "key-auth",
                                         "dingtalk-auth",
                                         "feishu-auth",
                                         "acl",
                                         "consumer-restriction",
                                         "attach-consumer-label",
                                         "forward-auth",
                                         "opa",
                                         "authz-keycloak",
                                         "data-mask",
                                         "proxy-cache",
                                         "body-transformer",
                                         "ai-prompt-template",
                                         "ai-prompt-decorator",
                                         "ai-prompt-guard",
                                         "ai-rag",
                                         "ai-rate-limiting",
                                         "ai-proxy-multi",
                                         "ai-proxy",
                                         "ai-cache",
                                         "ai-aws-content-moderation",
                                         "ai-aliyun-content-moderation",
                                         "ai-lakera-guard",
                                         "proxy-mirror",
                                         "graphql-proxy-cache",
                                         "proxy-rewrite",
                                         "workflow",
                                         "api-breaker",
                                         "graphql-limit-count",
                                         "limit-conn",
                                         "limit-count",
                                         "limit-req",
                                         "gzip",
                                         "traffic-label",
                                         "traffic-split",
                                         "redirect",
                                         "response-rewrite",
                                         "oas-validator",
                                         "mcp-bridge",
                                         "degraphql",
                                         "kafka-proxy",
                                         "grpc-transcode",
                                         "grpc-web",
                                         "http-dubbo",
                                         "public-api",
                                         "prometheus",
                                         "datadog",
                                         "lago",
                                         "loki-logger",
                                         "elasticsearch-logger",
                                         "echo",
                                         "loggly",
                                         "http-logger",
                                         "splunk-hec-logging",
                                         "skywalking-logger",
                                         "google-cloud-logging",
                                         "sls-logger",
                                         "tcp-logger",
                                         "kafka-logger",
                                         "rocketmq-logger",
                                         "syslog",
                                         "udp-logger",
                                         "file-logger",
                                         "clickhouse-logger",
                                         "tencent-cloud-cls",
                                         "inspect",
                                         "example-plugin",
                                         "aws-lambda",
                                         "azure-functions",
                                         "openwhisk",
                                         "openfunction",
                                         "serverless-post-function",
                                         "ext-plugin-post-req",
                                         "ext-plugin-post-resp",
                                         "ai-request-rewrite"};

constexpr std::string_view kStreamPlugins[] = {"ip-restriction", "limit-conn", "mqtt-proxy",
                                               "syslog", "traffic-split"};

Json seconds_each(std::string_view time) {
  return Json::object({{"connect", time}, {"read", time}, {"send", time}});
}

Json opentelemetry_attributes() {
  return Json::object({{"trace_id_source", "x-request-id"},
                       {"resource", Json::object({{"service.name", "APISIX"}})},
                       {"collector", Json::object({{"address", "127.0.0.1:4318"},
                                                   {"request_timeout", 3},
                                                   {"request_headers",
                                                    Json::object({{"Authorization", "token"}})}})},
                       {"batch_span_processor", Json::object({{"drop_on_queue_full", false},
                                                              {"max_queue_size", 1024},
                                                              {"batch_timeout", 2},
                                                              {"inactive_timeout", 1},
                                                              {"max_export_batch_size", 16}})},
                       {"set_ngx_var", false}});
}

// APISIX's attributes of plugins.
Json default_plugin_attr() {
  return Json::object(
      {{"log-rotate", Json::object({{"timeout", 10000},
                                    {"interval", 3600},
                                    {"max_kept", 168},
                                    {"max_size", -1},
                                    {"enable_compression", false}})},
       {"skywalking", Json::object({{"service_name", "APISIX"},
                                    {"service_instance_name", "APISIX Instance Name"},
                                    {"endpoint_addr", "http://127.0.0.1:12800"},
                                    {"report_interval", 3}})},
       {"opentelemetry", opentelemetry_attributes()},
       {"prometheus",
        Json::object({{"export_uri", "/apisix/prometheus/metrics"},
                      {"metric_prefix", "apisix_"},
                      {"enable_export_server", true},
                      {"export_addr", Json::object({{"ip", "127.0.0.1"}, {"port", 9091}})},
                      {"refresh_interval", 15}})},
       {"server-info", Json::object({{"report_ttl", 60}})},
       {"proxy-mirror", Json::object({{"timeout", seconds_each("60s")}})},
       {"zipkin", Json::object({{"set_ngx_var", false}})}});
}

}  // namespace

std::string ListenAddress::text() const {
  bool v6 = ip.find(':') != ip.npos;
  return fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), ip, port);
}

AddressList AddressList::of(std::vector<std::string> texts) {
  IpSet set = IpSet::parse(texts).value_or(IpSet());
  return {.texts = std::move(texts), .set = std::move(set)};
}

Settings::Settings()
    : plugins(std::begin(kPlugins), std::end(kPlugins)),
      stream_plugins(std::begin(kStreamPlugins), std::end(kStreamPlugins)),
      plugin_attr(default_plugin_attr()) {}

unsigned Settings::worker_count() const {
  if (process.workers != 0) return process.workers;
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return std::max(1, CPU_COUNT(&cores));
}

std::string Settings::absolute(std::string_view path) const {
  if (path.starts_with('/') || path == "stderr") return std::string(path);
  return fmt::format("{}/{}", prefix, path);
}

std::string Settings::in_conf(std::string_view path) const {
  return path.starts_with('/') ? std::string(path) : fmt::format("{}/conf/{}", prefix, path);
}

std::string Finding::text(std::string_view file) const {
  std::string out(file);
  if (line != 0) out += fmt::format(":{}", line);
  if (!key.empty()) out += ": " + key;
  return out + ": " + message;
}

bool ParsedSettings::ok() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.error; });
}

}  // namespace pylon::gateway

#include "gateway/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "gateway/config_file.h"
#include "gateway/settings_keys.h"

namespace pylon::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

ParsedSettings parse(std::string_view text) { return parse_settings(text, environment_of({})); }

// All findings, one a line.
std::string said(const ParsedSettings& parsed) {
  std::string out;
  for (const Finding& finding : parsed.findings) out += finding.text("c.yaml") + "\n";
  return out;
}

std::vector<std::string> listens(const Settings& settings) {
  std::vector<std::string> out;
  for (const ListenAddress& address : settings.proxy.listen) out.push_back(address.text());
  return out;
}

TEST(Settings, AnEmptyFileGivesTheDefaults) {
  for (std::string_view text : {"", "# nothing\n", "apisix:\n", "---\n"}) {
    ParsedSettings parsed = parse(text);
    ASSERT_TRUE(parsed.ok()) << said(parsed);
    const Settings& settings = parsed.settings;
    EXPECT_EQ(said(parsed), "");
    EXPECT_THAT(listens(settings), ElementsAre("0.0.0.0:9080", "[::]:9080"));
    EXPECT_EQ(settings.admin.listen.text(), "0.0.0.0:9180");
    EXPECT_EQ(settings.control.listen.text(), "127.0.0.1:9090");
    EXPECT_FALSE(settings.status.enabled);
    EXPECT_EQ(settings.store.provider(), ConfigProvider::embedded);
    EXPECT_EQ(settings.store.embedded_path, "data/pylon.db");
    EXPECT_THAT(settings.plugins, SizeIs(107));
    EXPECT_EQ(settings.client.keepalive_timeout_ms, 60'000);
    EXPECT_GE(settings.worker_count(), 1u);
  }
}

TEST(Settings, AVariableOfALogFormatThatDoesNotExistIsNamed) {
  ParsedSettings parsed = parse("nginx_config:\n  http:\n    access_log_format: $uri $nonsense\n");
  EXPECT_TRUE(parsed.ok());  // a warning
  EXPECT_EQ(said(parsed),
            "c.yaml:3: nginx_config.http.access_log_format: there is no variable nonsense: it is "
            "written as absent\n");
}

TEST(Settings, NodeListenHasThreeShapes) {
  EXPECT_THAT(listens(parse("apisix: {node_listen: 1984, enable_ipv6: false}").settings),
              ElementsAre("0.0.0.0:1984"));
  EXPECT_THAT(listens(parse("apisix:\n  node_listen: [9080, 9081]\n  enable_ipv6: false").settings),
              ElementsAre("0.0.0.0:9080", "0.0.0.0:9081"));
  EXPECT_THAT(listens(parse("apisix:\n  node_listen:\n    - ip: 127.0.0.2\n      port: 9082\n"
                            "    - port: 9083\n    - ip: '[::1]'\n      port: 9084\n")
                          .settings),
              ElementsAre("127.0.0.2:9082", "0.0.0.0:9083", "[::1]:9084", "[::]:9083"));
}

constexpr const char* kManyKeys = R"(
apisix:
  router: {http: radixtree_uri_with_parameter}
  delete_uri_tail_slash: true
  enable_server_tokens: false
  trusted_addresses: [127.0.0.1, "172.18.0.0/16"]
  dns_resolver: [1.1.1.1, "8.8.8.8:5353", "[::1]:53", "::1"]
  dns_resolver_valid: 30
  control: {ip: 127.0.0.3, port: 9093}
  status: {port: 7086}
  data_encryption: {enable_encrypt_fields: false, keyring: edd1c9f0985e76a2}
nginx_config:
  worker_processes: 3
  error_log_level: info
  worker_rlimit_nofile: 4096
  worker_shutdown_timeout: 30s
  http:
    enable_access_log: false
    access_log_format: |
      $uri
    access_log_format_escape: json
    keepalive_timeout: 75
    client_header_timeout: 500ms
    client_body_timeout: 1m30s
    client_max_body_size: 16k
    underscores_in_headers: "off"
    real_ip_recursive: "on"
    real_ip_from: [10.0.0.0/8, "unix:"]
    upstream: {keepalive: 64, keepalive_requests: 7, keepalive_timeout: 5s}
deployment:
  embedded: {path: /var/lib/pylon.db}
  admin:
    admin_key:
      - {name: a, key: secret, role: admin}
      - {name: v, key: 12345, role: viewer}
    allow_admin: ~
    admin_listen: {ip: 127.0.0.1, port: "9181"}
    admin_api_version: v2
plugins: [key-auth]
plugin_attr:
  prometheus: {export_addr: {port: 9099}, default_buckets: [1, 2]}
pylon:
  limits: {request_head: 128k, request_fields: 50}
  stop_timeout: 3s
)";

TEST(Settings, ValuesAreRead) {
  ParsedSettings parsed = parse(kManyKeys);

  ASSERT_EQ(said(parsed), "");
  const Settings& settings = parsed.settings;
  EXPECT_EQ(settings.proxy.router, RouterMode::uri_with_parameter);
  EXPECT_TRUE(settings.proxy.delete_uri_tail_slash);
  EXPECT_FALSE(settings.proxy.server_tokens);
  EXPECT_TRUE(settings.proxy.trusted_addresses->set.contains(*IpAddress::parse("172.18.9.9")));
  EXPECT_THAT(settings.resolver.servers, SizeIs(4));
  EXPECT_EQ(settings.resolver.valid_s, 30);
  EXPECT_EQ(settings.control.listen.text(), "127.0.0.3:9093");
  EXPECT_TRUE(settings.status.enabled);
  EXPECT_EQ(settings.status.listen.text(), "127.0.0.1:7086");
  EXPECT_FALSE(settings.encryption.enabled);
  EXPECT_THAT(settings.encryption.keyring, SizeIs(1));
  EXPECT_EQ(settings.worker_count(), 3u);
  EXPECT_EQ(settings.error_log.level, observe::Level::info);
  EXPECT_EQ(settings.process.open_files, 4096);
  EXPECT_EQ(settings.process.shutdown_timeout_ms, 30'000);
  EXPECT_FALSE(settings.access_log.enabled);
  EXPECT_EQ(settings.access_log.format, "$uri");
  EXPECT_EQ(settings.access_log.escape, LogEscape::json);
  EXPECT_EQ(settings.client.keepalive_timeout_ms, 75'000);
  EXPECT_EQ(settings.client.header_timeout_ms, 500);
  EXPECT_EQ(settings.client.body_timeout_ms, 90'000);
  EXPECT_EQ(settings.client.max_body_bytes, 16'384u);
  EXPECT_FALSE(settings.client.underscores_in_headers);
  EXPECT_TRUE(settings.client.real_ip_recursive);
  EXPECT_THAT(settings.client.real_ip_from.texts, ElementsAre("10.0.0.0/8"));
  EXPECT_EQ(settings.upstream_pool.requests, 7);
  EXPECT_EQ(settings.absolute(settings.store.embedded_path), "/var/lib/pylon.db");
  EXPECT_TRUE(settings.admin.keys[1].key.equals("12345"));
  EXPECT_FALSE(settings.admin.allow.has_value());
  EXPECT_EQ(settings.admin.listen.text(), "127.0.0.1:9181");
  EXPECT_FALSE(settings.admin.api_v3);
  EXPECT_THAT(settings.plugins, ElementsAre("key-auth"));
  EXPECT_EQ(settings.metrics.listen.text(), "127.0.0.1:9099");
  EXPECT_EQ(settings.plugin_attr.find("prometheus")->find("refresh_interval")->as_int(), 15);
  EXPECT_EQ(settings.plugin_attr.find("prometheus")->find("default_buckets")->size(), 2u);
  EXPECT_EQ(settings.limits.request_head_bytes, 131'072u);
  EXPECT_EQ(settings.stop_timeout_ms, 3'000);
}

TEST(Settings, UnknownKeysAreNamedWithLineAndNearestKey) {
  ParsedSettings parsed = parse(
      "apisix:\n  node_listn: 1\n  allow_admin: [127.0.0.1]\nnginx_config:\n  http:\n"
      "    keepalive_timout: 5s\nqwertyuiop: 1\n");
  EXPECT_TRUE(parsed.ok());
  EXPECT_EQ(said(parsed),
            "c.yaml:2: apisix.node_listn: unknown key, ignored; did you mean apisix.node_listen?\n"
            "c.yaml:3: apisix.allow_admin: unknown key, ignored; did you mean "
            "deployment.admin.allow_admin?\n"
            "c.yaml:6: nginx_config.http.keepalive_timout: unknown key, ignored; did you mean "
            "nginx_config.http.keepalive_timeout?\n"
            "c.yaml:7: qwertyuiop: unknown key, ignored\n");
}

TEST(Settings, UnknownKeysInListsAreNamed) {
  EXPECT_THAT(said(parse("apisix:\n  node_listen:\n    - prt: 9080\n")),
              HasSubstr("c.yaml:3: apisix.node_listen[0].prt: unknown key, ignored; did you mean "
                        "apisix.node_listen[0].port?"));
}

TEST(Settings, UnknownKeysOfOurOwnSectionAreErrors) {
  ParsedSettings parsed = parse("pylon:\n  limits:\n    memry: 1g\n");
  EXPECT_FALSE(parsed.ok());
  EXPECT_EQ(said(parsed),
            "c.yaml:3: pylon.limits.memry: unknown key; did you mean pylon.limits.memory?\n");
}

TEST(Settings, WrongTypesSayWhatWasExpectedAndWhatCame) {
  EXPECT_EQ(said(parse("apisix:\n  enable_admin: maybe\n")),
            "c.yaml:2: apisix.enable_admin: expected true or false, got the text \"maybe\"\n");
  EXPECT_EQ(said(parse("nginx_config:\n  http:\n    send_timeout: [1]\n")),
            "c.yaml:3: nginx_config.http.send_timeout: expected a duration (60, 60s, 500ms, "
            "1m30s), got a list\n");
  EXPECT_EQ(said(parse("apisix: 5\n")), "c.yaml:1: apisix: expected a mapping, got 5\n");
  EXPECT_EQ(said(parse("- 1\n")), "c.yaml:1: expected a mapping, got a list\n");
  EXPECT_THAT(said(parse("apisix: {router: {http: tree}}")),
              HasSubstr("expected one of radixtree_host_uri, radixtree_uri, "
                        "radixtree_uri_with_parameter, got the text \"tree\""));
  EXPECT_THAT(said(parse("apisix: {node_listen: 70000}")), HasSubstr("got 70000"));
  EXPECT_THAT(said(parse("deployment: {admin: {allow_admin: [1.2.3]}}")), HasSubstr("1.2.3"));
}

TEST(Settings, BadYamlIsAnErrorWithItsLine) {
  ParsedSettings parsed = parse("apisix:\n  a: 'x\n");
  ASSERT_FALSE(parsed.ok());
  EXPECT_THAT(said(parsed), HasSubstr("not valid YAML"));
  EXPECT_GT(parsed.findings[0].line, 0u);
}

TEST(Settings, KeysWithoutEffectAreSaidOnlyWhenTheySwitchSomethingOn) {
  EXPECT_EQ(said(parse("nginx_config:\n  http_configuration_snippet: |\n    # nothing\n"
                       "apisix: {enable_http2: false, lru: {}}\n")),
            "");
  std::string text =
      said(parse("nginx_config:\n  http_configuration_snippet: chunk on;\n"
                 "apisix:\n  tracing: true\n"));
  EXPECT_THAT(text, HasSubstr("c.yaml:2: nginx_config.http_configuration_snippet: has no effect"));
  EXPECT_THAT(text, HasSubstr("c.yaml:4: apisix.tracing: not part of this version"));
}

TEST(Settings, TlsListensByDefaultAndWhereItIsTold) {
  Settings settings = parse("").settings;
  EXPECT_TRUE(settings.ssl.enabled);
  ASSERT_EQ(settings.ssl.listen.size(), 2u);
  EXPECT_EQ(settings.ssl.listen[0].text(), "0.0.0.0:9443");
  EXPECT_TRUE(settings.ssl.listen[0].unasked);
  settings = parse("apisix: {ssl: {listen: [{ip: 127.0.0.1, port: 443}]}}").settings;
  ASSERT_EQ(settings.ssl.listen.size(), 1u);
  EXPECT_FALSE(settings.ssl.listen[0].unasked);
  // Plain HTTP was asked for there: TLS, which was not, gives way.
  ParsedSettings both = parse("apisix: {node_listen: 9443}");
  EXPECT_TRUE(both.ok());
  EXPECT_TRUE(both.settings.ssl.listen.empty());
  EXPECT_FALSE(parse("apisix: {node_listen: 443, ssl: {listen: 443}}").ok());
  EXPECT_THAT(said(parse("apisix: {ssl: {ssl_protocols: SSLv3}}")),
              HasSubstr("expected some of TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"));
}

TEST(Settings, StoresThatAreNotThereAreRefused) {
  ParsedSettings parsed = parse("deployment:\n  role_traditional:\n    config_provider: xds\n");
  EXPECT_FALSE(parsed.ok());
  EXPECT_THAT(said(parsed), HasSubstr("c.yaml:3: deployment.role_traditional.config_provider: "));
  EXPECT_TRUE(parse("deployment: {role_data_plane: {config_provider: yaml}}").ok());
}

TEST(Settings, EtcdIsReached) {
  ParsedSettings parsed = parse(
      "deployment:\n"
      "  role_traditional: {config_provider: etcd}\n"
      "  etcd: {host: ['https://a:2379', 'http://b'], prefix: /p, timeout: 3, user: u,\n"
      "    password: w, tls: {verify: false, sni: etcd.local}}\n");
  ASSERT_TRUE(parsed.ok()) << said(parsed);
  EXPECT_EQ(said(parsed), "");
  const StoreSettings& store = parsed.settings.store;
  EXPECT_EQ(store.kind, StoreKind::etcd);
  EXPECT_EQ(store.key_prefix, "/p");
  EXPECT_EQ(store.etcd.timeout_ms, 3'000);
  EXPECT_TRUE(store.etcd.password.equals("w"));
  EXPECT_FALSE(store.etcd.verify);
}

TEST(Settings, EtcdsSettingsAreChecked) {
  auto fault = [](const std::string& etcd) {
    return said(
        parse("deployment: {role_traditional: {config_provider: etcd}, etcd: {" + etcd + "}}\n"));
  };
  EXPECT_THAT(fault("host: ['127.0.0.1:2379']"), HasSubstr("deployment.etcd.host[0]: "));
  EXPECT_THAT(fault("host: []"), HasSubstr("deployment.etcd.host: "));
  EXPECT_THAT(fault("user: u"), HasSubstr("deployment.etcd.user: "));
  EXPECT_THAT(fault("tls: {cert: a}"), HasSubstr("deployment.etcd.tls.cert: "));
}

TEST(Settings, ADataPlaneHasNoAdminApi) {
  EXPECT_FALSE(parse("deployment: {role: data_plane}").settings.admin.enabled);
}

TEST(Settings, OneAddressForTwoServersIsRefused) {
  EXPECT_THAT(said(parse("apisix:\n  node_listen: 9180\n")),
              HasSubstr("deployment.admin.admin_listen: 0.0.0.0:9180 conflicts with 0.0.0.0:9180"));
  EXPECT_FALSE(parse("apisix: {control: {port: 9080}}").ok());
  EXPECT_TRUE(parse("apisix: {node_listen: [{ip: 127.0.0.2, port: 9090}]}").ok());
}

TEST(Settings, StreamAddressesConflictLikeAllOthers) {
  std::string both = "  proxy_mode: http&stream\n";
  EXPECT_THAT(said(parse("apisix:\n" + both + "  stream_proxy: {tcp: [9080]}\n")),
              HasSubstr("apisix.stream_proxy.tcp: 0.0.0.0:9080 conflicts with 0.0.0.0:9080 of "
                        "apisix.node_listen"));
  EXPECT_FALSE(parse("apisix:\n" + both + "  stream_proxy: {tcp: [9100, '9090-9110']}\n").ok());
  EXPECT_TRUE(parse("apisix:\n" + both + "  stream_proxy: {tcp: [9100], udp: [9100]}\n").ok());
  EXPECT_TRUE(parse("apisix:\n  stream_proxy: {tcp: [9080]}\n").ok());  // not listened on
}

TEST(Settings, TheProxyProtocolIsSpokenWhereItIsAskedFor) {
  Settings settings = parse(
                          "apisix:\n  proxy_mode: http&stream\n  enable_ipv6: false\n"
                          "  proxy_protocol: {listen_http_port: 9181, enable_tcp_pp: true}\n"
                          "  stream_proxy: {tcp: [9100, {addr: 9101, proxy_protocol: false, "
                          "proxy_protocol_to_upstream: true}]}\n")
                          .settings;
  ASSERT_EQ(settings.proxy.listen.size(), 2u);
  EXPECT_FALSE(settings.proxy.listen[0].announced.value_or(false));
  EXPECT_EQ(settings.proxy.listen[1].port, 9181);
  EXPECT_TRUE(settings.proxy.listen[1].announced.value_or(false));
  ASSERT_EQ(settings.stream.tcp.size(), 2u);
  EXPECT_EQ(settings.stream.tcp[0].announced, true);
  EXPECT_EQ(settings.stream.tcp[0].announces, false);
  EXPECT_EQ(settings.stream.tcp[1].announced, false);
  EXPECT_EQ(settings.stream.tcp[1].announces, true);
}

TEST(Settings, EnvironmentVariablesAreFilledIn) {
  Environment environment = environment_of({{"PORT", "1984"}, {"ON", "true"}, {"K", "abc"}});
  ParsedSettings parsed = parse_settings(
      "apisix:\n  node_listen: ${{PORT}}\n  delete_uri_tail_slash: ${{ ON }}\n"
      "  enable_ipv6: ${{V6:=false}}\n"
      "deployment:\n  admin:\n    admin_key:\n      - key: x${{K}}y\n        role: admin\n",
      environment);
  ASSERT_EQ(said(parsed), "");
  EXPECT_THAT(listens(parsed.settings), ElementsAre("0.0.0.0:1984"));
  EXPECT_TRUE(parsed.settings.proxy.delete_uri_tail_slash);
  EXPECT_TRUE(parsed.settings.admin.keys[0].key.equals("xabcy"));
}

TEST(Settings, AMissingEnvironmentVariableIsAnError) {
  EXPECT_THAT(said(parse("apisix:\n  node_listen: ${{PORT}}\n")),
              HasSubstr("c.yaml:2: apisix.node_listen: the environment variable PORT is not set"));
}

TEST(Settings, EnvironmentVariablesInKeysKeepTheirLine) {
  ParsedSettings parsed =
      parse_settings("apisix:\n  ${{NAME}}: 1\n", environment_of({{"NAME", "node_listn"}}));
  EXPECT_THAT(said(parsed), HasSubstr("c.yaml:2: apisix.node_listn: unknown key"));
}

TEST(Settings, WorkersComeFromTheEnvironmentFirst) {
  Environment environment = environment_of({{"APISIX_WORKER_PROCESSES", "5"}});
  EXPECT_EQ(parse_settings("", environment).settings.worker_count(), 5u);
}

TEST(Settings, AdminKeyRules) {
  EXPECT_THAT(said(parse("deployment: {admin: {admin_key: ~, allow_admin: ~}}")),
              HasSubstr("ERROR: missing valid Admin API token."));
  EXPECT_FALSE(parse("deployment: {admin: {admin_key: ~, allow_admin: [0.0.0.0/0]}}").ok());
  EXPECT_TRUE(parse("deployment: {admin: {admin_key: ~}}").ok());
  EXPECT_THAT(said(parse("deployment: {admin: {allow_admin: ~}}")),
              HasSubstr("WARNING: using empty Admin API."));
  EXPECT_THAT(said(parse("deployment: {admin: {admin_key_required: false, admin_key: ~, "
                         "allow_admin: ~}}")),
              HasSubstr("Admin key is bypassed!"));
  EXPECT_THAT(said(parse("deployment: {admin: {admin_key: [{key: "
                         "edd1c9f034335f136f87ad84b625c8f1, role: admin}]}}")),
              HasSubstr("anyone can use your Admin API"));
  EXPECT_FALSE(parse("deployment: {admin: {admin_key: [{key: '', role: viewer}]}}").ok());
  EXPECT_FALSE(parse("deployment: {admin: {admin_key: [{key: x, role: root}]}}").ok());
  ParsedSettings parsed =
      parse("deployment:\n  admin:\n    admin_key:\n      - role: admin\n      - role: boss\n");
  EXPECT_THAT(said(parsed), HasSubstr("c.yaml:5: deployment.admin.admin_key[1]: `role` must be"));
}

TEST(Settings, ManyMistakesDoNotFillTheMemory) {
  std::string text = "apisix:\n";
  for (int i = 0; i < 5000; ++i) text += "  unknown_key_" + std::to_string(i) + ": 1\n";
  text += "nginx_config: {http: {send_timeout: x}}\n";
  ParsedSettings parsed = parse(text);
  EXPECT_LE(parsed.findings.size(), 100u);
  EXPECT_FALSE(parsed.ok());
}

TEST(Settings, KeysAreDeclaredOnce) {
  std::map<std::string_view, int> counts;
  for (const Key& key : all_keys()) EXPECT_EQ(++counts[key.path], 1) << key.path;
}

TEST(Settings, ReferencePageIsCurrent) {
  auto page = read_file("docs/configuration.md", 1 << 20);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(*page, configuration_page())
      << "docs/configuration.md is stale: pylon help config > docs/configuration.md";
}

}  // namespace
}  // namespace pylon::gateway

// Ssl: a certificate by server name, or a client certificate for upstreams. Source: APISIX 3.18
// schema_def.lua `ssl`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/common.h"

namespace pylon::config {

enum class SslType : uint8_t { server, client };

// Client certificates that a server demands.
struct SslClient {
  std::string ca;
  int64_t depth = 1;
  std::vector<std::string> skip_mtls_uri_regex;

  static constexpr auto fields = std::tuple{
      field("ca", &SslClient::ca, "PEM certificate of the authority.")
          .required()
          .length(128, 65536),
      field("depth", &SslClient::depth, "Longest chain.").at_least(0),
      field("skip_mtls_uri_regex", &SslClient::skip_mtls_uri_regex, "Paths that need none.")
          .min_items(1)
          .unique()};
};

// Source: APISIX docs "ocsp-stapling".
struct SslStapling {
  bool enabled = false;
  bool skip_verify = false;
  int64_t cache_ttl = 3600;

  static constexpr auto fields = std::tuple{
      field("enabled", &SslStapling::enabled, "Send the responder's answer in handshakes."),
      field("skip_verify", &SslStapling::skip_verify, "Take any answer, \"revoked\" too."),
      field("cache_ttl", &SslStapling::cache_ttl, "Seconds until it is asked for anew.")
          .at_least(60)};
};

struct Ssl {
  std::string id;
  Labels labels;
  SslType type = SslType::server;
  std::string cert;
  Secret key;
  std::vector<std::string> snis;   // `sni` is moved in here by parse_ssl
  std::string sni;                 // empty after parse_ssl
  std::vector<std::string> certs;  // further pairs with `keys`
  std::vector<Secret> keys;
  std::unique_ptr<SslClient> client;
  std::unique_ptr<SslStapling> ocsp_stapling;
  int status = 1;
  std::vector<std::string> ssl_protocols;

  static constexpr std::string_view kStatus =
      R"({"description":"ssl status, 1 to enable, 0 to disable","type":"integer","enum":[1,0],)"
      R"("default":1})";
  static constexpr std::string_view kByType =
      R"({"if":{"properties":{"type":{"enum":["server"]}}},)"
      R"("then":{"oneOf":[{"required":["sni","key","cert"]},{"required":["snis","key","cert"]}]},)"
      R"("else":{"required":["key","cert"]}})";

  static constexpr auto fields = std::tuple{
      id_field(&Ssl::id),
      kDescriptionField,
      labels_field(&Ssl::labels),
      kCreateTimeField,
      kUpdateTimeField,
      field("type", &Ssl::type, "For clients of ours, or shown to upstreams."),
      field("cert", &Ssl::cert, "PEM certificate and chain.").length(128, 65536),
      field("key", &Ssl::key, "PEM key.").length(64, 65536),
      field("sni", &Ssl::sni, "Server name, * for one first label.").pattern(kHostPattern),
      field("snis", &Ssl::snis, "Several server names.")
          .items(each().pattern(kHostPattern))
          .min_items(1),
      field("certs", &Ssl::certs, "Further certificates.").items(each().length(128, 65536)),
      field("keys", &Ssl::keys, "Their keys.").items(each().length(64, 65536)),
      field("client", &Ssl::client, "Demand a client certificate."),
      field("ocsp_stapling", &Ssl::ocsp_stapling, "Tell clients that it is not revoked."),
      field("status", &Ssl::status, "1 on, 0 off.").fragment(kStatus),
      field("ssl_protocols", &Ssl::ssl_protocols, "TLS versions offered.")
          .items(each().fragment(R"({"enum":["TLSv1.1","TLSv1.2","TLSv1.3"]})"))
          .max_items(3)
          .unique()};
  static constexpr auto rules = schema::schema_fragment(kByType);
  static constexpr bool closed = true;
};

Result<Ssl> parse_ssl(Json value);

}  // namespace pylon::config

namespace pylon::schema {

template <>
struct EnumNames<config::SslType> {
  static constexpr std::string_view names[] = {"server", "client"};
};

}  // namespace pylon::schema

#include "gateway/api_tls.h"

#include <fmt/format.h>

#include <utility>

#include "gateway/config_file.h"
#include "gateway/room_options.h"

namespace pylon::gateway {
namespace {

constexpr size_t kMaxPemBytes = 1 << 20;
constexpr int kClientDepth = 1;  // authorities between a client and those of the file, as in nginx

tl::unexpected<Error> wrong(std::string_view key, const Error& error) {
  return fail(fmt::format("deployment.admin.admin_api_mtls.{}: {}", key, error.message));
}

}  // namespace

Result<std::unique_ptr<ApiTls>> ApiTls::of_admin(net::Loop& loop, const Settings& settings) {
  const AdminSettings& admin = settings.admin;
  if (!admin.enabled || !admin.https) return nullptr;
  auto certificate = read_file(settings.in_conf(admin.certificate), kMaxPemBytes);
  if (!certificate) return wrong("admin_ssl_cert", certificate.error());
  auto key = read_file(settings.in_conf(admin.certificate_key), kMaxPemBytes);
  if (!key) return wrong("admin_ssl_cert_key", key.error());
  if (auto pair = tls::KeyPair::parse(*certificate, *key); !pair) {
    return wrong("admin_ssl_cert", pair.error());
  }
  auto identity = make_ref<tls::ServerIdentity>();
  identity->serial = tls::next_identity_serial();
  identity->id = "of the Admin API";
  identity->pairs.push_back({std::move(*certificate), Secret(*key)});
  if (!admin.client_authority.empty()) {
    auto authority = read_file(settings.in_conf(admin.client_authority), kMaxPemBytes);
    if (!authority) return wrong("admin_ssl_ca_cert", authority.error());
    if (auto parsed = tls::parse_authorities(*authority); !parsed) {
      return wrong("admin_ssl_ca_cert", parsed.error());
    }
    identity->client =
        std::make_unique<tls::ClientDemand>(tls::ClientDemand{.authority = std::move(*authority),
                                                              .depth = kClientDepth,
                                                              .by_request = true,
                                                              .exempt_paths = {}});
    identity->trust = tls::trust_digest(identity->client->authority, kClientDepth, true);
  }
  std::unique_ptr<ApiTls> made(new ApiTls(loop, std::move(identity)));
  tls::ServerOptions options = tls_server(settings);
  options.tickets = false;
  options.fallback_name = "admin";  // find() takes any
  options.alpn = {"http/1.1"};
  auto context = tls::ServerContext::make(options, made->share_, *made);
  if (!context) return fail("apisix.ssl: " + context.error().message);
  made->context_ = std::move(*context);
  return made;
}

}  // namespace pylon::gateway

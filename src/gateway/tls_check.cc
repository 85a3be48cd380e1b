#include "gateway/tls_check.h"

#include "gateway/api_tls.h"
#include "gateway/etcd_side.h"
#include "gateway/gateway.h"
#include "gateway/room_options.h"
#include "net/loop.h"

namespace pylon::gateway {

Result<std::unique_ptr<tls::ClientContext>> check_tls(const tls::ServerOptions& server,
                                                      tls::ServerShare& share,
                                                      const tls::ClientOptions& client) {
  struct Nobody final : tls::IdentitySource {
    const tls::ServerIdentity* find(std::string_view) const override { return nullptr; }
  } nobody;
  auto for_clients = tls::ServerContext::make(server, share, nobody);
  if (!for_clients) return fail("apisix.ssl: " + for_clients.error().message);
  auto for_servers = tls::ClientContext::make(client);
  if (!for_servers) {
    return fail("apisix.ssl.ssl_trusted_certificate: " + for_servers.error().message);
  }
  return std::move(*for_servers);
}

Result<void> check_files(const Settings& settings) {
  net::Loop loop;
  tls::ServerShare share;
  auto made = check_tls(tls_server(settings), share, tls_client(settings));
  if (!made) return tl::unexpected(made.error());
  if (auto admin = ApiTls::of_admin(loop, settings); !admin) {
    return tl::unexpected(admin.error());
  }
  return settings.store.provider() == ConfigProvider::etcd ? check_etcd_files(settings)
                                                           : Result<void>();
}

}  // namespace pylon::gateway

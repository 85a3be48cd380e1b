// What config.yaml means for the rooms below: their options, made from Settings.
#pragma once

#include <string>

#include "expr/template.h"
#include "gateway/secret_store.h"
#include "gateway/settings.h"
#include "http/h2/client_connection.h"
#include "http/server.h"
#include "proxy/options.h"
#include "tls/client_context.h"
#include "tls/server_context.h"
#include "upstream/dns_config.h"
#include "upstream/upstream.h"

namespace pylon::gateway {

// The Server field of every answer: "APISIX/3.18.0", or "APISIX" without server_tokens.
std::string server_name(const Settings& settings);

http::ServerLimits server_limits(const Settings& settings);
proxy::Options proxy_options(const Settings& settings);
// resolv.conf and hosts of this machine, overruled by apisix.dns_resolver and its companions.
upstream::dns::Config dns_config(const Settings& settings);
upstream::Keepalive default_keepalive(const Settings& settings);
http::h2::PingTerms upstream_pings(const Settings& settings);
// How TLS is spoken with clients, and with upstreams.
tls::ServerOptions tls_server(const Settings& settings);
tls::ClientOptions tls_client(const Settings& settings);
expr::LogFormat log_format(const AccessLogSettings& log);

SecretOptions secret_options(const Settings& settings);

}  // namespace pylon::gateway

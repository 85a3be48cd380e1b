#include "proxy/forward_proxy.h"

#include <ifaddrs.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "net/socket_address.h"
#include "observe/log.h"
#include "plugin/verdict.h"
#include "proxy/tunnel.h"

namespace pylon::proxy {

using http::Exchange;
using http::Method;
using observe::Level;

namespace {

constexpr int64_t kOwnAddressesUs = 10'000'000;  // then they are read again

std::string_view refused_body() {
  static const std::string body = plugin::message_body("The proxy does not connect to that");
  return body;
}

uint16_t port_of(const http::Request& request) { return request.port != 0 ? request.port : 80; }

std::string_view without_brackets(std::string_view host) {
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

// What was asked for in another scheme would leave as plain HTTP.
bool is_plain_http(const http::Request& request) {
  constexpr std::string_view kHttp = "http://";
  return request.target.size() > kHttp.size() &&
         std::equal(kHttp.begin(), kHttp.end(), request.target.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

// The upstream is gone when the exchange is logged: what is told of it must not lie there.
void keep_trace(Exchange& exchange) {
  http::UpstreamTrace& trace = exchange.upstream;
  trace.host = exchange.arena.copy(trace.host);
  trace.node_ip = exchange.arena.copy(trace.node_ip);
  for (int i = 0; i < trace.count; i++) {
    trace.attempts[i].address = exchange.arena.copy(trace.attempts[i].address);
  }
}

void log_refusal(const Exchange& exchange, std::string_view reason) {
  observe::log(Level::info, "client {}: forward-proxy: {}:{}: {}", exchange.client.text,
               exchange.request.host, port_of(exchange.request), reason);
}

}  // namespace

ForwardProxy::ForwardProxy(net::Loop& loop, upstream::Resolver& resolver, tls::ClientContext& tls,
                           const Clock& clock, const Options& options)
    : loop_(loop),
      resolver_(resolver),
      workshop_{endpoints_, health_, upstream::DenseIds(), *this, {.size = 0}},
      pool_(loop, tls),
      http2_(loop, tls, {}),  // its nodes speak HTTP/1
      balancer_(clock),
      forwarder_(loop, pool_, http2_, balancer_, options) {}

async::Task<plugin::Verdict> ForwardProxy::serve(Exchange& exchange, Plugins& plugins,
                                                 snapshot::Pin& pin) {
  const plugin::ForwardPolicy& policy = *exchange.forward_policy;
  const http::Request& request = exchange.request;
  bool tunnels = request.method == Method::connect;
  if (!tunnels && !is_plain_http(request)) {
    log_refusal(exchange, "another scheme than http");
    co_return plugin::finish(400);
  }
  if (!policy.admits_port(port_of(request)) ||
      !policy.admits_host(without_brackets(request.host))) {
    log_refusal(exchange, "host or port is not allowed");
    co_return plugin::finish(403, refused_body());
  }
  std::vector<IpAddress> found;
  int failed = co_await find_addresses(exchange, found);
  if (failed != 0) co_return plugin::finish(failed, refused_body());
  auto upstream = upstream_for(exchange, found);
  if (!upstream) co_return plugin::finish(502);
  if (tunnels) {
    int status = co_await connect(exchange, **upstream);
    co_return plugin::Verdict(status, {});
  }
  Errand errand{exchange, **upstream, (*upstream)->timeouts, plugins, false, &pin};
  int status = co_await forwarder_.forward(errand);
  keep_trace(exchange);
  co_return plugin::Verdict(status, errand.verdict.body());
}

// Those of the name, now, that may be connected to. 0, or the status of a refusal.
async::Task<int> ForwardProxy::find_addresses(Exchange& exchange,
                                              std::vector<IpAddress>& addresses) {
  const plugin::ForwardPolicy& policy = *exchange.forward_policy;
  std::string host(without_brackets(exchange.request.host));
  std::vector<IpAddress> found;
  if (std::optional<IpAddress> literal = IpAddress::parse(host)) {
    found.push_back(*literal);
  } else if (const upstream::dns::Resolved* known = resolver_.known(host)) {
    found = known->addresses;
  } else {
    upstream::dns::Resolved resolved = co_await resolver_.resolve(host);
    found = std::move(resolved.addresses);
  }
  if (found.empty()) {
    log_refusal(exchange, "the name has no address");
    co_return 502;
  }
  for (const IpAddress& each : found) {
    IpAddress address = each.unmapped();
    bool listed = policy.allowed.contains(address);
    if (!policy.admits_address(address) || (!listed && is_own(address))) continue;
    if (addresses.size() < kMostAddresses) addresses.push_back(address);
  }
  if (!addresses.empty()) co_return 0;
  log_refusal(exchange, "its address is not allowed");
  co_return 403;
}

// Whatever listens on this machine trusts that it is not reached through the gateway.
bool ForwardProxy::is_own(const IpAddress& address) {
  if (own_.empty() || loop_.now_us() > own_read_us_ + kOwnAddressesUs) {
    own_.clear();
    own_read_us_ = loop_.now_us();
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return true;
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
      if (each->ifa_addr == nullptr) continue;
      int family = each->ifa_addr->sa_family;
      if (family != AF_INET && family != AF_INET6) continue;
      sockaddr_storage storage{};
      std::memcpy(&storage, each->ifa_addr,
                  family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      own_.push_back(net::place_of(storage).address);
    }
    ::freeifaddrs(list);
  }
  return std::find(own_.begin(), own_.end(), address) != own_.end();
}

// An upstream of these addresses and nothing else: no name in it can be looked up again.
Result<Ref<const upstream::Upstream>> ForwardProxy::upstream_for(
    const Exchange& exchange, const std::vector<IpAddress>& addresses) {
  const plugin::ForwardPolicy& policy = *exchange.forward_policy;
  config::Upstream config;
  for (const IpAddress& address : addresses) {
    config::UpstreamNode node;
    node.host = address.to_string();
    node.port = port_of(exchange.request);
    node.weight = 1;
    config.nodes.list.push_back(std::move(node));
  }
  config.timeout = std::make_unique<config::Timeout>();
  config.timeout->connect = static_cast<double>(policy.connect_timeout_ms) / 1000;
  config.timeout->send = config.timeout->read = static_cast<double>(policy.idle_timeout_ms) / 1000;
  return upstream::compile(config, "forward-proxy", workshop_, nullptr);
}

async::Task<int> ForwardProxy::connect(Exchange& exchange, const upstream::Upstream& upstream) {
  http::Downstream& client = *exchange.downstream;
  for (const upstream::Target& target : upstream.targets) {
    const upstream::Endpoint& endpoint = *target.endpoint;
    int64_t now_us = loop_.now_us();
    exchange.upstream.add({.address = exchange.arena.copy(endpoint.text()), .started_us = now_us},
                          exchange.arena);
    upstream::ConnectionLease node;
    node.hold(pool_.connect(endpoint, {}));
    if (!node) co_return 503;
    node->use(client.waker());
    int64_t deadline_us = now_us + upstream.timeouts.connect_ms * 1000;
    while (node->connecting() && loop_.now_us() < deadline_us && !client.gone()) {
      (void)co_await client.waker().wait(deadline_us);
    }
    if (client.gone()) co_return 0;
    if (node->connecting() || node->broken()) {
      log_refusal(exchange, node->broken() ? std::strerror(node->error()) : "it took too long");
      continue;
    }
    http::Attempt& attempt = exchange.upstream.attempts[exchange.upstream.count - 1];
    attempt.connected_us = attempt.header_us = loop_.now_us();
    attempt.status = exchange.response.status = 200;
    exchange.response.reason = "Connection established";
    client.start_response(-1);
    int64_t idle_us = upstream.timeouts.read_ms * 1000;
    co_await run_tunnel(loop_, client, *node, idle_us);
    attempt.bytes_received = node->received_bytes();
    attempt.ended_us = loop_.now_us();
    co_return 0;
  }
  co_return 502;
}

// Nodes are addresses: nothing is ever asked for.
const std::vector<IpAddress>& ForwardProxy::addresses(const std::string&) {
  static const std::vector<IpAddress> kNone;
  return kNone;
}

}  // namespace pylon::proxy

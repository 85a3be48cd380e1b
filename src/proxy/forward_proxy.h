// ForwardProxy: requests that go to where they name, within what a ForwardPolicy allows: absolute
// targets and CONNECT. One per worker; it has pools and balancers of its own, so that no connection
// of it is ever used for an upstream. Source: RFC 9110 9.3.6, RFC 9112 3.2.2 and 3.2.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/forward_policy.h"
#include "proxy/forwarder.h"
#include "upstream/resolver.h"

namespace pylon::proxy {

class ForwardProxy final : private upstream::AddressBook {
 public:
  ForwardProxy(net::Loop& loop, upstream::Resolver& resolver, tls::ClientContext& tls,
               const Clock& clock, const Options& options);

  // Proceeds when it was answered, or the client is gone; else what the gateway has to answer.
  async::Task<plugin::Verdict> serve(http::Exchange& exchange, Plugins& plugins,
                                     snapshot::Pin& pin);

 private:
  static constexpr size_t kMostAddresses = 4;  // of one name, in order of trial

  async::Task<int> find_addresses(http::Exchange& exchange, std::vector<IpAddress>& addresses);
  bool is_own(const IpAddress& address);
  Result<Ref<const upstream::Upstream>> upstream_for(const http::Exchange& exchange,
                                                     const std::vector<IpAddress>& addresses);
  async::Task<int> connect(http::Exchange& exchange, const upstream::Upstream& upstream);
  const std::vector<IpAddress>& addresses(const std::string& host) override;

  net::Loop& loop_;
  upstream::Resolver& resolver_;
  upstream::EndpointTable endpoints_;
  upstream::HealthTable health_;
  upstream::Workshop workshop_;
  upstream::Pool pool_;
  upstream::Http2Pool http2_;
  upstream::Balancer balancer_;
  Forwarder forwarder_;
  std::vector<IpAddress> own_;  // of this machine's interfaces
  int64_t own_read_us_ = 0;
};

}  // namespace pylon::proxy

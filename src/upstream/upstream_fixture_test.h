// What tests of upstreams need: tables, a book of addresses, and upstreams made from JSON.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "config/upstream.h"
#include "upstream/upstream.h"

namespace pylon::upstream {

class FakeAddressBook final : public AddressBook {
 public:
  void set(const std::string& host, std::vector<std::string> texts) {
    std::vector<IpAddress>& list = addresses_[host];
    list.clear();
    for (const std::string& text : texts) list.push_back(*IpAddress::parse(text));
  }
  const std::vector<IpAddress>& addresses(const std::string& host) override {
    return addresses_[host];
  }

 private:
  std::map<std::string, std::vector<IpAddress>> addresses_;
};

struct UpstreamFixture {
  EndpointTable endpoints;
  HealthTable health;
  DenseIds slots;
  FakeAddressBook names;
  Workshop workshop{endpoints, health, slots, names, {}};

  Result<Ref<const Upstream>> try_make(std::string_view json, const Upstream* previous = nullptr) {
    auto parsed = config::parse_upstream(Json::parse(json).value());
    if (!parsed) return tl::unexpected(parsed.error());
    return compile(*parsed, "/apisix/upstreams/1", workshop, previous);
  }
  Ref<const Upstream> make(std::string_view json, const Upstream* previous = nullptr) {
    return try_make(json, previous).value();
  }
};

}  // namespace pylon::upstream

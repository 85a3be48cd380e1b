#include "upstream/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

namespace pylon::upstream {
namespace {

std::string address_text(const EndpointIdentity& identity) {
  if (!identity.unix_path.empty()) return "unix:" + identity.unix_path;
  std::string ip = identity.address.to_string();
  if (identity.address.is_v6()) ip = "[" + ip + "]";
  return ip + ":" + std::to_string(identity.port);
}

socklen_t fill(sockaddr_storage& storage, const EndpointIdentity& identity) {
  if (!identity.unix_path.empty()) {
    auto& address = reinterpret_cast<sockaddr_un&>(storage);
    address.sun_family = AF_UNIX;
    size_t bytes = std::min(identity.unix_path.size(), EndpointTable::kMaxUnixPath);
    std::memcpy(address.sun_path, identity.unix_path.data(), bytes);
    return sizeof(address);
  }
  if (identity.address.is_v6()) {
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(identity.port);
    std::memcpy(&address.sin6_addr, identity.address.bytes().data(), 16);
    return sizeof(address);
  }
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  address.sin_port = htons(identity.port);
  address.sin_addr.s_addr = htonl(identity.address.v4_value());
  return sizeof(address);
}

}  // namespace

Endpoint::Endpoint(EndpointTable& table, const EndpointIdentity& identity)
    : table_(&table),
      id_(table.ids_.take()),
      identity_(identity),
      text_(address_text(identity_)),
      ip_text_(identity_.unix_path.empty() ? identity_.address.to_string() : std::string()),
      address_bytes_(fill(address_, identity_)) {}

Endpoint::~Endpoint() {
  table_->by_identity_.erase(identity_);
  table_->ids_.give_back(id_);
}

Ref<const Endpoint> EndpointTable::intern(const EndpointIdentity& identity) {
  auto known = by_identity_.find(identity);
  if (known != by_identity_.end()) return Ref<const Endpoint>(known->second);
  Ref<const Endpoint> endpoint(new Endpoint(*this, identity));
  by_identity_.emplace(identity, endpoint.get());
  return endpoint;
}

}  // namespace pylon::upstream

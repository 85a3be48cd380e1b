#include "upstream/endpoint.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/hash.h"
#include "base/socket_address.h"

namespace pylon::upstream {

namespace {

// Endpoints by identity, without a copy of it.
const EndpointIdentity& identity_of(const Endpoint* endpoint) { return endpoint->identity(); }
const EndpointIdentity& identity_of(const EndpointIdentity& identity) { return identity; }

struct IdentityHash {
  using is_transparent = void;
  size_t operator()(const auto& whose) const {
    const EndpointIdentity& identity = identity_of(whose);
    const IpAddress::Bytes& ip = identity.address.bytes();
    uint64_t hash = hash_guarded({reinterpret_cast<const char*>(ip.data()), ip.size()});
    hash += identity.port;
    for (std::string_view text :
         {std::string_view(identity.unix_path), std::string_view(identity.tls.sni),
          std::string_view(identity.tls.client_cert)}) {
      if (!text.empty()) hash = hash_bytes(text, hash);
    }
    return hash;
  }
};

struct SameIdentity {
  using is_transparent = void;
  bool operator()(const auto& a, const auto& b) const { return identity_of(a) == identity_of(b); }
};

std::string address_text(const EndpointIdentity& identity) {
  if (!identity.unix_path.empty()) return "unix:" + identity.unix_path;
  std::string ip = identity.address.to_string();
  if (identity.address.is_v6()) ip = "[" + ip + "]";
  return ip + ":" + std::to_string(identity.port);
}

// "10.0.0.1:80" -> "10.0.0.1", "[::1]:80" -> "::1"
std::string_view ip_part(std::string_view text, const EndpointIdentity& identity) {
  if (!identity.unix_path.empty()) return {};
  text = text.substr(0, text.rfind(':'));
  return identity.address.is_v6() ? text.substr(1, text.size() - 2) : text;
}

std::unique_ptr<const sockaddr_un> unix_address(const std::string& path) {
  if (path.empty()) return nullptr;
  auto address = std::make_unique<sockaddr_un>();
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path, path.data(), std::min(path.size(), EndpointTable::kMaxUnixPath));
  return address;
}

}  // namespace

struct EndpointTableCore : RefCounted {
  std::unordered_set<const Endpoint*, IdentityHash, SameIdentity> endpoints;
  DenseIds ids;
};

Endpoint::Endpoint(EndpointTableCore& table, const EndpointIdentity& identity)
    : table_(&table),
      id_(table.ids.take()),
      identity_(identity),
      text_(address_text(identity_)),
      ip_text_(ip_part(text_, identity_)),
      unix_address_(unix_address(identity_.unix_path)) {
  SocketAddress address(identity_.address, identity_.port);
  std::memcpy(&address_, address.get(), address.size());
}

Endpoint::~Endpoint() {
  table_->endpoints.erase(this);
  table_->ids.give_back(id_);
}

socklen_t Endpoint::socket_address_bytes() const {
  if (unix_address_ != nullptr) return sizeof(sockaddr_un);
  return identity_.address.is_v6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

EndpointTable::EndpointTable() : core_(make_ref<EndpointTableCore>()) {}

EndpointTable::~EndpointTable() = default;

Ref<const Endpoint> EndpointTable::intern(const EndpointIdentity& identity) {
  auto known = core_->endpoints.find(identity);
  if (known != core_->endpoints.end()) return Ref<const Endpoint>(*known);
  Ref<const Endpoint> endpoint(new Endpoint(*core_, identity));
  core_->endpoints.insert(endpoint.get());
  return endpoint;
}

size_t EndpointTable::size() const { return core_->endpoints.size(); }

EndpointId EndpointTable::bound() const { return core_->ids.bound(); }

}  // namespace pylon::upstream

// UpstreamMaker: compiles upstreams wherever they are written, and knows which of them use a host
// name whose addresses may change. Control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "config/resource.h"
#include "upstream/name_watch.h"
#include "upstream/upstream.h"

namespace pylon::snapshot {

// The resource that an upstream is written in.
struct Owner {
  config::Kind kind;
  std::string id;

  bool operator==(const Owner&) const = default;
};

class UpstreamMaker final : private upstream::AddressBook {
  class NameUse;

 public:
  // An upstream in force. While it lives, its host names are watched.
  struct Made {
    uint64_t digest = 0;  // of its configuration
    Ref<const upstream::Upstream> compiled;
    std::unique_ptr<const NameUse> names;  // null: it has none

    ~Made();
  };
  using MadePtr = std::shared_ptr<Made>;

  // `names` must outlive it; it must outlive what it made.
  UpstreamMaker(upstream::NameWatch& names, upstream::Keepalive keepalive,
                const upstream::DenseIds& slots);

  // `key` is the owner's key, "/apisix/upstreams/1". `previous` is what the owner had, or null; it
  // is given back when the digest is the same. `slot`: for the first version; null: a new one.
  Result<MadePtr> make(config::Upstream config, uint64_t digest, const Owner& owner,
                       std::string_view key, const MadePtr& previous,
                       const Ref<const upstream::SharedId>& slot = {});
  // Compiles it with the addresses that its names have now.
  void renew(Made& made);
  // The owner has no upstream any more.
  void forget(std::string_view key) { health_.forget(key); }

  // The owners of upstreams that use the name.
  std::vector<Owner> users_of(const std::string& host) const;

  const upstream::HealthTable& health() const { return health_; }

 private:
  const std::vector<IpAddress>& addresses(const std::string& host) override;
  void warn_of_checks(std::string_view key);
  void tell_of_discovery(std::string_view key, const config::Upstream& from);

  upstream::NameWatch& names_;
  upstream::EndpointTable endpoints_;
  upstream::HealthTable health_;
  upstream::Workshop workshop_;
  int told_of_checks_ = 0;
  int told_of_discovery_ = 0;
  StringMap<std::vector<Owner>> users_;  // by host name; an owner stands once for each use
};

}  // namespace pylon::snapshot

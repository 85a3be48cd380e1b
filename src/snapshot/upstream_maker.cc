#include "snapshot/upstream_maker.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "observe/log.h"

namespace pylon::snapshot {

// That an upstream uses some names. Keeps what is needed to compile it anew.
class UpstreamMaker::NameUse {
 public:
  NameUse(UpstreamMaker& maker, config::Upstream from, std::vector<std::string> hosts,
          const Owner& owner, std::string_view owner_key)
      : config(std::move(from)),
        key(owner_key),
        maker_(maker),
        hosts_(std::move(hosts)),
        owner_(owner) {
    for (const std::string& host : hosts_) {
      (void)maker_.names_.want(host);
      maker_.users_[host].push_back(owner_);
    }
  }
  ~NameUse() {
    for (const std::string& host : hosts_) {
      maker_.names_.drop(host);
      auto users = maker_.users_.find(host);
      users->second.erase(std::find(users->second.begin(), users->second.end(), owner_));
      if (users->second.empty()) maker_.users_.erase(users);
    }
  }
  NameUse(const NameUse&) = delete;
  NameUse& operator=(const NameUse&) = delete;

  const config::Upstream config;
  const std::string key;

 private:
  UpstreamMaker& maker_;
  std::vector<std::string> hosts_;
  Owner owner_;
};

UpstreamMaker::Made::~Made() = default;

UpstreamMaker::UpstreamMaker(upstream::NameWatch& names, upstream::Keepalive keepalive,
                             const upstream::DenseIds& slots)
    : names_(names), workshop_{endpoints_, health_, slots, *this, keepalive} {}

Result<UpstreamMaker::MadePtr> UpstreamMaker::make(config::Upstream config, uint64_t digest,
                                                   const Owner& owner, std::string_view key,
                                                   const MadePtr& previous,
                                                   const Ref<const upstream::SharedId>& slot) {
  if (previous != nullptr && previous->digest == digest) return previous;
  auto made = std::make_shared<Made>();
  made->digest = digest;
  std::vector<std::string> hosts = upstream::domains_of(config);
  const config::Upstream* source = &config;
  if (!hosts.empty()) {
    made->names =
        std::make_unique<const NameUse>(*this, std::move(config), std::move(hosts), owner, key);
    source = &made->names->config;
  }
  const upstream::Upstream* before = previous != nullptr ? previous->compiled.get() : nullptr;
  auto compiled = upstream::compile(*source, key, workshop_, before, slot);
  if (!compiled) return tl::unexpected(compiled.error());
  made->compiled = std::move(*compiled);
  if (source->checks != nullptr) warn_of_checks(key);
  if (!source->discovery_type.empty()) tell_of_discovery(key, *source);
  return made;
}

namespace {

constexpr int kMostTold = 20;

// What to add to a message about one of many: empty; nothing when enough was said.
std::optional<std::string_view> ending(int& told) {
  if (told == kMostTold) return std::nullopt;
  return ++told == kMostTold ? "; no further ones are told" : "";
}

}  // namespace

// Who asked for health checks is to know that nodes which have failed are still used.
void UpstreamMaker::warn_of_checks(std::string_view key) {
  auto end = ending(told_of_checks_);
  if (!end) return;
  observe::log(observe::Level::warn,
               "{}: `checks` are kept, but this version sends no probes: every node is taken for "
               "healthy{}",
               key, *end);
}

// Its requests fail, which nothing else would explain.
void UpstreamMaker::tell_of_discovery(std::string_view key, const config::Upstream& from) {
  auto end = ending(told_of_discovery_);
  if (!end) return;
  observe::log(observe::Level::error,
               "{}: service discovery ({}) is not there yet: service {} has no nodes, requests are "
               "answered with 503{}",
               key, from.discovery_type, from.service_name, *end);
}

void UpstreamMaker::renew(Made& made) {
  if (made.names == nullptr) return;
  auto compiled =
      upstream::compile(made.names->config, made.names->key, workshop_, made.compiled.get());
  if (compiled) made.compiled = std::move(*compiled);
}

std::vector<Owner> UpstreamMaker::users_of(const std::string& host) const {
  auto users = users_.find(host);
  return users != users_.end() ? users->second : std::vector<Owner>();
}

// The name is watched already: this only asks what it has.
const std::vector<IpAddress>& UpstreamMaker::addresses(const std::string& host) {
  const std::vector<IpAddress>& known = names_.want(host);
  names_.drop(host);
  return known;
}

}  // namespace pylon::snapshot

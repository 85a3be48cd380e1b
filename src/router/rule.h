// Rule: what the router knows of one route. Immutable and shared by the versions of the table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/ref.h"
#include "base/result.h"
#include "expr/condition.h"
#include "router/path_pattern.h"

namespace pylon::config {
struct Route;
}

namespace pylon::router {

// `apisix.router.http` of config.yaml.
enum class Mode : uint8_t { host_uri, uri, uri_with_parameter };

// The route's filter_func, run by whoever can (the Lua runtime); absent: passes.
struct Filter {
  bool (*passes)(const void* self, http::Exchange& exchange) = nullptr;
  const void* self = nullptr;  // outlives the rule
};

struct RuleSource {
  const config::Route& route;
  const std::vector<std::string>& hosts;  // the route's, or those of its service
  uint64_t sequence;                      // order of creation: decides among equals
  const void* target;                     // what match() gives back; outlives the rule
  Filter filter = {};
};

class Rule : public RefCounted {
 public:
  // Null for a route that is switched off. Error: a condition or an address is not valid.
  static Result<Ref<const Rule>> compile(const RuleSource& source, Mode mode);

  const std::vector<PathPattern>& patterns() const { return patterns_; }
  const std::vector<std::string>& hosts() const { return hosts_; }  // lower case
  int64_t priority() const { return priority_; }
  uint64_t sequence() const { return sequence_; }
  const void* target() const { return target_; }

  // The first pattern that the request's host fits; null data when none does. With a port in it, it
  // is held against the whole Host field.
  std::string_view matching_host(const http::Exchange& exchange) const;

  bool accepts_method(http::Method method) const {
    return methods_ == 0 || ((methods_ >> static_cast<int>(method)) & 1) != 0;
  }
  bool accepts_address(const IpAddress& client) const {
    return addresses_ == nullptr || addresses_->contains(client);
  }
  bool needs_body() const { return needs_body_; }
  // vars, then filter_func
  bool accepts_content(http::Exchange& exchange) const {
    if (!looks_at_content_) return true;
    return condition_.matches(exchange) &&
           (filter_.passes == nullptr || filter_.passes(filter_.self, exchange));
  }

 private:
  Rule() = default;

  // What most requests ask for comes first, to lie in one cache line.
  uint16_t methods_ = 0;  // a bit for each http::Method; 0: any
  bool looks_at_content_ = false;
  bool needs_body_ = false;
  const void* target_ = nullptr;
  std::unique_ptr<const IpSet> addresses_;  // null: any
  std::vector<std::string> hosts_;
  std::vector<PathPattern> patterns_;
  int64_t priority_ = 0;
  uint64_t sequence_ = 0;
  expr::Condition condition_;
  Filter filter_;
};

// "*.foo.com" and "*foo.com" and "*": the host ends with what follows the star.
inline bool is_wildcard(std::string_view host_pattern) { return host_pattern.starts_with('*'); }

}  // namespace pylon::router

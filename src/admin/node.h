// Node: what the Admin API asks of the gateway that it configures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.h"
#include "config/resource.h"

namespace pylon::admin {

// Who carries the key of an auth plugin.
struct KeyOwner {
  std::string consumer;
  std::string credential;  // empty: it stands in the consumer itself
};

class Node {
 public:
  virtual ~Node() = default;

  // Resolves when this node's workers serve that revision; bounded, so that a write is answered
  // also when they do not get there.
  virtual async::Task<void> applied(int64_t revision) = 0;

  // Up to which revision of the store the answers below know the configuration.
  virtual int64_t known_revision() const = 0;

  // False: no resource refers to that one.
  virtual bool may_be_used(config::Kind kind, std::string_view id) const = 0;

  // As the newest snapshot knows it; a lookup, whatever the number of consumers.
  virtual std::optional<KeyOwner> key_owner(std::string_view plugin,
                                            std::string_view key) const = 0;

  // PUT /apisix/admin/plugins/reload.
  virtual void reload_plugins() = 0;
};

}  // namespace pylon::admin

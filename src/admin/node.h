// Node: what the Admin API asks of the gateway that it configures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.h"

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

  // Up to which revision of the store key_owner() knows the consumers.
  virtual int64_t known_revision() const = 0;

  // As the newest snapshot knows it; a lookup, whatever the number of consumers.
  virtual std::optional<KeyOwner> key_owner(std::string_view plugin,
                                            std::string_view key) const = 0;

  // PUT /apisix/admin/plugins/reload.
  virtual void reload_plugins() = 0;
};

}  // namespace pylon::admin

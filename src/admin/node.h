// Node: what the Admin API asks of the gateway that it configures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "config/resource.h"

namespace pylon::admin {

// Who carries the key of an auth plugin.
struct KeyOwner {
  std::string consumer;
  std::string credential;  // empty: it stands in the consumer itself
};

// An item of a collection.
struct Listed {
  std::string key;  // of the store
  int64_t create_revision = 0;

  bool operator==(const Listed&) const = default;
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

  // Keys of a few resources that refer to that one; there may be others, also when these are none.
  // A lookup.
  virtual std::vector<std::string> some_users(config::Kind kind, std::string_view id) const = 0;

  // How many items a collection has that belongs to no other resource, and which stand at the
  // places from `from` to before `end`, in the order of their creation, then of their keys.
  virtual size_t listed(config::Kind kind) const = 0;
  virtual std::vector<Listed> listed(config::Kind kind, size_t from, size_t end) const = 0;

  // As the newest snapshot knows it; a lookup, whatever the number of consumers.
  virtual std::optional<KeyOwner> key_owner(std::string_view plugin,
                                            std::string_view key) const = 0;

  // PUT /apisix/admin/plugins/reload.
  virtual void reload_plugins() = 0;
};

}  // namespace pylon::admin

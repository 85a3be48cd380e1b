// Target: what a path of the Admin API names, and where it is stored.
// Source: Admin API reference, sections 2 and 3.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/resource.h"

namespace pylon::admin {

constexpr std::string_view kAdminPath = "/apisix/admin";

// The path's segments after /apisix/admin; a slash at the end adds none.
std::vector<std::string> path_segments(std::string_view path);

struct Target {
  const config::ResourceType* type = nullptr;
  std::string parent;                   // the consumer, service or secret manager; or empty
  std::string id;                       // empty: the collection
  std::optional<std::string> sub_path;  // below the item: "upstream/nodes"
};

// `segments` begin with the name of a resource type.
Target target_of(const config::ResourceType& type, const std::vector<std::string>& segments,
                 std::string_view path);

// The resource type that the segments name; null when there is none.
const config::ResourceType* type_of(const std::vector<std::string>& segments);

// Keys of the store, under the configured prefix ("/apisix").
class Keys {
 public:
  explicit Keys(std::string prefix) : prefix_(std::move(prefix)) {}

  // "/apisix/consumers/jack/credentials/", the common start of all keys of a collection.
  std::string collection(const config::ResourceType& type, std::string_view parent) const;
  std::string item(const config::ResourceType& type, std::string_view parent,
                   std::string_view id) const;
  std::string item(const Target& target) const {
    return item(*target.type, target.parent, target.id);
  }
  std::string root() const { return prefix_ + "/"; }  // what all begin with
  std::string id_counter() const { return prefix_ + "/gen_id"; }

  // Of a key in the collection: is it an item of it, or does it belong to a child of an item?
  static bool is_direct(const config::ResourceType& type, std::string_view collection,
                        std::string_view key);

 private:
  std::string prefix_;
};

}  // namespace pylon::admin

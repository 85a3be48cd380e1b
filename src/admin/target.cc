#include "admin/target.h"

#include <algorithm>

#include "base/strings.h"

namespace pylon::admin {
namespace {

using config::Kind;
using config::ResourceType;

// The type that stands at the third segment below a parent's item: consumers/jack/credentials.
const ResourceType* child_type(const std::vector<std::string>& segments) {
  if (segments.size() < 3) return nullptr;
  const ResourceType* child = config::find_resource_type(segments[2]);
  return child != nullptr && !child->parent.empty() && child->parent == segments[0] ? child
                                                                                    : nullptr;
}

std::string joined(const std::vector<std::string>& segments, size_t from) {
  std::string path;
  for (size_t i = from; i < segments.size(); ++i) {
    if (i > from) path += '/';
    path += segments[i];
  }
  return path;
}

}  // namespace

std::vector<std::string> path_segments(std::string_view path) {
  path.remove_prefix(std::min(path.size(), kAdminPath.size()));
  std::vector<std::string> segments;
  for (std::string_view segment : split(path, '/')) segments.emplace_back(segment);
  segments.erase(segments.begin());  // before the first slash
  if (!segments.empty() && segments.back().empty()) segments.pop_back();
  return segments;
}

const ResourceType* type_of(const std::vector<std::string>& segments) {
  if (segments.empty()) return nullptr;
  if (const ResourceType* child = child_type(segments)) return child;
  return config::find_resource_type(segments[0]);
}

Target target_of(const ResourceType& type, const std::vector<std::string>& segments,
                 std::string_view path) {
  Target target{.type = &type, .parent = {}, .id = {}, .sub_path = {}};
  size_t at = 1;
  if (!type.parent.empty()) {
    if (child_type(segments) == nullptr) return target;  // its own name, without a parent
    target.parent = segments[1];
    at = 3;
  } else if (type.kind == Kind::secret) {
    if (at < segments.size()) target.parent = segments[at];
    ++at;
  }
  if (at < segments.size()) target.id = segments[at];
  if (at + 1 >= segments.size() || !type.parent.empty()) return target;
  target.sub_path = joined(segments, at + 1);
  if (path.ends_with('/')) *target.sub_path += '/';
  return target;
}

std::string Keys::collection(const ResourceType& type, std::string_view parent) const {
  std::string key = prefix_;
  auto add = [&key](std::string_view part) {
    key += '/';
    key += part;
  };
  if (!type.parent.empty()) {
    add(type.parent);
    add(parent);
  }
  add(type.name);
  if (type.kind == Kind::secret && !parent.empty()) add(parent);
  key += '/';
  return key;
}

std::string Keys::item(const ResourceType& type, std::string_view parent,
                       std::string_view id) const {
  return collection(type, parent) + std::string(id);
}

bool Keys::is_direct(const ResourceType& type, std::string_view collection, std::string_view key) {
  bool has_children = type.kind == Kind::consumer || type.kind == Kind::service;
  return !has_children || key.find('/', collection.size()) == key.npos;
}

}  // namespace pylon::admin

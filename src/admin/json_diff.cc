#include "admin/json_diff.h"

#include "base/json_pointer.h"

namespace pylon::admin {
namespace {

void compare(const std::string& path, const Json* before, const Json* after,
             std::vector<FieldDifference>& found);

void compare_members(const std::string& path, const Json& before, const Json& after,
                     std::vector<FieldDifference>& found) {
  for (const auto& [name, value] : before.members()) {
    compare(child_pointer(path, name), &value, after.find(name), found);
  }
  for (const auto& [name, value] : after.members()) {
    if (!before.contains(name)) compare(child_pointer(path, name), nullptr, &value, found);
  }
}

void compare(const std::string& path, const Json* before, const Json* after,
             std::vector<FieldDifference>& found) {
  if (before != nullptr && after != nullptr) {
    if (*before == *after) return;
    if (before->is_object() && after->is_object()) {
      return compare_members(path, *before, *after, found);
    }
    if (before->is_array() && after->is_array() && before->size() == after->size()) {
      for (size_t i = 0; i < before->items().size(); ++i) {
        compare(child_pointer(path, std::to_string(i)), &before->items()[i], &after->items()[i],
                found);
      }
      return;
    }
  }
  found.push_back({path, before, after});
}

}  // namespace

std::vector<FieldDifference> differences(const Json& before, const Json& after) {
  std::vector<FieldDifference> found;
  compare("", &before, &after, found);
  return found;
}

}  // namespace pylon::admin

#include "expr/json_path.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/strings.h"

namespace pylon::expr {
namespace {

struct Step {
  enum class Kind : uint8_t { member, index, all, descend } kind;
  std::string_view name;
  int64_t index = 0;
};

// The step in brackets at the start of `path`; takes it off.
std::optional<Step> take_bracket(std::string_view& path) {
  size_t close = path.find(']');
  if (close == path.npos) return std::nullopt;
  std::string_view inner = trim(path.substr(1, close - 1));
  path.remove_prefix(close + 1);
  if (inner == "*") return Step{Step::Kind::all, {}};
  bool quoted = inner.size() >= 2 && (inner.front() == '\'' || inner.front() == '"') &&
                inner.back() == inner.front();
  if (quoted) return Step{Step::Kind::member, inner.substr(1, inner.size() - 2)};
  auto index = parse_int(inner);
  if (!index) return std::nullopt;
  return Step{Step::Kind::index, {}, *index};
}

// As written after "$.": the first dot is already off.
std::optional<std::vector<Step>> parse_steps(std::string_view path) {
  std::vector<Step> steps;
  bool dot = true;
  while (!path.empty()) {
    if (path.starts_with("..") || (dot && path.starts_with('.'))) {
      steps.push_back({Step::Kind::descend, {}});
      path.remove_prefix(path.starts_with("..") ? 2 : 1);
      dot = true;
    } else if (path.front() == '.') {
      path.remove_prefix(1);
      dot = true;
    } else if (path.front() == '[') {
      auto step = take_bracket(path);
      if (!step) return std::nullopt;
      steps.push_back(*step);
      dot = false;
    } else {
      if (!dot) return std::nullopt;
      std::string_view name = path.substr(0, path.find_first_of(".["));
      path.remove_prefix(name.size());
      steps.push_back(name == "*" ? Step{Step::Kind::all, {}} : Step{Step::Kind::member, name});
      dot = false;
    }
  }
  return steps;
}

using Found = std::vector<const Json*>;

void add(Found& found, const Json* value) {
  if (value != nullptr && found.size() < kMaxFound) found.push_back(value);
}

void add_children(Found& found, const Json& value) {
  for (const Json& item : value.items()) add(found, &item);
  for (const auto& [name, member] : value.members()) add(found, &member);
}

const Json* item_at(const Json& value, int64_t index) {
  const Json::Array& items = value.items();
  if (index < 0) index += static_cast<int64_t>(items.size());
  bool inside = index >= 0 && index < static_cast<int64_t>(items.size());
  return inside ? &items[static_cast<size_t>(index)] : nullptr;
}

Found take_step(const Step& step, const Found& from) {
  Found to;
  for (const Json* value : from) {
    switch (step.kind) {
      case Step::Kind::member:
        add(to, value->find(step.name));
        break;
      case Step::Kind::index:
        add(to, item_at(*value, step.index));
        break;
      case Step::Kind::all:
        add_children(to, *value);
        break;
      case Step::Kind::descend:
        add(to, value);
        break;
    }
  }
  if (step.kind == Step::Kind::descend) {
    for (size_t i = 0; i < to.size(); ++i) add_children(to, *to[i]);
  }
  return to;
}

}  // namespace

const Json* find_dotted(const Json& root, std::string_view path) {
  const Json* value = &root;
  while (value != nullptr && !path.empty()) {
    std::string_view name = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    value = value->find(name);
  }
  return value;
}

bool is_json_path(std::string_view path) {
  return path.find_first_of("[*") != path.npos || path.find("..") != path.npos;
}

bool is_valid_json_path(std::string_view path) { return parse_steps(path).has_value(); }

Json find_all(const Json& root, std::string_view path) {
  auto steps = parse_steps(path);
  if (!steps) return {};
  Found found{&root};
  for (const Step& step : *steps) found = take_step(step, found);
  Json all = Json::array();
  for (const Json* value : found) all.push_back(*value);
  return all;
}

}  // namespace pylon::expr

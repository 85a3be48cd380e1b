#include "upstream/health.h"

namespace pylon::upstream {

std::string_view health_state_name(HealthState state) {
  constexpr std::string_view kNames[] = {"healthy", "mostly_healthy", "mostly_unhealthy",
                                         "unhealthy"};
  return kNames[static_cast<size_t>(state)];
}

Ref<HealthCell> HealthGroup::cell(std::string_view address, std::string_view host) {
  std::string key = std::string(address) + ' ' + std::string(host);
  Ref<HealthCell>& cell = cells_[key];
  if (!cell) cell = make_ref<HealthCell>(address, host);
  return cell;
}

void HealthGroup::set_state(HealthCell& cell, HealthState state) {
  bool was_usable = cell.usable();
  cell.state_.store(state, std::memory_order_relaxed);
  if (was_usable != is_usable(state)) version_.fetch_add(1, std::memory_order_release);
}

void HealthGroup::prune() {
  std::erase_if(cells_, [](const auto& entry) { return entry.second->refs() == 1; });
}

Ref<HealthGroup> HealthTable::group(std::string_view key) {
  auto found = groups_.find(key);
  if (found == groups_.end()) found = groups_.emplace(key, make_ref<HealthGroup>(key)).first;
  return found->second;
}

const HealthGroup* HealthTable::find(std::string_view key) const {
  auto found = groups_.find(key);
  return found != groups_.end() ? found->second.get() : nullptr;
}

void HealthTable::forget(std::string_view key) {
  auto found = groups_.find(key);
  if (found != groups_.end()) groups_.erase(found);
}

}  // namespace pylon::upstream

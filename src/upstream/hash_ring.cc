#include "upstream/hash_ring.h"

#include <algorithm>
#include <numeric>

#include "upstream/crc32.h"

namespace pylon::upstream {

HashRing::HashRing(const std::vector<Member>& members) {
  uint64_t divisor = 0;
  uint64_t total = 0;
  for (const Member& member : members) {
    divisor = std::gcd(divisor, uint64_t{member.weight});
    total += member.weight;
  }
  if (total == 0) return;
  uint64_t points = total / divisor * kPointsPerWeight;
  for (uint32_t i = 0; i < members.size(); ++i) {
    uint64_t count = members[i].weight / divisor * kPointsPerWeight;
    if (points > kMaxPoints && count > 0) {
      auto share = static_cast<double>(count) / static_cast<double>(points);
      count = std::max<uint64_t>(1, static_cast<uint64_t>(share * kMaxPoints));
    }
    add_points(members[i], i, count);
  }
  std::stable_sort(points_.begin(), points_.end(),
                   [](const Point& a, const Point& b) { return a.hash < b.hash; });
}

void HashRing::add_points(const Member& member, uint32_t index, uint64_t count) {
  Crc32 name;
  for (char c : member.name) name.add(static_cast<uint8_t>(c == ':' ? '\0' : c));
  uint32_t previous = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Crc32 hash = name;
    for (int shift = 0; shift < 32; shift += 8) hash.add(static_cast<uint8_t>(previous >> shift));
    previous = hash.value();
    points_.push_back({previous, index});
  }
}

uint32_t HashRing::find(std::string_view key) const {
  uint32_t hash = Crc32().add(key).value();
  auto at = std::lower_bound(points_.begin(), points_.end(), hash,
                             [](const Point& point, uint32_t value) { return point.hash < value; });
  return at == points_.end() ? 0 : static_cast<uint32_t>(at - points_.begin());
}

}  // namespace pylon::upstream

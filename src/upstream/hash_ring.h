// HashRing: consistent hashing. The same key goes to the same node, and a node that comes or goes
// moves only the keys that it gains or loses.
//
// Points and lookup are those of lua-resty-chash, as APISIX uses it: 160 points per unit of weight
// (weights divided by their greatest common divisor), each the CRC-32 of the node's name and the
// point before it. The ring holds all nodes; the caller walks past those it cannot use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pylon::upstream {

class HashRing {
 public:
  static constexpr uint32_t kPointsPerWeight = 160;
  // 8 MiB. Weights that ask for more are scaled down together.
  static constexpr uint64_t kMaxPoints = 1 << 20;

  struct Member {
    std::string name;  // "10.0.0.1:80"
    uint32_t weight = 1;
  };

  HashRing() = default;
  explicit HashRing(const std::vector<Member>& members);

  size_t size() const { return points_.size(); }
  // The point that a key belongs to; walk on with next(). The ring must not be empty.
  uint32_t find(std::string_view key) const;
  uint32_t next(uint32_t point) const { return point + 1 < points_.size() ? point + 1 : 0; }
  uint32_t member(uint32_t point) const { return points_[point].member; }

 private:
  struct Point {
    uint32_t hash;
    uint32_t member;
  };
  void add_points(const Member& member, uint32_t index, uint64_t count);

  std::vector<Point> points_;  // by hash
};

}  // namespace pylon::upstream

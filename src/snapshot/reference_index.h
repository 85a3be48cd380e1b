// ReferenceIndex: whether any resource refers to another one, as its value says
// (config::references_of), also when that value is quarantined. Some 50 octets per reference;
// resources that refer to nothing cost nothing. Control thread only.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/resource.h"

namespace pylon::snapshot {

class ReferenceIndex {
 public:
  // What that resource refers to from now on; nothing when it is erased.
  void set(config::Kind kind, std::string_view id,
           const std::vector<config::Reference>& references);

  // False: nobody refers to it. True may be wrong, once in very many: names are kept as hashes.
  bool may_be_used(config::Kind kind, std::string_view id) const;

 private:
  using Name = uint64_t;
  static Name name_of(config::Kind kind, std::string_view id);
  void forget(Name user);

  std::unordered_multimap<Name, Name> used_;  // user -> what it refers to
  std::unordered_map<Name, uint32_t> users_;  // how many refer to it
};

}  // namespace pylon::snapshot

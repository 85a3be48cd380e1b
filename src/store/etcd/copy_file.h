// The local copy: the last configuration that was read from etcd, in one file, so that a node can
// start and serve while etcd cannot be reached.
//
// A line of JSON that describes what follows, then each key with its value:
//
//   {"pylon_copy":1,"cluster":"14841639068965178418","revision":12,"saved":1700000000,
//    "bytes":...,"digest":"..."}   (in one line)
//   <octets of the key> <octets of the value> <create revision> <mod revision>\n<key><value>\n
//
// The digest is of all octets behind the first line: a file that was cut short or has changed is
// refused as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace pylon::store::etcd {

struct Copy {
  uint64_t cluster_id = 0;
  int64_t revision = 0;
  int64_t saved_s = 0;  // since 1970
  std::vector<std::shared_ptr<const Entry>> entries;
};

std::string write_copy(const Copy& copy);
// The error says what is wrong with it.
Result<Copy> read_copy(std::string_view text);

}  // namespace pylon::store::etcd

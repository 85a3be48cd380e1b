// A copy that is read is written to what is read again.
#include "store/etcd/copy_file.h"

#include <cstdlib>

#include "base/hash.h"
#include "base/json.h"

using pylon::store::etcd::Copy;

namespace {

void round_trip(std::string_view text) {
  pylon::Result<Copy> copy = pylon::store::etcd::read_copy(text);
  if (!copy) return;
  pylon::Result<Copy> again = pylon::store::etcd::read_copy(pylon::store::etcd::write_copy(*copy));
  bool same = again && again->revision == copy->revision && again->cluster_id == copy->cluster_id &&
              again->entries.size() == copy->entries.size();
  if (!same) std::abort();
  for (size_t i = 0; i < copy->entries.size(); ++i) {
    const auto& a = *copy->entries[i];
    const auto& b = *again->entries[i];
    if (a.key != b.key || a.value != b.value || a.mod_revision != b.mod_revision) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  round_trip(text);
  // The same as the entries behind a first line that fits, or nothing would get past the digest.
  pylon::Json head = pylon::Json::object({{"pylon_copy", pylon::Json(1)},
                                          {"cluster", pylon::Json("7")},
                                          {"revision", pylon::Json(9)},
                                          {"saved", pylon::Json(1)},
                                          {"bytes", pylon::Json(static_cast<int64_t>(size))},
                                          {"digest", pylon::Json(pylon::digest_hex(text))}});
  round_trip(head.dump() + "\n" + std::string(text));
  return 0;
}

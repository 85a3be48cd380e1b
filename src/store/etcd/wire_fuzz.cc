// etcd's answers, whatever comes: read or refused.
#include "store/etcd/wire.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pylon::store;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto message = etcd::read_watch(text)) {
    int64_t before = 0;
    for (const ChangeSet& set : message->sets) {
      if (set.revision <= before) std::abort();
      before = set.revision;
      for (const Change& change : set.changes) {
        if (change.entry.mod_revision != set.revision) std::abort();
      }
    }
  }
  etcd::read_refusal(400, text);
  auto json = pylon::Json::parse(text);
  if (!json) return 0;
  etcd::read_range(*json);
  Transaction transaction;
  transaction.operations = {{Operation::Kind::put, "/a", "1"}, {Operation::Kind::erase, "/b"}};
  auto txn = etcd::read_txn(*json, transaction);
  if (txn && txn->succeeded && txn->existed.size() != 2) std::abort();
  etcd::read_authorship(text);
  etcd::read_lease(*json);
  etcd::read_token(*json);
  return 0;
}

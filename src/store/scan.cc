#include "store/scan.h"

#include <algorithm>

namespace pylon::store {

async::Task<Outcome<std::vector<Entry>>> Scan::next() {
  if (ended_) co_return std::vector<Entry>();
  async::Task<Outcome<std::vector<Entry>>> listing = store_.list_after(prefix_, last_, limit_);
  Outcome<std::vector<Entry>> entries = co_await listing;
  if (!entries) co_return entries;
  ended_ = entries->size() < limit_;
  if (entries->empty()) co_return entries;
  last_ = entries->back().key;
  size_t bytes = 0;
  for (const Entry& entry : *entries) bytes += entry.key.size() + entry.value.size();
  limit_ = std::clamp(kMostBytes / (bytes / entries->size() + 1), size_t{1}, kMostKeys);
  co_return entries;
}

}  // namespace pylon::store

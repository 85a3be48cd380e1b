#include "store/etcd/pager.h"

#include <algorithm>
#include <utility>

#include "store/etcd/mirror.h"

namespace pylon::store::etcd {
namespace {

constexpr size_t kPageKeys = 1000;  // of a first page
constexpr size_t kMostPageKeys = 50'000;
constexpr size_t kPageBytes = 8 << 20;

// Of about kPageBytes, going by the page before.
size_t next_page_keys(const std::vector<Entry>& page) {
  size_t bytes = 0;
  for (const Entry& entry : page) bytes += entry.key.size() + entry.value.size();
  if (bytes == 0) return kPageKeys;
  return std::clamp(kPageBytes / (bytes / page.size() + 1), kPageKeys, kMostPageKeys);
}

}  // namespace

Pager::Pager(Client& client, RangeQuery query, std::vector<std::string> bounds)
    : client_(client), query_(std::move(query)), bounds_(std::move(bounds)) {
  query_.limit = bounds_.empty() ? kPageKeys : 2 * Mirror::kPieceKeys;
  bounds_.push_back(query_.end);
}

async::Task<Outcome<Pager::Page>> Pager::next() {
  query_.end = bounds_[bound_];
  async::Task<Answer<Json>> asking =
      client_.call("/v3/kv/range", range_request(query_), Client::Repeat::harmless);
  Answer<Json> answer = co_await asking;
  if (!answer) co_return tl::unexpected(answer.error().failure());
  Outcome<RangeAnswer> range = read_range(*answer);
  if (!range) co_return tl::unexpected(std::move(range.error()));
  newest_ = std::max(newest_, range->header.revision);
  if (header_.revision == 0) header_ = range->header;
  if (query_.revision == 0) query_.revision = range->header.revision;
  bool more = range->more && !range->entries.empty();
  query_.first = more ? range->entries.back().key + '\0' : bounds_[bound_++];
  if (bounds_.size() == 1) query_.limit = next_page_keys(range->entries);
  std::erase_if(range->entries, [](const Entry& entry) { return is_hidden(entry.key); });
  co_return Page{std::move(range->entries), ended() ? std::string() : query_.first};
}

}  // namespace pylon::store::etcd

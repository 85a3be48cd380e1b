// Upstreams written within plugin configurations: served like those that stand alone, under names
// that the plugins know.
#include <algorithm>
#include <utility>

#include "config/inner_upstream.h"
#include "observe/log.h"
#include "snapshot/batch.h"
#include "snapshot/builder.h"

namespace pylon::snapshot {

using config::Kind;

// Before the resource itself. One that cannot be compiled is left out (it is in the log): whoever
// is sent there finds no upstream.
Result<void> Builder::change_inner_upstreams(const Change& change, const Draft& draft,
                                             Batch& batch) {
  if (!draft.splits_traffic && inner_names_.empty()) return {};
  if (!draft.content) return {};  // those of the last good version stay, too
  std::string key = key_of(change.kind, change.id);
  std::vector<std::string> names;
  if (draft.splits_traffic) {
    Result<Json> value = Json::parse(change.value);
    if (!value) return tl::unexpected(value.error());
    const Json* plugins = value->find("plugins");
    if (plugins != nullptr) {
      for (const auto& inner : config::inner_upstreams(key, *plugins)) {
        Change part{Kind::upstream, inner.name, inner.value->dump(), change.create_revision};
        Draft inside = read(part);
        if (Result<void> done = dispatch(part, inside, batch); !done) {
          observe::log(observe::Level::error, "{}: upstream of traffic-split: {}", key,
                       done.error().message);
          continue;
        }
        names.push_back(inner.name);
      }
    }
  }
  auto held = inner_names_.find(key);
  if (held != inner_names_.end()) {
    for (const std::string& name : held->second) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      Draft nothing;
      (void)change_upstream({Kind::upstream, name, {}, 0}, nothing, batch);
    }
    inner_names_.erase(held);
  }
  if (!names.empty()) inner_names_.emplace(std::move(key), std::move(names));
  return {};
}

}  // namespace pylon::snapshot

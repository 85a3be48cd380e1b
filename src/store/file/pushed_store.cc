#include "store/file/pushed_store.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "store/file/durable_file.h"

namespace pylon::store {

Outcome<std::unique_ptr<PushedStore>> PushedStore::open(PushedOptions options, const Clock& clock) {
  std::unique_ptr<PushedStore> store(new PushedStore(std::move(options), clock));
  if (Outcome<void> read = store->read(); !read) return tl::unexpected(read.error());
  return store;
}

Outcome<void> PushedStore::read() {
  Outcome<std::optional<std::string>> text = read_whole(path_);
  if (!text) return tl::unexpected(text.error());
  if (!*text) return {};
  Result<Json> document = Json::parse(**text);
  if (!document || !document->is_object()) {
    return failed(Failure::Kind::corrupt,
                  fmt::format("{} is no pushed configuration; remove it, and push again", path_));
  }
  configuration_ = std::move(*document);
  hold(configuration_);
  return {};
}

Outcome<int64_t> PushedStore::push(Json configuration) {
  if (Outcome<void> kept = write_durably(path_, configuration.dump()); !kept) {
    return tl::unexpected(kept.error());
  }
  configuration_ = std::move(configuration);
  hold(configuration_);
  return revision();
}

std::optional<std::string> PushedStore::missing() const {
  if (!configuration_.is_null()) return std::nullopt;
  return "no configuration has been pushed yet";
}

Outcome<void> PushedStore::reopen() { return read(); }

}  // namespace pylon::store

#include "store/file/held_store.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"

namespace pylon::store {

async::Task<Outcome<std::optional<Entry>>> HeldStore::get(std::string key) {
  return held_.get(std::move(key));
}

async::Task<Outcome<EntriesAt>> HeldStore::get_all(std::vector<std::string> keys) {
  return held_.get_all(std::move(keys));
}

async::Task<Outcome<std::vector<Entry>>> HeldStore::list_after(std::string prefix, std::string key,
                                                               size_t limit) {
  return held_.list_after(std::move(prefix), std::move(key), limit);
}

async::Task<Outcome<std::vector<Entry>>> HeldStore::list(std::string prefix) {
  return held_.list(std::move(prefix));
}

async::Task<Outcome<std::vector<Entry>>> HeldStore::search(std::string prefix, std::string text) {
  return held_.search(std::move(prefix), std::move(text));
}

async::Task<Outcome<int64_t>> HeldStore::load(Visitor visit) { return held_.load(visit); }

async::Task<Outcome<Committed>> HeldStore::transaction(Transaction) {
  co_return failed(Failure::Kind::refused,
                   "the configuration of this node comes as a whole; single items cannot be "
                   "written");
}

std::unique_ptr<Watch> HeldStore::watch(int64_t after_revision, WatchListener& listener) {
  return held_.watch(after_revision, listener);
}

void HeldStore::hold(const Json& document) {
  held_.on_timer();
  DesiredState state = read_document(document, rules_.key_prefix, rules_.plugins, rules_.check);
  faults_ = std::move(state.faults);
  for (const Fault& fault : faults_) {
    observe::log(observe::Level::error, "{} is not taken over: {}", fault.key, fault.reason);
  }
  Transaction change;
  for (const auto& [key, value] : state.entries) {
    const Entry* held = held_.find(key);
    if (held == nullptr || held->value != value) {
      change.operations.push_back({Operation::Kind::put, key, value});
    }
  }
  held_.for_each([&](const Entry& entry) {
    if (!state.entries.contains(entry.key) && !is_faulty(entry.key)) {
      change.operations.push_back({Operation::Kind::erase, entry.key});
    }
  });
  held_.apply(change);
}

void HeldStore::keep(Fault fault) {
  observe::log(observe::Level::error, "{}: {}; what was read before stays in force", fault.key,
               fault.reason);
  faults_ = {std::move(fault)};
}

bool HeldStore::is_faulty(std::string_view key) const {
  return std::any_of(faults_.begin(), faults_.end(), [&](const Fault& fault) {
    bool of_list = fault.key.ends_with('/') && key.starts_with(fault.key);
    return of_list || key == fault.key;
  });
}

}  // namespace pylon::store

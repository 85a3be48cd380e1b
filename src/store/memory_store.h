// MemoryStore: a store that forgets everything with the process. Holds what files and pushed
// configurations say; and it is the one for tests: its tasks never suspend and its faults are
// switched on by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "store/store.h"
#include "store/watch_list.h"

namespace pylon::store {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const Clock& clock, size_t kept_revisions = 1000)
      : clock_(clock), kept_revisions_(kept_revisions) {}

  async::Task<Outcome<std::optional<Entry>>> get(std::string key) override;
  async::Task<Outcome<EntriesAt>> get_all(std::vector<std::string> keys) override;
  async::Task<Outcome<std::vector<Entry>>> list_after(std::string prefix, std::string key,
                                                      size_t limit) override;
  async::Task<Outcome<std::vector<Entry>>> list(std::string prefix) override;
  async::Task<Outcome<std::vector<Entry>>> search(std::string prefix, std::string text) override;
  async::Task<Outcome<int64_t>> load(Visitor visit) override;
  async::Task<Outcome<Committed>> transaction(Transaction transaction) override;
  std::unique_ptr<Watch> watch(int64_t after_revision, WatchListener& listener) override;
  async::Task<bool> await_told(int64_t) override { co_return !watches_lag; }
  int64_t revision() const override { return revision_; }
  // The same at once.
  const Entry* find(std::string_view key) const;
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [key, item] : items_) visit(item.entry);
  }
  // A transaction that has no compares and touches no key twice, of any length.
  Committed apply(const Transaction& transaction);
  // Also where a new watch catches up with the past.
  void on_timer() override;

  // Faults. While a failure is set, every such operation ends with it.
  std::optional<Failure> read_failure;
  std::optional<Failure> write_failure;
  bool watches_lag = false;  // behind what readings have had
  // Runs once, before the next transaction: another writer comes in between.
  std::function<void(MemoryStore&)> before_next_write;

  const Origin& last_origin() const { return last_origin_; }
  size_t transactions() const { return transactions_; }

 private:
  struct Item {
    Entry entry;
    std::optional<int64_t> expires_us;
  };
  using Items = std::map<std::string, Item, std::less<>>;

  std::vector<Entry> entries(std::string_view prefix) const;
  bool holds(const std::vector<Compare>& compares) const;
  size_t put_entry(const Operation& operation, ChangeSet& changes);
  size_t erase_range(std::string_view first, std::string_view end, ChangeSet& changes);
  Outcome<std::vector<ChangeSet>> changes_after(int64_t revision) const;
  void commit(ChangeSet changes);
  void expire();

  const Clock& clock_;
  size_t kept_revisions_;
  int64_t revision_ = 1;
  Items items_;
  std::deque<ChangeSet> history_;
  WatchList watches_;
  std::vector<WatchList::Handle> behind_;  // watches that have not caught up yet
  Origin last_origin_;
  size_t transactions_ = 0;
};

}  // namespace pylon::store

// Tables: how the store lies in SQLite, and every operation on it, synchronously. Store thread
// only.
//
//   entry     what is in force: one row per key, in the order of creation
//   version   every version that the history needs: all of the last `kept_revisions` revisions, and
//             of each key changed in them the one before
//   revision  when, by whom, from where and why
//   state     the revision counter, and the floor: the oldest revision whose state can be told
//
// Writes belong into a transaction of the caller (begin, commit, roll_back), so that several of
// them share one fsync.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/embedded/database.h"
#include "store/history.h"
#include "store/store.h"

namespace pylon::store::embedded {

struct TableLimits {
  int64_t kept_revisions = 1000;
  uint64_t max_bytes = 0;  // of the file; 0: no limit
};

struct Applied {
  Committed committed;
  ChangeSet changes;
};

class Tables {
 public:
  // Makes or migrates the tables. Refuses a file of another program or of a newer version.
  static Outcome<std::unique_ptr<Tables>> open(std::unique_ptr<Database> database,
                                               const TableLimits& limits);

  int64_t revision() const { return revision_; }

  Outcome<std::optional<Entry>> get(std::string_view key);
  // `text`: what the values must contain; empty: anything.
  Outcome<std::vector<Entry>> list(std::string_view prefix, std::string_view text);
  // The first of them behind the key.
  Outcome<std::vector<Entry>> list_after(std::string_view prefix, std::string_view key,
                                         size_t limit);
  Outcome<EntriesAt> get_all(const std::vector<std::string>& keys);
  Outcome<int64_t> load(const Store::Visitor& visit);
  Outcome<std::vector<ChangeSet>> changes_after(int64_t revision);

  Outcome<HistoryPage> revisions(const HistoryQuery& query);
  Outcome<std::vector<KeyDifference>> differences(int64_t from, int64_t to,
                                                  const HistoryQuery& query);

  Outcome<void> begin();
  Outcome<void> commit();
  void roll_back();

  Outcome<Applied> apply(const Transaction& transaction, int64_t now_us);
  // Erases what has come to its end, as a change of its own.
  Outcome<Applied> expire(int64_t now_us);

 private:
  struct Statements;
  explicit Tables(std::unique_ptr<Database> database, const TableLimits& limits);

  bool holds(const std::vector<Compare>& compares);
  bool holds(const Compare& compare);
  size_t put(const Operation& operation, int64_t now_us, ChangeSet& changes);
  size_t erase_range(std::string_view first, std::string_view end, ChangeSet& changes);
  void erase(std::string_view key, ChangeSet& changes);
  Outcome<Applied> finish(Applied applied, const Origin& origin, int64_t now_us);
  std::optional<Failure> not_kept(int64_t revision) const;
  std::optional<std::string> value_at(std::string_view key, int64_t revision);
  void prune();
  void prune_revision(int64_t revision);
  void read_state();
  Outcome<void> outcome();  // the failure since the last one, if any

  std::unique_ptr<Database> database_;
  TableLimits limits_;
  std::shared_ptr<Statements> statements_;
  int64_t revision_ = 0;
  int64_t floor_ = 0;
};

}  // namespace pylon::store::embedded

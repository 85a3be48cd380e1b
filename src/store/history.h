// History: what was changed when and by whom, and how things were before. Stores that keep it give
// it out by Store::history().
//
// A revision can be asked about while it is kept: from oldest() to the newest. All calls belong to
// the control thread and are consistent in themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "store/store.h"

namespace pylon::store {

struct HistoryChange {
  enum class Action : uint8_t { create, update, erase };
  std::string key;
  Action action = Action::update;
};

// One transaction.
struct HistoryRevision {
  int64_t revision = 0;
  int64_t time_us = 0;  // since 1970
  Origin origin;
  std::vector<HistoryChange> changes;  // of the keys that were asked about
};

// Of a page, the newest first.
struct HistoryPage {
  int64_t oldest = 0;  // the oldest revision whose state is known
  int64_t newest = 0;
  size_t total = 0;  // revisions that fit the query
  std::vector<HistoryRevision> revisions;
};

struct HistoryQuery {
  std::string prefix;        // of the keys; empty: any
  bool exact = false;        // `prefix` is a whole key
  std::string excluded_key;  // as if it were never changed; empty: none
  size_t offset = 0;
  size_t limit = 100;
};

// A key that is not the same at two revisions.
struct KeyDifference {
  std::string key;
  std::optional<std::string> before;  // nothing: it did not exist
  std::optional<std::string> after;
};

class History {
 public:
  virtual ~History() = default;

  virtual async::Task<Outcome<HistoryPage>> revisions(HistoryQuery query) = 0;

  // Of the keys that the query is about, by key; its page does not matter. `from` may be later than
  // `to`. A revision that is not kept, or is still to come, is refused.
  virtual async::Task<Outcome<std::vector<KeyDifference>>> differences(int64_t from, int64_t to,
                                                                       HistoryQuery query) = 0;
};

}  // namespace pylon::store

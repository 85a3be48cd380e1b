// What the tables tell about the past.
#include <fmt/format.h>

#include <algorithm>

#include "store/embedded/statements.h"
#include "store/embedded/tables.h"

namespace pylon::store::embedded {
namespace {

using Action = HistoryChange::Action;

// The keys that a query is about: from `first` to before `end` (empty: to the last).
struct KeyRange {
  std::string first;
  std::string end;

  explicit KeyRange(const HistoryQuery& query)
      : first(query.prefix), end(query.exact ? query.prefix + '\0' : end_of_prefix(query.prefix)) {}
};

std::optional<std::string> text_or_null(const Statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return std::string(row.text(column));
}

}  // namespace

Outcome<HistoryPage> Tables::revisions(const HistoryQuery& query) {
  KeyRange range(query);
  std::string_view first = range.first, excluded = query.excluded_key;
  KeyEnd end{range.end};
  HistoryPage page;
  page.oldest = floor_;
  page.newest = revision_;
  Statement& count = statements_->count_revisions;
  if (count.bind(first, end, excluded).next()) page.total = static_cast<size_t>(count.integer(0));
  count.reset();

  Statement& row = statements_->revisions;
  row.bind(first, end, excluded, static_cast<int64_t>(query.limit),
           static_cast<int64_t>(query.offset));
  while (row.next()) {
    Origin origin{std::string(row.text(2)), std::string(row.text(3)), std::string(row.text(4))};
    page.revisions.push_back({row.integer(0), row.integer(1), std::move(origin), {}});
  }
  for (HistoryRevision& revision : page.revisions) {
    Statement& change = statements_->revision_changes;
    change.bind(revision.revision, first, end, excluded);
    while (change.next()) {
      bool created = change.integer(2) == revision.revision;
      Action action = change.is_null(1) ? Action::erase : created ? Action::create : Action::update;
      revision.changes.push_back({std::string(change.text(0)), action});
    }
  }
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  return page;
}

std::optional<Failure> Tables::not_kept(int64_t revision) const {
  if (revision >= floor_ && revision <= revision_) return std::nullopt;
  std::string message =
      revision > revision_
          ? fmt::format("revision {} is still to come: the newest is {}", revision, revision_)
          : fmt::format("revision {} is not kept any more: the oldest is {}", revision, floor_);
  return Failure{Failure::Kind::refused, std::move(message)};
}

Outcome<std::vector<KeyDifference>> Tables::differences(int64_t from, int64_t to,
                                                        const HistoryQuery& query) {
  for (int64_t revision : {from, to}) {
    if (auto failure = not_kept(revision)) return tl::unexpected(std::move(*failure));
  }
  KeyRange range(query);
  std::vector<KeyDifference> found;
  Statement& row = statements_->keys_between;
  row.bind(std::min(from, to), std::max(from, to), std::string_view(range.first), KeyEnd{range.end},
           std::string_view(query.excluded_key));
  while (row.next()) found.push_back({std::string(row.text(0)), {}, {}});
  for (KeyDifference& difference : found) {
    difference.before = value_at(difference.key, from);
    difference.after = value_at(difference.key, to);
  }
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  std::erase_if(found, [](const KeyDifference& one) { return one.before == one.after; });
  return found;
}

// Of a key that was changed after the floor. Without a version from before it did not exist.
std::optional<std::string> Tables::value_at(std::string_view key, int64_t revision) {
  Statement& row = statements_->value_at;
  std::optional<std::string> value;
  if (row.bind(key, revision).next()) value = text_or_null(row, 0);
  row.reset();
  return value;
}

}  // namespace pylon::store::embedded

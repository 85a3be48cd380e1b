#include "store/embedded/tables.h"

#include <algorithm>
#include <utility>

#include "store/embedded/schema.h"
#include "store/embedded/statements.h"
#include "store/watch_list.h"

namespace pylon::store::embedded {
namespace {

constexpr const char* kSettings =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"  // an acknowledged write survives a power cut
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -16384;"
    "PRAGMA journal_size_limit = 67108864;";

Entry entry_of(const Statement& row) {
  return {std::string(row.text(0)), std::string(row.text(1)), row.integer(2), row.integer(3)};
}

void limit_size(Database& database, uint64_t max_bytes) {
  if (max_bytes == 0) return;
  int64_t page_bytes = database.integer_of("PRAGMA page_size");
  int64_t pages = static_cast<int64_t>(max_bytes) / std::max<int64_t>(page_bytes, 512);
  database.integer_of(("PRAGMA max_page_count = " + std::to_string(pages)).c_str());
}

}  // namespace

Outcome<std::unique_ptr<Tables>> Tables::open(std::unique_ptr<Database> database,
                                              const TableLimits& limits) {
  if (auto prepared = prepare_schema(*database); !prepared) {
    return tl::unexpected(prepared.error());
  }
  database->run(kSettings);
  limit_size(*database, limits.max_bytes);
  std::unique_ptr<Tables> tables(new Tables(std::move(database), limits));
  if (auto outcome = tables->outcome(); !outcome) return tl::unexpected(outcome.error());
  return tables;
}

Tables::Tables(std::unique_ptr<Database> database, const TableLimits& limits)
    : database_(std::move(database)),
      limits_(limits),
      statements_(std::make_shared<Statements>(*database_)) {
  read_state();
}

void Tables::read_state() {
  Statement& state = statements_->get_state;
  revision_ = state.bind(std::string_view("revision")).next() ? state.integer(0) : 0;
  floor_ = state.bind(std::string_view("floor")).next() ? state.integer(0) : 0;
  state.reset();
}

Outcome<void> Tables::outcome() {
  if (auto failure = database_->take_failure()) return tl::unexpected(std::move(*failure));
  return {};
}

Outcome<std::optional<Entry>> Tables::get(std::string_view key) {
  Statement& row = statements_->get;
  std::optional<Entry> entry;
  if (row.bind(key).next()) entry = entry_of(row);
  row.reset();
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  return entry;
}

Outcome<std::vector<Entry>> Tables::list(std::string_view prefix, std::string_view text) {
  Statement& row = statements_->list;
  std::string end = end_of_prefix(prefix);
  std::vector<Entry> entries;
  row.bind(prefix, KeyEnd{end}, text);
  while (row.next()) entries.push_back(entry_of(row));
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.create_revision != b.create_revision ? a.create_revision < b.create_revision
                                                  : a.key < b.key;
  });
  return entries;
}

Outcome<std::vector<Entry>> Tables::list_after(std::string_view prefix, std::string_view key,
                                               size_t limit) {
  Statement& row = statements_->list_after;
  std::string end = end_of_prefix(prefix);
  std::vector<Entry> entries;
  row.bind(std::max(prefix, key), KeyEnd{end}, static_cast<int64_t>(limit));
  while (row.next()) entries.push_back(entry_of(row));
  row.reset();
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  return entries;
}

Outcome<EntriesAt> Tables::get_all(const std::vector<std::string>& keys) {
  EntriesAt reading{revision_, {}};
  for (const std::string& key : keys) {
    Outcome<std::optional<Entry>> entry = get(key);
    if (!entry) return tl::unexpected(entry.error());
    if (*entry) reading.entries.push_back(std::move(**entry));
  }
  return reading;
}

Outcome<int64_t> Tables::load(const Store::Visitor& visit) {
  Statement& row = statements_->load;
  row.bind();
  while (row.next()) visit(entry_of(row));
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  return revision_;
}

Outcome<std::vector<ChangeSet>> Tables::changes_after(int64_t revision) {
  if (auto gap = gap_after(revision, floor_, revision_)) return tl::unexpected(*gap);
  Statement& row = statements_->changes;
  std::vector<ChangeSet> found;
  row.bind(revision);
  while (row.next()) {
    int64_t at = row.integer(0);
    if (found.empty() || found.back().revision != at) found.push_back({at, {}});
    Entry entry{std::string(row.text(1)), std::string(row.text(2)), row.integer(3), at};
    found.back().changes.push_back({std::move(entry), row.is_null(2)});
  }
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  return found;
}

Outcome<void> Tables::begin() {
  database_->run("BEGIN IMMEDIATE");
  return outcome();
}

Outcome<void> Tables::commit() {
  database_->run("COMMIT");
  return outcome();
}

void Tables::roll_back() {
  database_->take_failure();
  database_->run("ROLLBACK");
  database_->take_failure();  // SQLite may have rolled back by itself
  read_state();
}

Outcome<Applied> Tables::apply(const Transaction& transaction, int64_t now_us) {
  if (auto fault = fault_of(transaction)) return tl::unexpected(std::move(*fault));
  bool as_expected = holds(transaction.compares);
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  if (!as_expected) return failed(Failure::Kind::conflict, std::string(kConflictMessage));

  Applied applied;
  applied.changes.revision = revision_ + 1;
  for (const Operation& operation : transaction.operations) {
    const std::string& key = operation.key;
    size_t existed = 0;
    switch (operation.kind) {
      case Operation::Kind::put:
        existed = put(operation, now_us, applied.changes);
        break;
      case Operation::Kind::erase:
        existed = erase_range(key, key + '\0', applied.changes);
        break;
      case Operation::Kind::erase_prefix:
        existed = erase_range(key, end_of_prefix(key), applied.changes);
        break;
    }
    applied.committed.existed.push_back(existed);
  }
  return finish(std::move(applied), transaction.origin, now_us);
}

Outcome<Applied> Tables::expire(int64_t now_us) {
  std::vector<std::string> keys;
  Statement& row = statements_->due;
  row.bind(now_us);
  while (row.next()) keys.emplace_back(row.text(0));

  Applied applied;
  applied.changes.revision = revision_ + 1;
  for (const std::string& key : keys) erase(key, applied.changes);
  return finish(std::move(applied), Origin{.author = "ttl", .source = {}, .comment = {}}, now_us);
}

bool Tables::holds(const std::vector<Compare>& compares) {
  return std::all_of(compares.begin(), compares.end(),
                     [this](const Compare& compare) { return holds(compare); });
}

bool Tables::holds(const Compare& compare) {
  std::string_view key = compare.key;
  if (compare.kind == Compare::Kind::unwritten) {
    if (revision_ <= compare.revision) return true;
    std::string end = end_of_prefix(key);
    // Of lately there is an index of what was written; before, each key of the range is looked at.
    bool lately = compare.revision >= floor_;
    Statement& row = lately ? statements_->written_lately : statements_->written_after;
    bool written = row.bind(key, KeyEnd{end}, compare.revision).next();
    row.reset();
    return !written;
  }
  Statement& row = statements_->get;
  int64_t held = row.bind(key).next() ? row.integer(3) : 0;
  row.reset();
  return compare.kind == Compare::Kind::there ? held != 0 : held == compare.revision;
}

size_t Tables::put(const Operation& operation, int64_t now_us, ChangeSet& changes) {
  std::string_view key = operation.key;
  std::string_view value = operation.value;
  std::optional<int64_t> expires_us;
  if (operation.ttl_s) expires_us = now_us + *operation.ttl_s * 1'000'000;

  Statement& row = statements_->get;
  bool existed = row.bind(key).next();
  int64_t created = existed ? row.integer(2) : changes.revision;
  row.reset();
  if (existed) {
    statements_->keep_previous.bind(key).run();
    statements_->update.bind(key, value, changes.revision, expires_us).run();
  } else {
    statements_->create.bind(key, value, changes.revision, expires_us).run();
  }
  statements_->add_version.bind(changes.revision, key, value, created).run();
  changes.changes.push_back({{operation.key, operation.value, created, changes.revision}, false});
  return existed ? 1 : 0;
}

size_t Tables::erase_range(std::string_view first, std::string_view end, ChangeSet& changes) {
  std::vector<std::string> keys;
  Statement& row = statements_->keys;
  row.bind(first, KeyEnd{end});
  while (row.next()) keys.emplace_back(row.text(0));
  for (const std::string& key : keys) erase(key, changes);
  return keys.size();
}

void Tables::erase(std::string_view key, ChangeSet& changes) {
  statements_->keep_previous.bind(key).run();
  statements_->erase.bind(key).run();
  statements_->add_version.bind(changes.revision, key, nullptr, int64_t{0}).run();
  changes.changes.push_back({{std::string(key), {}, 0, changes.revision}, true});
}

// Writes the revision's row and moves the counter, if anything has changed.
Outcome<Applied> Tables::finish(Applied applied, const Origin& origin, int64_t now_us) {
  if (!applied.changes.changes.empty()) {
    int64_t revision = applied.changes.revision;
    statements_->add_revision
        .bind(revision, now_us, std::string_view(origin.author), std::string_view(origin.source),
              std::string_view(origin.comment))
        .run();
    statements_->set_state.bind(std::string_view("revision"), revision).run();
    revision_ = revision;
    prune();
  }
  if (auto done = outcome(); !done) return tl::unexpected(done.error());
  applied.committed.revision = revision_;
  return applied;
}

// Moves the floor up behind the counter, a revision at a time, so that each write pays for its own.
void Tables::prune() {
  int64_t wanted = revision_ - limits_.kept_revisions;
  if (floor_ >= wanted) return;
  while (floor_ < wanted) prune_revision(++floor_);
  statements_->set_state.bind(std::string_view("floor"), floor_).run();
}

// The state at `revision` is the oldest that must be told now: of the keys changed by it, what went
// before is forgotten, and so is its own version if that is an erasure or still in force.
void Tables::prune_revision(int64_t revision) {
  std::vector<std::string> keys;
  Statement& row = statements_->changed_keys;
  row.bind(revision);
  while (row.next()) keys.emplace_back(row.text(0));
  for (const std::string& key : keys) {
    statements_->forget_before.bind(std::string_view(key), revision).run();
    statements_->forget_settled.bind(std::string_view(key), revision).run();
  }
  statements_->forget_revision.bind(revision).run();
}

}  // namespace pylon::store::embedded

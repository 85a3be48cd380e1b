#include "store/etcd/copy_database.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "base/hash.h"

namespace pylon::store::etcd {

using embedded::Database;
using embedded::Statement;

namespace {

constexpr int64_t kApplicationId = 0x50594c43;  // "PYLC", in the file's header
constexpr int64_t kFormat = 1;
constexpr int kBusyTimeoutMs = 2'000;

constexpr const char* kSettings =
    "PRAGMA journal_mode = DELETE;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA cache_size = -8192;";

constexpr const char* kCreate = R"(
  PRAGMA page_size = 8192;
  BEGIN IMMEDIATE;
  CREATE TABLE entry (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    create_revision INTEGER NOT NULL,
    mod_revision INTEGER NOT NULL,
    digest INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE copy (
    prefix TEXT NOT NULL,
    cluster INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    saved INTEGER NOT NULL,
    count INTEGER NOT NULL,
    digest INTEGER NOT NULL
  ) STRICT;
)";

// SQLite's numbers have a sign.
int64_t stored(uint64_t number) { return static_cast<int64_t>(number); }

uint64_t digest_of(const Entry& entry) {
  uint64_t create = static_cast<uint64_t>(entry.create_revision);
  uint64_t revisions = create * 31 + static_cast<uint64_t>(entry.mod_revision);
  return hash_bytes(entry.value, hash_bytes(entry.key, revisions));
}

}  // namespace

struct CopyDatabase::Statements {
  explicit Statements(Database& db)
      : head(db, "SELECT cluster, revision, saved, count, digest FROM copy"),
        save(db, "UPDATE copy SET cluster = ?, revision = ?, saved = ?, count = ?, digest = ?"),
        all(db, "SELECT key, value, create_revision, mod_revision, digest FROM entry"),
        digest(db, "SELECT digest FROM entry WHERE key = ?1"),
        put(db, "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)"),
        erase(db, "DELETE FROM entry WHERE key = ?1"),
        from(db, "SELECT key, digest FROM entry WHERE key >= ?1 ORDER BY key") {}

  Statement head, save, all, digest, put, erase, from;
};

// ---- the file

Outcome<std::unique_ptr<CopyDatabase>> CopyDatabase::open(const std::string& path,
                                                          std::string_view prefix) {
  std::error_code ignored;  // opening the file tells it better
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  auto database = Database::open(path, kBusyTimeoutMs);
  if (!database) return tl::unexpected(database.error());
  std::unique_ptr<CopyDatabase> copy(new CopyDatabase(std::move(*database)));
  if (Outcome<void> prepared = copy->prepare(prefix); !prepared) {
    return tl::unexpected(prepared.error());
  }
  return copy;
}

void CopyDatabase::remove(const std::string& path) {
  for (const char* end : {"", "-journal"}) unlink((path + end).c_str());
}

CopyDatabase::CopyDatabase(std::unique_ptr<Database> database) : database_(std::move(database)) {}

CopyDatabase::~CopyDatabase() = default;

Outcome<void> CopyDatabase::prepare(std::string_view prefix) {
  Database& db = *database_;
  int64_t application = db.integer_of("PRAGMA application_id");
  if (Outcome<void> done = outcome(); !done) return done;
  bool fresh = application == 0 && db.integer_of("SELECT count(*) FROM sqlite_schema") == 0;
  db.run(kSettings);
  if (fresh) {
    db.run(kCreate);
    Statement(db, "INSERT INTO copy VALUES (?, 0, 0, 0, 0, 0)").bind(prefix).run();
    db.run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
    db.run(("PRAGMA user_version = " + std::to_string(kFormat)).c_str());
    db.run("COMMIT");
  }
  if (Outcome<void> done = outcome(); !done) return done;
  bool known =
      fresh || (application == kApplicationId && db.integer_of("PRAGMA user_version") == kFormat);
  if (!known) return failed(Failure::Kind::refused, "it is no copy that this version knows");
  statements_ = std::make_unique<Statements>(db);
  bool same_prefix = db.text_of("SELECT prefix FROM copy") == prefix;
  read_head();
  if (Outcome<void> done = outcome(); !done) return done;
  if (!same_prefix) return failed(Failure::Kind::refused, "it is of keys with another prefix");
  return {};
}

void CopyDatabase::read_head() {
  Statement& head = statements_->head;
  head_ = {};
  sum_ = {};
  if (head.bind().next()) {
    head_ = {static_cast<uint64_t>(head.integer(0)), head.integer(1), head.integer(2)};
    sum_ = {head.integer(3), static_cast<uint64_t>(head.integer(4))};
  }
  head.reset();
}

Outcome<void> CopyDatabase::outcome() {
  auto failure = database_->take_failure();
  if (!failure) return {};
  abandon();
  return tl::unexpected(std::move(*failure));
}

// ---- reading

Outcome<CopyHead> CopyDatabase::read(const Store::Visitor& visit) {
  Statement& row = statements_->all;
  Sum sum;
  row.bind();
  while (row.next()) {
    Entry entry{std::string(row.text(0)), std::string(row.text(1)), row.integer(2), row.integer(3)};
    sum.count++;
    sum.digest += digest_of(entry);
    visit(std::move(entry));
  }
  row.reset();
  if (Outcome<void> done = outcome(); !done) return tl::unexpected(done.error());
  if (sum.count != sum_.count || sum.digest != sum_.digest) {
    return failed(Failure::Kind::corrupt, "it is damaged: its digest does not fit");
  }
  return head_;
}

// ---- writing

void CopyDatabase::begin() {
  database_->run("BEGIN IMMEDIATE");
  read_head();
}

Outcome<void> CopyDatabase::commit(const CopyHead& head) {
  statements_->save
      .bind(stored(head.cluster_id), head.revision, head.saved_s, sum_.count, stored(sum_.digest))
      .run();
  database_->run("COMMIT");
  if (Outcome<void> done = outcome(); !done) return done;
  head_ = head;
  return {};
}

void CopyDatabase::abandon() {
  database_->run("ROLLBACK");
  (void)database_->take_failure();  // there may be nothing to take back
  if (statements_ == nullptr) return;
  read_head();
  (void)database_->take_failure();
}

void CopyDatabase::erase(std::string_view key) {
  Statement& known = statements_->digest;
  if (known.bind(key).next()) {
    sum_.count--;
    sum_.digest -= static_cast<uint64_t>(known.integer(0));
  }
  known.reset();
  statements_->erase.bind(key).run();
}

void CopyDatabase::put(const Entry& entry) {
  Statement& known = statements_->digest;
  bool there = known.bind(std::string_view(entry.key)).next();
  if (there) sum_.digest -= static_cast<uint64_t>(known.integer(0));
  if (!there) sum_.count++;
  known.reset();
  uint64_t digest = digest_of(entry);
  sum_.digest += digest;
  statements_->put
      .bind(std::string_view(entry.key), std::string_view(entry.value), entry.create_revision,
            entry.mod_revision, stored(digest))
      .run();
}

Outcome<void> CopyDatabase::apply(std::span<const ChangeSet> sets, int64_t saved_s) {
  if (!filled() || sets.empty() || sets.back().revision <= head_.revision) return {};
  begin();
  for (const ChangeSet& set : sets) {
    if (set.revision <= head_.revision) continue;
    for (const Change& change : set.changes) {
      if (change.erased) {
        erase(change.entry.key);
      } else {
        put(change.entry);
      }
    }
  }
  return commit({head_.cluster_id, sets.back().revision, saved_s});
}

Outcome<void> CopyDatabase::begin_pages() {
  page_begin_.clear();
  begin();
  return outcome();
}

// Both are in order: what is only here goes, what is only there or differs is put. Rows are asked
// for until the page ends, and no further: the rest of them for each page is too much.
Outcome<void> CopyDatabase::put_page(const std::vector<Entry>& entries, std::string_view end) {
  std::vector<std::string> gone;
  std::vector<const Entry*> other;
  Statement& row = statements_->from;
  auto next = entries.begin();
  row.bind(std::string_view(page_begin_));
  while (row.next() && (end.empty() || row.text(0) < end)) {
    std::string_view key = row.text(0);
    for (; next != entries.end() && next->key < key; ++next) other.push_back(&*next);
    if (next == entries.end() || next->key != key) {
      gone.emplace_back(key);
      continue;
    }
    if (stored(digest_of(*next)) != row.integer(1)) other.push_back(&*next);
    ++next;
  }
  row.reset();
  for (; next != entries.end(); ++next) other.push_back(&*next);
  for (const std::string& key : gone) erase(key);
  for (const Entry* entry : other) put(*entry);
  page_begin_ = end;
  return outcome();
}

Outcome<void> CopyDatabase::end_pages(const CopyHead& head) { return commit(head); }

}  // namespace pylon::store::etcd

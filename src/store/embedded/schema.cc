#include "store/embedded/schema.h"

#include <string>

namespace pylon::store::embedded {
namespace {

constexpr int64_t kApplicationId = 0x50594c4e;  // "PYLN", in the file's header

// A new store is at revision 1, as an empty etcd is.
constexpr const char* kCreate = R"(
  CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL,
    create_revision INTEGER NOT NULL,
    mod_revision INTEGER NOT NULL,
    expires_us INTEGER
  ) STRICT;
  CREATE INDEX entry_by_expiry ON entry (expires_us) WHERE expires_us IS NOT NULL;
  CREATE TABLE version (
    id INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    create_revision INTEGER NOT NULL,
    UNIQUE (key, revision)
  ) STRICT;
  CREATE INDEX version_by_revision ON version (revision);
  CREATE TABLE revision (
    revision INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    author TEXT NOT NULL,
    source TEXT NOT NULL,
    comment TEXT NOT NULL
  ) STRICT;
  CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES ('revision', 1), ('floor', 1);
)";

Outcome<void> create(Database& database) {
  database.run("BEGIN IMMEDIATE");
  database.run(kCreate);
  database.run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
  database.run(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
  database.run("COMMIT");
  if (auto failure = database.take_failure()) return tl::unexpected(std::move(*failure));
  return {};
}

Outcome<void> refuse(const Database& database, const std::string& why) {
  return failed(Failure::Kind::refused, "the store " + database.path() + " " + why);
}

}  // namespace

Outcome<void> prepare_schema(Database& database) {
  int64_t application = database.integer_of("PRAGMA application_id");
  int64_t version = database.integer_of("PRAGMA user_version");
  int64_t tables = database.integer_of("SELECT count(*) FROM sqlite_schema");
  if (auto failure = database.take_failure()) return tl::unexpected(std::move(*failure));
  if (application == 0 && tables == 0) return create(database);
  if (application != kApplicationId) return refuse(database, "is a database of another program");
  if (version > kSchemaVersion) {
    return refuse(database, "was written by a newer Pylon (format " + std::to_string(version) +
                                ", this one knows " + std::to_string(kSchemaVersion) + ")");
  }
  return {};
}

}  // namespace pylon::store::embedded

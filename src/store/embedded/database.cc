#include "store/embedded/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pylon::store::embedded {
namespace {

Failure describe(int code, const std::string& path, std::string_view detail) {
  std::string store = "the store " + path;
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Failure::Kind::unavailable, store + " is locked by another program"};
    case SQLITE_FULL:
      return {Failure::Kind::full, store + " is full: the disk has no space left, or max_bytes"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Failure::Kind::corrupt, store + " is damaged: " + std::string(detail)};
    case SQLITE_READONLY:
      return {Failure::Kind::unavailable, store + " cannot be written: " + std::string(detail)};
    default:
      return {Failure::Kind::unavailable, store + " fails: " + std::string(detail)};
  }
}

// SQLite gives a new file the process's default mode; its own journals copy the file's.
std::optional<Failure> create_private(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Failure{Failure::Kind::unavailable,
                   "the store " + path + " cannot be opened: " + std::strerror(errno)};
  }
  ::close(fd);
  return std::nullopt;
}

}  // namespace

Outcome<std::unique_ptr<Database>> Database::open(const std::string& path, int busy_timeout_ms) {
  if (auto failure = create_private(path)) return tl::unexpected(std::move(*failure));
  sqlite3* handle = nullptr;
  int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle, path));
  if (code != SQLITE_OK) return tl::unexpected(describe(code, path, sqlite3_errstr(code)));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  return database;
}

Database::~Database() { sqlite3_close_v2(handle_); }

void Database::run(const char* sql) {
  if (!healthy()) return;
  int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

int64_t Database::integer_of(const char* sql) {
  Statement statement(*this, sql);
  return statement.next() ? statement.integer(0) : 0;
}

std::string Database::text_of(const char* sql) {
  Statement statement(*this, sql);
  return statement.next() ? std::string(statement.text(0)) : std::string();
}

void Database::fail(int sqlite_code) {
  if (healthy()) failure_ = describe(sqlite_code, path_, sqlite3_errmsg(handle_));
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  if (!database_.healthy()) return;
  int code = sqlite3_prepare_v3(database_.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_,
                                nullptr);
  if (code != SQLITE_OK) database_.fail(code);
}

Statement::~Statement() { sqlite3_finalize(statement_); }

bool Statement::next() {
  if (!database_.healthy() || statement_ == nullptr) return false;
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail(code);
  reset();
  return false;
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Statement::reset() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
}

void Statement::set(int place, int64_t value) { sqlite3_bind_int64(statement_, place, value); }

void Statement::set(int place, std::string_view value) {
  const char* text = value.data() != nullptr ? value.data() : "";
  sqlite3_bind_text64(statement_, place, text, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::set(int place, KeyEnd end) {
  if (!end.key.empty()) return set(place, end.key);
  sqlite3_bind_zeroblob(statement_, place, 0);  // each octet string is behind each text
}

void Statement::set(int place, const std::optional<int64_t>& value) {
  if (value) {
    sqlite3_bind_int64(statement_, place, *value);
  } else {
    sqlite3_bind_null(statement_, place);
  }
}

void Statement::set(int place, std::nullptr_t) { sqlite3_bind_null(statement_, place); }

}  // namespace pylon::store::embedded

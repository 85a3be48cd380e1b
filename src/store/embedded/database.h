// Database, Statement: SQLite as this store uses it. One thread at a time.
//
// The first failure sticks: until it is taken, statements do nothing and give no rows. So a row of
// steps is written straight down and asked once, at its end, whether all went well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "store/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pylon::store::embedded {

class Database {
 public:
  // Creates the file with mode 0600 when it is missing.
  static Outcome<std::unique_ptr<Database>> open(const std::string& path, int busy_timeout_ms);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql);            // any number of statements, rows are ignored
  int64_t integer_of(const char* sql);  // first column of the first row; 0 without
  std::string text_of(const char* sql);

  bool healthy() const { return !failure_; }
  std::optional<Failure> take_failure() { return std::exchange(failure_, std::nullopt); }
  void fail(int sqlite_code);  // remembers what SQLite has just said

  const std::string& path() const { return path_; }
  sqlite3* handle() { return handle_; }

 private:
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  sqlite3* handle_;
  std::string path_;
  std::optional<Failure> failure_;
};

// The first key behind a range; empty: the range has no end. Bound as a value behind all texts, so
// that SQLite looks only at the rows of the range.
struct KeyEnd {
  std::string_view key;
};

// A prepared statement. bind() starts it anew; texts that are bound must live until the last row.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  template <class... Values>
  Statement& bind(const Values&... values) {
    reset();
    int place = 0;
    (set(++place, values), ...);
    return *this;
  }

  bool next();  // true: there is a row
  void run() {  // for statements without rows
    next();
    reset();
  }

  void reset();  // gives the row up, and the read transaction with it

  int64_t integer(int column) const;        // from 0; NULL is 0
  std::string_view text(int column) const;  // until the next call of next() or bind()
  bool is_null(int column) const;

 private:
  void set(int place, int64_t value);
  void set(int place, std::string_view value);
  void set(int place, KeyEnd end);
  void set(int place, const std::optional<int64_t>& value);
  void set(int place, std::nullptr_t);

  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace pylon::store::embedded

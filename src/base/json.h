// Json: a JSON value. Objects keep the order of their members; integers stay integers.
//
// Values are owned, copyable, and compare deeply (objects whatever their order). Used by the
// control plane (configuration, Admin API) and by plugins that read bodies; never on the plain
// request path. Source: RFC 8259. Parsing refuses invalid UTF-8, depth over the limit and trailing
// bytes; of duplicate keys the last one wins (as cjson does).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace pylon {

class Json {
 public:
  enum class Type { null, boolean, integer, number, string, array, object };
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // in order of insertion; keys are unique

  struct Limits {
    size_t max_depth = 128;
    size_t max_bytes = 64 << 20;
  };

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(int64_t{value}) {}
  Json(int64_t value) : value_(value) {}
  Json(uint64_t value);  // above int64's range it becomes a double
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }
  // Json::object({{"a", 1}, {"b", "x"}})
  static Json object(std::initializer_list<Member> members) { return Json(Object(members)); }
  static Json array(std::initializer_list<Json> items) { return Json(Array(items)); }

  static Result<Json> parse(std::string_view text, Limits limits);
  static Result<Json> parse(std::string_view text);

  Type type() const { return static_cast<Type>(value_.index()); }
  bool is_null() const { return type() == Type::null; }
  bool is_bool() const { return type() == Type::boolean; }
  bool is_integer() const { return type() == Type::integer; }
  bool is_number() const { return type() == Type::integer || type() == Type::number; }
  bool is_string() const { return type() == Type::string; }
  bool is_array() const { return type() == Type::array; }
  bool is_object() const { return type() == Type::object; }

  // The value, or the fallback when the type is another one.
  bool as_bool(bool fallback = false) const;
  int64_t as_int(int64_t fallback = 0) const;  // an integral double counts as integer
  double as_double(double fallback = 0) const;
  std::string_view as_string(std::string_view fallback = {}) const;

  // Items of an array, members of an object; empty for other types.
  const Array& items() const;
  const Object& members() const;
  Array& items();     // must be an array
  Object& members();  // must be an object
  size_t size() const;
  bool empty() const { return size() == 0; }

  const Json* find(std::string_view key) const;  // null when absent or no object
  Json* find(std::string_view key);
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  Json& operator[](std::string_view key);  // inserts null; turns null into an object first
  void push_back(Json item);               // turns null into an array first
  bool erase(std::string_view key);        // true when it was there

  std::string dump() const;              // compact, '/' not escaped, UTF-8 kept
  std::string dump_pretty() const;       // two spaces, for people
  std::string dump_sorted() const;       // members in byte order: a canonical form for digests
  void dump_to(std::string& out) const;  // appends

  bool operator==(const Json& other) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

}  // namespace pylon

#include "base/json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <unordered_map>

#include "base/hash.h"

namespace pylon {
namespace {

constexpr size_t kLinearKeys = 16;       // above this a table finds duplicate keys
constexpr size_t kKeptBytes = 64 << 10;  // texts up to this size share their thread's parser

// Keys come from clients, so the table is guarded against chosen collisions.
template <class T>
using ViewMap = std::unordered_map<std::string_view, T, StringHash, std::equal_to<>>;

const Json::Array kNoItems;
const Json::Object kNoMembers;

// Drops all but the last of members with the same key, at the place of the first (as cjson's table
// would keep one slot per key).
void keep_last_of_duplicates(Json::Object& members) {
  ViewMap<size_t> places;
  places.reserve(members.size());
  bool duplicates = false;
  for (size_t i = 0; i < members.size(); ++i) {
    auto [place, fresh] = places.emplace(members[i].first, i);
    if (fresh) continue;
    duplicates = true;
    members[place->second].second = std::move(members[i].second);
    members[i].second = Json::Array{};
  }
  if (!duplicates) return;
  std::vector<bool> keep(members.size(), false);
  for (const auto& [key, place] : places) keep[place] = true;
  Json::Object unique;
  unique.reserve(places.size());
  for (size_t i = 0; i < members.size(); ++i) {
    if (keep[i]) unique.push_back(std::move(members[i]));
  }
  members = std::move(unique);
}

Json convert(simdjson::dom::element element);

Json convert_array(simdjson::dom::array array) {
  Json::Array items;
  items.reserve(array.size());
  for (simdjson::dom::element item : array) items.push_back(convert(item));
  return Json(std::move(items));
}

Json convert_object(simdjson::dom::object object) {
  Json::Object members;
  members.reserve(object.size());
  bool large = object.size() > kLinearKeys;
  for (simdjson::dom::key_value_pair pair : object) {
    auto same = [&](const Json::Member& member) { return member.first == pair.key; };
    auto known = large ? members.end() : std::find_if(members.begin(), members.end(), same);
    if (known == members.end()) {
      members.emplace_back(std::string(pair.key), convert(pair.value));
    } else {
      known->second = convert(pair.value);
    }
  }
  if (large) keep_last_of_duplicates(members);
  return Json(std::move(members));
}

Json convert(simdjson::dom::element element) {
  using Kind = simdjson::dom::element_type;
  switch (element.type()) {
    case Kind::ARRAY:
      return convert_array(element.get_array().value_unsafe());
    case Kind::OBJECT:
      return convert_object(element.get_object().value_unsafe());
    case Kind::INT64:
      return Json(element.get_int64().value_unsafe());
    case Kind::UINT64:
      return Json(element.get_uint64().value_unsafe());
    case Kind::DOUBLE:
      return Json(element.get_double().value_unsafe());
    case Kind::STRING:
      return Json(element.get_string().value_unsafe());
    case Kind::BOOL:
      return Json(element.get_bool().value_unsafe());
    case Kind::NULL_VALUE:
      break;
  }
  return Json();
}

void dump_string(std::string_view text, std::string& out) {
  out += '"';
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    }
  }
  out.append(text, plain);
  out += '"';
}

void dump_double(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";  // JSON has no other word for it
    return;
  }
  if (value == 0) value = 0;  // "-0" would be read as the integer 0, which is written "0"
  fmt::format_to(std::back_inserter(out), "{}", value);
}

struct Style {
  bool pretty = false;
  bool sorted = false;
};

void new_line(Style style, size_t depth, std::string& out) {
  if (!style.pretty) return;
  out += '\n';
  out.append(depth * 2, ' ');
}

void dump_value(const Json& value, Style style, size_t depth, std::string& out);

void dump_array(const Json& value, Style style, size_t depth, std::string& out) {
  out += '[';
  bool first = true;
  for (const Json& item : value.items()) {
    if (!first) out += ',';
    first = false;
    new_line(style, depth + 1, out);
    dump_value(item, style, depth + 1, out);
  }
  if (!first) new_line(style, depth, out);
  out += ']';
}

void dump_member(const Json::Member& member, Style style, size_t depth, std::string& out) {
  new_line(style, depth + 1, out);
  dump_string(member.first, out);
  out += style.pretty ? ": " : ":";
  dump_value(member.second, style, depth + 1, out);
}

void dump_object(const Json& value, Style style, size_t depth, std::string& out) {
  std::vector<const Json::Member*> members;
  members.reserve(value.size());
  for (const Json::Member& member : value.members()) members.push_back(&member);
  if (style.sorted) {
    std::sort(members.begin(), members.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
  }
  out += '{';
  bool first = true;
  for (const Json::Member* member : members) {
    if (!first) out += ',';
    first = false;
    dump_member(*member, style, depth, out);
  }
  if (!first) new_line(style, depth, out);
  out += '}';
}

void dump_value(const Json& value, Style style, size_t depth, std::string& out) {
  switch (value.type()) {
    case Json::Type::null:
      out += "null";
      break;
    case Json::Type::boolean:
      out += value.as_bool() ? "true" : "false";
      break;
    case Json::Type::integer:
      fmt::format_to(std::back_inserter(out), "{}", value.as_int());
      break;
    case Json::Type::number:
      dump_double(value.as_double(), out);
      break;
    case Json::Type::string:
      dump_string(value.as_string(), out);
      break;
    case Json::Type::array:
      dump_array(value, style, depth, out);
      break;
    case Json::Type::object:
      dump_object(value, style, depth, out);
      break;
  }
}

bool equal_objects(const Json& a, const Json& b) {
  if (a.size() != b.size()) return false;
  if (a.size() <= kLinearKeys) {
    return std::all_of(a.members().begin(), a.members().end(), [&](const Json::Member& member) {
      const Json* other = b.find(member.first);
      return other != nullptr && *other == member.second;
    });
  }
  ViewMap<const Json*> others;
  others.reserve(b.size());
  for (const auto& [key, value] : b.members()) others.emplace(key, &value);
  return std::all_of(a.members().begin(), a.members().end(), [&](const Json::Member& member) {
    auto other = others.find(member.first);
    return other != others.end() && *other->second == member.second;
  });
}

}  // namespace

Json::Json(uint64_t value) {
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    value_ = static_cast<int64_t>(value);
  } else {
    value_ = static_cast<double>(value);
  }
}

Result<Json> Json::parse(std::string_view text) { return parse(text, Limits{}); }

Result<Json> Json::parse(std::string_view text, Limits limits) {
  if (text.size() > limits.max_bytes) {
    return fail(fmt::format("JSON of {} bytes is larger than the limit of {}", text.size(),
                            limits.max_bytes));
  }
  thread_local simdjson::dom::parser kept;
  simdjson::dom::parser own;
  bool small = text.size() <= kKeptBytes;
  simdjson::dom::parser& parser = small ? kept : own;
  size_t capacity = small ? kKeptBytes : text.size();
  if (parser.capacity() < capacity || parser.max_depth() != limits.max_depth) {
    if (auto error = parser.allocate(capacity, limits.max_depth)) {
      return fail(simdjson::error_message(error));
    }
  }
  simdjson::dom::element root;
  auto error = parser.parse(text.data(), text.size()).get(root);
  if (error == simdjson::DEPTH_ERROR) {
    return fail(fmt::format("JSON is nested deeper than {} levels", limits.max_depth));
  }
  if (error) return fail(simdjson::error_message(error));
  return convert(root);
}

bool Json::as_bool(bool fallback) const {
  const bool* value = std::get_if<bool>(&value_);
  return value != nullptr ? *value : fallback;
}

int64_t Json::as_int(int64_t fallback) const {
  if (const int64_t* value = std::get_if<int64_t>(&value_)) return *value;
  const double* value = std::get_if<double>(&value_);
  bool fits = value != nullptr && *value >= -0x1p63 && *value < 0x1p63;
  return fits && std::trunc(*value) == *value ? static_cast<int64_t>(*value) : fallback;
}

double Json::as_double(double fallback) const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  const int64_t* value = std::get_if<int64_t>(&value_);
  return value != nullptr ? static_cast<double>(*value) : fallback;
}

std::string_view Json::as_string(std::string_view fallback) const {
  const std::string* value = std::get_if<std::string>(&value_);
  return value != nullptr ? std::string_view(*value) : fallback;
}

const Json::Array& Json::items() const {
  const Array* value = std::get_if<Array>(&value_);
  return value != nullptr ? *value : kNoItems;
}

const Json::Object& Json::members() const {
  const Object* value = std::get_if<Object>(&value_);
  return value != nullptr ? *value : kNoMembers;
}

Json::Array& Json::items() { return std::get<Array>(value_); }

Json::Object& Json::members() { return std::get<Object>(value_); }

size_t Json::size() const {
  if (const Array* value = std::get_if<Array>(&value_)) return value->size();
  if (const Object* value = std::get_if<Object>(&value_)) return value->size();
  if (const std::string* value = std::get_if<std::string>(&value_)) return value->size();
  return 0;
}

const Json* Json::find(std::string_view key) const {
  for (const Member& member : members()) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

Json* Json::find(std::string_view key) {
  return const_cast<Json*>(static_cast<const Json*>(this)->find(key));
}

Json& Json::operator[](std::string_view key) {
  if (is_null()) value_ = Object{};
  if (Json* value = find(key)) return *value;
  return members().emplace_back(std::string(key), Json()).second;
}

void Json::push_back(Json item) {
  if (is_null()) value_ = Array{};
  items().push_back(std::move(item));
}

bool Json::erase(std::string_view key) {
  if (!is_object()) return false;
  Object& object = members();
  auto at = std::find_if(object.begin(), object.end(),
                         [&](const Member& member) { return member.first == key; });
  if (at == object.end()) return false;
  object.erase(at);
  return true;
}

std::string Json::dump() const {
  std::string out;
  dump_to(out);
  return out;
}

std::string Json::dump_pretty() const {
  std::string out;
  dump_value(*this, {.pretty = true}, 0, out);
  return out;
}

std::string Json::dump_sorted() const {
  std::string out;
  dump_value(*this, {.sorted = true}, 0, out);
  return out;
}

void Json::dump_to(std::string& out) const { dump_value(*this, {}, 0, out); }

bool Json::operator==(const Json& other) const {
  if (is_number() && other.is_number()) {
    return is_integer() && other.is_integer() ? as_int() == other.as_int()
                                              : as_double() == other.as_double();
  }
  if (type() != other.type()) return false;
  if (is_object()) return equal_objects(*this, other);
  return value_ == other.value_;
}

}  // namespace pylon

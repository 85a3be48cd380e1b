#include "gateway/settings_types.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace pylon::gateway {
namespace {

struct Unit {
  std::string_view name;
  uint64_t size;
};

// nginx's units of time, the largest first, in milliseconds.
constexpr Unit kTimeUnits[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr Unit kSizeUnits[] = {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}};

constexpr uint64_t kMost = uint64_t{1} << 53;  // any number in the file stays below

std::string_view take_while(std::string_view& text, bool (*wanted)(char)) {
  size_t end = 0;
  while (end < text.size() && wanted(text[end])) ++end;
  std::string_view taken = text.substr(0, end);
  text.remove_prefix(end);
  return taken;
}

bool is_letter(char c) { return is_alpha(c); }
bool is_figure(char c) { return is_digit(c); }

const Unit* unit_named(std::string_view name) {
  for (const Unit& unit : kTimeUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

// "1m30s": each unit at most once, the larger first; a number alone is seconds.
bool parse_duration(std::string_view text, int64_t& out_ms) {
  uint64_t total = 0;
  const Unit* previous = nullptr;
  if (text.empty()) return false;
  while (!text.empty()) {
    auto number = parse_uint(take_while(text, is_figure));
    std::string_view name = take_while(text, is_letter);
    const Unit* unit = unit_named(name.empty() ? "s" : name);
    if (!number || *number > kMost / 86'400'000 || unit == nullptr) return false;
    if (previous != nullptr && unit->size >= previous->size) return false;
    total += *number * unit->size;
    previous = unit;
  }
  if (total > kMost) return false;
  out_ms = static_cast<int64_t>(total);
  return true;
}

bool parse_bytes(std::string_view text, uint64_t& out) {
  auto number = parse_uint(take_while(text, is_figure));
  uint64_t scale = text.empty() ? 1 : 0;
  for (const Unit& unit : kSizeUnits) {
    if (iequals(text, unit.name)) scale = unit.size;
  }
  if (!number || scale == 0 || *number > kMost / scale) return false;
  out = *number * scale;
  return true;
}

// The largest unit that divides `value`; null when none does.
template <size_t N>
const Unit* fitting_unit(const Unit (&units)[N], uint64_t value) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.size == 0) return &unit;
  }
  return nullptr;
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (char c : text) {
    if (!is_alpha(c) && !is_digit(c) && std::string_view("_-./").find(c) == text.npos) return true;
  }
  return !is_alpha(text[0]) && text[0] != '/';
}

}  // namespace

bool read_flag(const Json& value, bool& out) {
  if (value.is_bool()) {
    out = value.as_bool();
    return true;
  }
  if (value.as_string() != "on" && value.as_string() != "off") return false;
  out = value.as_string() == "on";
  return true;
}

bool read_text(const Json& value, std::string& out) {
  if (value.is_string()) {
    out = value.as_string();
  } else if (value.is_number()) {
    out = value.dump();
  } else {
    return false;
  }
  return true;
}

bool read_integer(const Json& value, int64_t min, int64_t max, int64_t& out) {
  int64_t number = value.as_int(min - 1);
  if (value.is_string()) number = parse_int(value.as_string()).value_or(min - 1);
  if (number < min || number > max) return false;
  out = number;
  return true;
}

bool read_duration(const Json& value, int64_t& out_ms) {
  if (value.is_string()) return parse_duration(value.as_string(), out_ms);
  double seconds = value.as_double(-1);
  if (!value.is_number() || seconds < 0 || seconds > static_cast<double>(kMost / 1000)) {
    return false;
  }
  out_ms = static_cast<int64_t>(seconds * 1000 + 0.5);
  return true;
}

bool read_bytes(const Json& value, uint64_t& out) {
  if (value.is_string()) return parse_bytes(value.as_string(), out);
  int64_t number = value.as_int(-1);
  if (!value.is_number() || number < 0 || number > static_cast<int64_t>(kMost)) return false;
  out = static_cast<uint64_t>(number);
  return true;
}

bool read_texts(const Json& value, std::vector<std::string>& out) {
  if (!value.is_array()) return false;
  std::vector<std::string> texts;
  for (const Json& item : value.items()) {
    if (!read_text(item, texts.emplace_back())) return false;
  }
  out = std::move(texts);
  return true;
}

bool read_word(const Json& value, const std::string_view* words, size_t count, size_t& out) {
  for (size_t i = 0; i < count; ++i) {
    if (value.is_string() && value.as_string() == words[i]) {
      out = i;
      return true;
    }
  }
  return false;
}

bool read_ip(const Json& value, std::string& out) {
  std::string_view text = value.as_string();
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  auto ip = IpAddress::parse(text);
  if (ip) out = ip->to_string();
  return ip.has_value();
}

Result<void> read_addresses(const Json& value, AddressList& out) {
  std::vector<std::string> texts;
  if (!read_texts(value, texts)) return fail("");
  std::erase(texts, "unix:");
  auto set = IpSet::parse(texts);
  if (!set) return tl::unexpected(set.error());
  out = {std::move(texts), std::move(*set)};
  return {};
}

std::string show_text(std::string_view text) {
  if (!needs_quotes(text)) return std::string(text);
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string show_duration(int64_t ms) {
  const Unit* unit = fitting_unit(kTimeUnits, static_cast<uint64_t>(ms));
  if (unit == nullptr) return std::to_string(ms / 1000);
  if (unit->size > 1'000) unit = &kTimeUnits[3];  // whole seconds read best
  return std::to_string(static_cast<uint64_t>(ms) / unit->size) + std::string(unit->name);
}

std::string show_bytes(uint64_t bytes) {
  const Unit* unit = fitting_unit(kSizeUnits, bytes);
  if (unit == nullptr) return std::to_string(bytes);
  return std::to_string(bytes / unit->size) + std::string(unit->name);
}

std::string show_texts(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + show_text(text);
  return out + "]";
}

std::string list_words(const std::string_view* words, size_t count) {
  std::string out = "one of ";
  for (size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ", ") + std::string(words[i]);
  return out;
}

}  // namespace pylon::gateway

#include "base/yaml_scalar.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/strings.h"

namespace pylon {
namespace {

// A word in its three spellings: true, True, TRUE.
bool is_word(std::string_view text, std::string_view lower) {
  if (!iequals(text, lower)) return false;
  auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  auto uppers = std::count_if(text.begin(), text.end(), is_upper);
  return uppers == 0 || static_cast<size_t>(uppers) == text.size() ||
         (uppers == 1 && is_upper(text.front()));
}

bool is_any_word(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return is_word(text, word); });
}

// Digits of the base into a number; underscores are allowed after the first digit.
std::optional<double> read_digits(std::string_view text, int base) {
  double value = 0;
  bool any = false;
  for (char c : text) {
    if (c == '_' && any) continue;
    int digit = hex_digit(c);
    if (digit < 0 || digit >= base) return std::nullopt;
    value = value * base + digit;
    any = true;
  }
  return any ? std::optional(value) : std::nullopt;
}

// 1:30 is ninety, 1:30.5 ninety and a half.
std::optional<double> read_sexagesimal(std::string_view text) {
  size_t dot = std::min(text.find('.'), text.size());
  std::string_view whole = text.substr(0, dot);
  if (whole.find(':') == std::string_view::npos) return std::nullopt;
  double value = 0;
  bool first = true;
  for (std::string_view part : split(whole, ':')) {
    auto number = parse_uint(part);
    if (!number || (!first && (part.size() > 2 || *number > 59))) return std::nullopt;
    value = value * 60 + static_cast<double>(*number);
    first = false;
  }
  if (dot == text.size()) return value;
  auto fraction = parse_double(text.substr(dot));
  return fraction ? std::optional(value + *fraction) : std::nullopt;
}

std::string without_underscores(std::string_view text) {
  std::string out(text);
  std::erase(out, '_');
  return out;
}

// A whole number in decimal, octal, hexadecimal or binary, without its sign.
std::optional<double> read_whole(std::string_view text) {
  if (text.starts_with("0x")) return read_digits(text.substr(2), 16);
  if (text.starts_with("0b")) return read_digits(text.substr(2), 2);
  if (text.size() > 1 && text.front() == '0') {
    if (auto octal = read_digits(text.substr(1), 8)) return octal;
  }
  bool digits_only = text.find_first_not_of("0123456789_") == std::string_view::npos;
  return digits_only ? parse_double(without_underscores(text)) : std::nullopt;
}

std::optional<double> read_float(std::string_view text) {
  if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  if (!is_digit(text.front()) && text.front() != '.') return std::nullopt;
  return parse_double(without_underscores(text));
}

Json json_of(double value) {
  constexpr double kExact = 9007199254740992;  // 2^53: every integer up to it is exact
  bool whole = value >= -kExact && value <= kExact && static_cast<double>(int64_t(value)) == value;
  return whole ? Json(static_cast<int64_t>(value)) : Json(value);
}

std::optional<Json> read_number(std::string_view text) {
  std::string_view digits = text;
  bool negative = text.front() == '-';
  if (negative || text.front() == '+') digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  bool decimal = digits.front() != '0' || digits.size() == 1;
  if (auto exact = parse_int(negative ? text : digits); exact && decimal) return Json(*exact);
  double sign = negative ? -1 : 1;
  if (auto whole = read_whole(digits)) return json_of(sign * *whole);
  if (auto real = read_float(digits)) return Json(sign * *real);
  if (auto sixty = read_sexagesimal(digits)) return json_of(sign * *sixty);
  return std::nullopt;
}

}  // namespace

Json read_plain_scalar(std::string_view text) {
  if (text.empty() || text == "~" || is_word(text, "null")) return Json();
  char first = text.front();
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    if (auto number = read_number(text)) return std::move(*number);
  }
  if (is_any_word(text, {"true", "yes", "on"})) return Json(true);
  if (is_any_word(text, {"false", "no", "off"})) return Json(false);
  return Json(text);
}

}  // namespace pylon

#include "base/environment.h"

#include <stdlib.h>

#include "base/strings.h"

namespace pylon {
namespace {

bool is_name(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Appends the value of "NAME" or "NAME:=default". False when `inside` is neither.
bool append_variable(std::string_view inside, const Environment& environment, Substituted& out) {
  size_t end = 0;
  while (end < inside.size() && is_name(inside[end])) ++end;
  std::string name(inside.substr(0, end));
  std::string_view rest = inside.substr(end);
  bool has_default = rest.starts_with(":=");
  if (name.empty() || (!rest.empty() && !has_default)) return false;
  auto value = environment(name);
  if (!value && has_default) value = std::string(trimmed(rest.substr(2)));
  if (!value) out.missing = name;
  out.text += value.value_or("");
  out.any = true;
  return true;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

Substituted substitute(std::string_view text, const Environment& environment) {
  Substituted out;
  while (true) {
    size_t open = text.find("${{");
    size_t close = open == text.npos ? text.npos : text.find("}}", open);
    if (close == text.npos) break;
    out.text += text.substr(0, open);
    std::string_view inside = trimmed(text.substr(open + 3, close - open - 3));
    if (!append_variable(inside, environment, out)) out.text += text.substr(open, close + 2 - open);
    text.remove_prefix(close + 2);
  }
  out.text += text;
  return out;
}

Json typed_value(std::string text) {
  if (auto integer = parse_int(text)) return Json(*integer);
  if (auto number = parse_double(text)) return Json(*number);
  if (text == "true" || text == "false") return Json(text == "true");
  return Json(std::move(text));
}

std::optional<std::string> substitute_in(Json& value, const Environment& environment) {
  if (value.is_string()) {
    Substituted done = substitute(value.as_string(), environment);
    if (!done.missing.empty()) return std::move(done.missing);
    if (done.any) value = typed_value(std::move(done.text));
  } else if (value.is_array()) {
    for (Json& item : value.items()) {
      if (auto missing = substitute_in(item, environment)) return missing;
    }
  } else if (value.is_object()) {
    for (auto& [name, member] : value.members()) {
      if (auto missing = substitute_in(member, environment)) return missing;
      Substituted done = substitute(name, environment);
      if (!done.missing.empty()) return std::move(done.missing);
      if (done.any) name = std::move(done.text);
    }
  }
  return std::nullopt;
}

}  // namespace pylon

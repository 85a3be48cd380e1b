#include "base/yaml_text.h"

#include <algorithm>

#include "base/strings.h"
#include "base/yaml_scalar.h"

namespace pylon {
namespace {

bool is_plain(char c) {
  return is_alpha(c) || is_digit(c) || c == '_' || c == '/' || c == '.' || c == '-';
}

// JSON's quoted strings are YAML's.
std::string text_of(std::string_view text) {
  bool plain = !text.empty() && (is_alpha(text.front()) || text.front() == '/') &&
               std::all_of(text.begin(), text.end(), is_plain) &&
               read_plain_scalar(text).is_string();
  return plain ? std::string(text) : Json(text).dump();
}

std::string scalar(const Json& value) {
  if (value.is_string()) return text_of(value.as_string());
  return value.dump();  // also [] and {}
}

void write(const Json& value, size_t indent, std::string& out);

bool is_leaf(const Json& value) {
  return (!value.is_array() && !value.is_object()) || value.empty();
}

// What follows "- " or "name:".
void write_inside(const Json& value, size_t indent, bool in_list, std::string& out) {
  if (is_leaf(value)) {
    if (!in_list) out += ' ';
    out += scalar(value) + '\n';
    return;
  }
  if (in_list && value.is_object()) {
    std::string block;
    write(value, indent, block);
    out += std::string_view(block).substr(indent);
    return;
  }
  out += '\n';
  write(value, indent, out);
}

void write(const Json& value, size_t indent, std::string& out) {
  std::string margin(indent, ' ');
  if (value.is_array()) {
    for (const Json& item : value.items()) {
      out += margin + "- ";
      write_inside(item, indent + 2, true, out);
    }
    return;
  }
  for (const auto& [name, member] : value.members()) {
    out += margin + text_of(name) + ':';
    write_inside(member, indent + 2, false, out);
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  if (is_leaf(value)) return scalar(value) + '\n';
  std::string out;
  write(value, 0, out);
  return out;
}

}  // namespace pylon

#include "gateway/admin_key_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/ids.h"
#include "base/yaml.h"

namespace pylon::gateway {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// A text as lines that keep their line breaks.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// The value at the beginning of `text`, if it is an empty scalar: '', "", ~, null or nothing.
// npos when it is something else.
size_t empty_value_length(std::string_view text) {
  for (std::string_view empty : {"''", "\"\"", "~", "null"}) {
    if (!text.starts_with(empty)) continue;
    std::string_view rest = text.substr(empty.size());
    bool ends = rest.empty() || std::string_view(" \r\n,}#").find(rest[0]) != rest.npos;
    if (ends) return empty.size();
  }
  bool nothing = text.empty() || std::string_view("\r\n,}#").find(text[0]) != text.npos;
  return nothing ? 0 : text.npos;
}

// Puts the key where `line` has `key:` with an empty value. `skip` other `key:` come first (items
// of a list on one line). False when there is no such place.
bool fill_line(std::string& line, size_t skip, std::string_view key) {
  for (size_t at = line.find("key"); at != line.npos; at = line.find("key", at + 1)) {
    bool begins = at == 0 || std::string_view(" ,{\"'-").find(line[at - 1]) != line.npos;
    size_t colon = at + 3;
    if (colon < line.size() && (line[colon] == '"' || line[colon] == '\'')) ++colon;
    if (!begins || colon >= line.size() || line[colon] != ':' || skip-- != 0) continue;
    size_t value = std::min(line.find_first_not_of(' ', colon + 1), line.size());
    size_t length = empty_value_length(std::string_view(line).substr(value));
    if (length == line.npos) return false;
    std::string gap = value == colon + 1 ? " " : "";
    std::string after = length == 0 && value < line.size() && line[value] == '#' ? " " : "";
    line.replace(value, length, gap + std::string(key) + after);
    return true;
  }
  return false;
}

// Lines for what of deployment.admin.admin_key is missing, from `depth` (0: all of it) on.
std::string missing_lines(size_t depth, size_t indent, std::string_view key) {
  constexpr std::string_view kNames[] = {"deployment:", "admin:", "admin_key:"};
  std::string out;
  for (; depth < 3; ++depth, indent += 2) {
    out += std::string(indent, ' ') + std::string(kNames[depth]) + "\n";
  }
  std::string space(indent, ' ');
  return out + space + "- name: admin\n" + space + "  key: " + std::string(key) + "\n" + space +
         "  role: admin\n";
}

// Adds the admin_key that the file does not have, below the deepest section that it has.
std::string with_added_key(const YamlDocument& document, std::string_view text,
                           std::string_view key) {
  std::vector<std::string> lines = lines_of(text);
  if (!lines.empty() && !lines.back().ends_with('\n')) lines.back() += '\n';
  std::string pointer;
  size_t depth = 0;
  const Json* section = &document.value;
  for (const char* name : {"deployment", "admin"}) {
    const Json* next = section->find(name);
    if (next == nullptr) break;
    pointer += std::string("/") + name;
    section = next;
    ++depth;
  }
  if (depth == 0) return joined(lines) + missing_lines(0, 0, key);
  size_t at = document.line_of(pointer);
  size_t indent = indent_of(lines[at - 1]) + 2;
  if (!section->members().empty()) {
    size_t child = document.line_of(pointer + "/" + section->members()[0].first);
    if (child != 0) indent = indent_of(lines[child - 1]);
  }
  lines.insert(lines.begin() + static_cast<ptrdiff_t>(at), missing_lines(depth, indent, key));
  return joined(lines);
}

// How many items before `index` have their key on the same line.
size_t earlier_on_line(const YamlDocument& document, size_t index, uint32_t line) {
  size_t count = 0;
  for (size_t i = 0; i < index; ++i) {
    count += document.line_of(fmt::format("/deployment/admin/admin_key/{}/key", i)) == line;
  }
  return count;
}

const Json* admin_keys(const Json& root) {
  const Json* deployment = root.find("deployment");
  const Json* admin = deployment != nullptr ? deployment->find("admin") : nullptr;
  return admin != nullptr ? admin->find("admin_key") : nullptr;
}

// Where the key of an item would stand, or what is written of the sections around it.
uint32_t line_of_keys(const YamlDocument& document, size_t index) {
  std::string pointer = fmt::format("/deployment/admin/admin_key/{}/key", index);
  while (document.line_of(pointer) == 0 && !pointer.empty()) pointer.resize(pointer.rfind('/'));
  return std::max(document.line_of(pointer), uint32_t{1});
}

// What the new text must mean.
Json wanted_value(Json root, size_t index, std::string_view key) {
  if (admin_keys(root) == nullptr) {
    Json item = Json::object({{"name", "admin"}, {"key", key}, {"role", "admin"}});
    root["deployment"]["admin"]["admin_key"].push_back(std::move(item));
  } else {
    root["deployment"]["admin"]["admin_key"].items()[index]["key"] = Json(key);
  }
  return root;
}

}  // namespace

std::string generate_admin_key() { return random_text(kAdminKeyLetters, kLetters); }

Result<std::string> with_admin_key(std::string_view text, size_t index, std::string_view key) {
  auto document = parse_yaml(text);
  if (!document) return tl::unexpected(document.error());
  std::string edited;
  const Json* keys = admin_keys(document->value);
  uint32_t line = document->line_of(fmt::format("/deployment/admin/admin_key/{}/key", index));
  if (keys == nullptr) {
    edited = with_added_key(*document, text, key);
  } else if (line != 0 && index < keys->size()) {
    std::vector<std::string> lines = lines_of(text);
    fill_line(lines[line - 1], earlier_on_line(*document, index, line), key);
    edited = joined(lines);
  }
  auto again = parse_yaml(edited);
  bool right = keys == nullptr || index < keys->size();
  if (right && again && again->value == wanted_value(document->value, index, key)) return edited;
  return fail(
      fmt::format("cannot write a generated key into the file (line {}); write one yourself "
                  "at deployment.admin.admin_key[{}].key",
                  line_of_keys(*document, index), index));
}

}  // namespace pylon::gateway

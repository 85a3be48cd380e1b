// From the text of config.yaml to Settings: environment variables, then each key by its table row,
// then the checks between keys.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_pointer.h"
#include "base/strings.h"
#include "base/yaml.h"
#include "gateway/settings.h"
#include "gateway/settings_keys.h"
#include "gateway/settings_report.h"

namespace pylon::gateway {
namespace {

constexpr YamlLimits kLimits{.max_bytes = 4 << 20, .max_depth = 64, .max_nodes = 200'000};

// ---- what there is to say

std::string describe(const Json& value) {
  switch (value.type()) {
    case Json::Type::null:
      return "nothing";
    case Json::Type::string:
      return fmt::format("the text \"{}\"", value.as_string().substr(0, 100));
    case Json::Type::array:
      return "a list";
    case Json::Type::object:
      return "a mapping";
    default:
      return value.dump();
  }
}

// ---- environment variables

// "/apisix/node_listen" as people write it.
std::string path_of(std::string_view pointer) {
  std::string path(pointer.substr(std::min<size_t>(pointer.size(), 1)));
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

class VariableFiller {
 public:
  VariableFiller(YamlDocument& document, const Environment& environment, Report& report)
      : document_(document), environment_(environment), report_(report) {}

  // `pointer` is where the value was written.
  void fill(Json& value, const std::string& pointer) {
    if (value.is_string()) {
      fill_text(value, pointer);
    } else if (value.is_array()) {
      size_t index = 0;
      for (Json& item : value.items()) fill(item, child_pointer(pointer, std::to_string(index++)));
    } else if (value.is_object()) {
      for (auto& [name, member] : value.members()) {
        std::string member_pointer = child_pointer(pointer, name);
        fill(member, member_pointer);
        fill_name(name, pointer, member_pointer);
      }
    }
  }

 private:
  void fill_text(Json& value, const std::string& pointer) {
    Substituted done = substitute(value.as_string(), environment_);
    if (!done.missing.empty()) return complain(done, pointer);
    if (done.any) value = typed_value(std::move(done.text));
  }

  void fill_name(std::string& name, const std::string& parent, const std::string& pointer) {
    Substituted done = substitute(name, environment_);
    if (!done.missing.empty()) return complain(done, pointer);
    if (!done.any) return;
    name = std::move(done.text);
    document_.lines.emplace(child_pointer(parent, name), document_.line_of(pointer));
  }

  void complain(const Substituted& done, const std::string& pointer) {
    report_.add_at(true, pointer, path_of(pointer),
                   fmt::format("the environment variable {0} is not set; set it, or write a "
                               "default: ${{{{{0}:=value}}}}",
                               done.missing));
  }

  YamlDocument& document_;
  const Environment& environment_;
  Report& report_;
};

// ---- the keys

// The last part of a path.
std::string_view leaf(std::string_view path) { return path.substr(path.rfind('.') + 1); }

// What may stand directly below a section.
std::vector<std::string_view> names_below(std::string_view section) {
  std::vector<std::string_view> names;
  for (const Key& key : all_keys()) {
    std::string_view rest = key.path;
    if (!section.empty()) {
      if (!rest.starts_with(section) || rest.size() <= section.size() ||
          rest[section.size()] != '.') {
        continue;
      }
      rest.remove_prefix(section.size() + 1);
    }
    std::string_view name = rest.substr(0, std::min(rest.find('.'), rest.find('[')));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

// A known key of the same name in another section.
const Key* namesake(std::string_view name) {
  for (const Key& key : all_keys()) {
    if (leaf(key.path) == name && key.path.find('[') == key.path.npos) return &key;
  }
  return nullptr;
}

bool only_comments(std::string_view text) {
  for (std::string_view line : split(text, '\n')) {
    std::string_view content = trim(line);
    if (!content.empty() && content != "\r" && content[0] != '#') return false;
  }
  return true;
}

// Whether nothing would be different if the key were honoured.
bool switches_nothing_on(const Json& value) {
  if (value.is_bool()) return !value.as_bool();
  if (value.is_string()) return only_comments(value.as_string());
  if (value.is_number()) return false;
  const Json* enable = value.find("enable");
  return value.empty() || (enable != nullptr && enable->is_bool() && !enable->as_bool());
}

struct Place {
  std::string path;     // in the tables: "apisix.node_listen[].port"
  std::string shown;    // to people: "apisix.node_listen[0].port"
  std::string pointer;  // in the document: "/apisix/node_listen/0/port"

  Place member(const std::string& name) const {
    std::string dot = path.empty() ? "" : ".";
    return {path + dot + name, shown + dot + name, child_pointer(pointer, name)};
  }
  Place item(size_t index) const {
    std::string number = std::to_string(index);
    return {path + "[]", shown + "[" + number + "]", child_pointer(pointer, number)};
  }
};

class KeyReader {
 public:
  KeyReader(Settings& settings, Report& report) : settings_(settings), report_(report) {}

  // `open`: members that no table knows are somebody else's.
  void read_section(const Json& value, const Place& place, bool open) {
    if (value.is_null()) return;
    if (!value.is_object()) {
      return say(true, place, "expected a mapping, got " + describe(value));
    }
    for (const auto& [name, member] : value.members()) {
      read_member(name, member, place, open);
    }
  }

 private:
  void say(bool error, const Place& place, std::string message) {
    report_.add_at(error, place.pointer, place.shown, std::move(message));
  }

  void read_member(const std::string& name, const Json& value, const Place& section, bool open) {
    Place place = section.member(name);
    if (const Key* key = find_key(place.path)) return read_key(*key, value, place);
    if (is_section(place.path)) return read_section(value, place, open);
    if (!open) say_unknown(name, section, place);
  }

  void read_key(const Key& key, const Json& value, const Place& place) {
    say_standing(key, value, place);
    if (value.is_null()) {
      if (key.type.clear != nullptr) key.type.clear(settings_);
      return;
    }
    if (auto read = key.type.read(value, settings_); !read) {
      std::string message = std::move(read.error().message);
      if (message.empty()) {
        message = fmt::format("expected {}, got {}", key.type.expects(), describe(value));
      }
      return say(true, guilty_item(key, value, place), std::move(message));
    }
    if (value.is_object() && (key.type.open || is_section(place.path))) {
      read_section(value, place, key.type.open);
    }
    if (!value.is_array() || !is_section(place.path + "[]")) return;
    for (size_t i = 0; i < value.size(); ++i) {
      if (value.items()[i].is_object()) read_section(value.items()[i], place.item(i), false);
    }
  }

  // Of a list that was refused, the first item that is refused alone too.
  Place guilty_item(const Key& key, const Json& value, const Place& place) const {
    Settings scratch;
    if (!value.is_array() || !key.type.read(Json::array(), scratch)) return place;
    for (size_t i = 0; i < value.size(); ++i) {
      if (!key.type.read(Json::array({value.items()[i]}), scratch)) return place.item(i);
    }
    return place;
  }

  void say_standing(const Key& key, const Json& value, const Place& place) {
    if (key.standing == Standing::honoured || switches_nothing_on(value)) return;
    bool later = key.standing == Standing::later;
    say(false, place,
        fmt::format("{}: {}", later ? "not part of this version" : "has no effect", key.doc));
  }

  void say_unknown(const std::string& name, const Place& section, const Place& place) {
    bool ours = place.path.starts_with("pylon.");
    std::string message = ours ? "unknown key" : "unknown key, ignored";
    std::string_view nearest = nearest_word(name, names_below(section.path));
    if (!nearest.empty()) {
      message += fmt::format("; did you mean {}?", section.member(std::string(nearest)).shown);
    } else if (const Key* key = namesake(name)) {
      message += fmt::format("; did you mean {}?", key->path);
    }
    say(ours, place, std::move(message));
  }

  Settings& settings_;
  Report& report_;
};

// "line 12: message" of the YAML reader.
Finding syntax_error(std::string message) {
  Finding finding{.error = true, .line = 0, .key = "", .message = std::move(message)};
  std::string_view rest = finding.message;
  size_t colon = rest.find(": ");
  if (!rest.starts_with("line ") || colon == rest.npos) return finding;
  finding.line = static_cast<uint32_t>(parse_uint(rest.substr(5, colon - 5)).value_or(0));
  finding.message = "not valid YAML: " + std::string(rest.substr(colon + 2));
  return finding;
}

}  // namespace

ParsedSettings parse_settings(std::string_view text, const Environment& environment) {
  ParsedSettings out;
  auto document = parse_yaml(text, kLimits);
  if (!document) {
    out.findings.push_back(syntax_error(std::move(document.error().message)));
    return out;
  }
  Report report(*document, out.findings);
  VariableFiller(*document, environment, report).fill(document->value, "");
  KeyReader(out.settings, report).read_section(document->value, {}, false);
  if (out.ok()) check_settings(out.settings, environment, report);
  auto by_line = [](const Finding& a, const Finding& b) { return a.line < b.line; };
  std::stable_sort(out.findings.begin(), out.findings.end(), by_line);
  return out;
}

}  // namespace pylon::gateway

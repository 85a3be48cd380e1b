// The tables of keys together, and the reference page made from them.
#include <algorithm>

#include "gateway/settings_keys.h"

namespace pylon::gateway {
namespace {

constexpr std::string_view kHead =
    "# Configuration: conf/config.yaml\n"
    "\n"
    "Made by `pylon help config` from the tables in src/gateway/settings_keys_*.cc; do not edit.\n"
    "\n"
    "The file is APISIX's: what you do not write keeps the default below, a `null` unsets what "
    "can\n"
    "be unset, and `${{NAME}}` or `${{NAME:=default}}` stand for environment variables. With\n"
    "APISIX_PROFILE=dev the file is conf/config-dev.yaml. `pylon test` checks it. A key that "
    "nobody\n"
    "knows is named with its line and the nearest known key.\n";

std::string_view title_of(Standing standing) {
  switch (standing) {
    case Standing::honoured:
      return "Keys";
    case Standing::later:
      return "Not part of this version";
    default:
      return "Accepted without effect";
  }
}

std::string_view note_of(Standing standing) {
  switch (standing) {
    case Standing::honoured:
      return "";
    case Standing::later:
      return "A warning names them when they switch something on.\n\n";
    default:
      return "They are about the inside of nginx or OpenResty. A warning names them.\n\n";
  }
}

// A cell must not end the table's column or line.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c == '\n' ? ' ' : c);
  return out;
}

void add_row(const Key& key, const Settings& defaults, std::string& page) {
  std::string shown = key.type.show != nullptr ? key.type.show(defaults) : "";
  page += "| `" + std::string(key.path) + "` | ";
  if (key.standing == Standing::honoured) {
    page +=
        cell(key.type.expects()) + " | " + (shown.empty() ? "" : "`" + cell(shown) + "`") + " | ";
  }
  page += cell(key.doc) + " |\n";
}

void add_table(Standing standing, std::string& page) {
  const Settings defaults;
  page += "\n## " + std::string(title_of(standing)) + "\n\n" + std::string(note_of(standing));
  bool honoured = standing == Standing::honoured;
  page += honoured ? "| key | value | default | meaning |\n|---|---|---|---|\n"
                   : "| key | why |\n|---|---|\n";
  for (const Key& key : all_keys()) {
    if (key.standing == standing) add_row(key, defaults, page);
  }
}

}  // namespace

const std::vector<Key>& all_keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all;
    for (auto table :
         {apisix_keys(), nginx_keys(), deployment_keys(), plugin_keys(), pylon_keys()}) {
      all.insert(all.end(), table.begin(), table.end());
    }
    return all;
  }();
  return keys;
}

const Key* find_key(std::string_view path) {
  for (const Key& key : all_keys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

bool is_section(std::string_view path) {
  return std::any_of(all_keys().begin(), all_keys().end(), [&](const Key& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) &&
           key.path[path.size()] == '.';
  });
}

std::string configuration_page() {
  std::string page(kHead);
  for (Standing standing : {Standing::honoured, Standing::later, Standing::ignored}) {
    add_table(standing, page);
  }
  return page;
}

}  // namespace pylon::gateway

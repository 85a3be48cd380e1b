// Collects what there is to say about a config.yaml, each with its line.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/yaml.h"
#include "gateway/settings.h"

namespace pylon::gateway {

class Report {
 public:
  Report(const YamlDocument& document, std::vector<Finding>& findings)
      : document_(document), findings_(findings) {}

  // About a key by its path: "deployment.admin.admin_key[0].key". The line is that of the nearest
  // part of the path that is written down.
  void error(std::string_view path, std::string message) { add(true, path, std::move(message)); }
  void warn(std::string_view path, std::string message) { add(false, path, std::move(message)); }

  // The same by JSON pointer, for keys whose names may hold anything.
  void add_at(bool error, std::string_view pointer, std::string_view path, std::string message);

 private:
  void add(bool error, std::string_view path, std::string message);

  const YamlDocument& document_;
  std::vector<Finding>& findings_;
};

// What must hold between several keys. Also fills in what follows from them: the [::] of
// enable_ipv6, no Admin API in a data plane, ...
void check_settings(Settings& settings, const Environment& environment, Report& report);

}  // namespace pylon::gateway

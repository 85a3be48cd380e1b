// `pylon explain` and `pylon status`: the Control API's answers for people.
#include <fmt/format.h>

#include "base/strings.h"
#include "cli/api_call.h"
#include "cli/commands.h"
#include "gateway/pid_file.h"

namespace pylon::cli {
namespace {

const Json::Array& list_of(const Json& value, std::string_view name) {
  static const Json kNone;
  const Json* member = value.find(name);
  return (member != nullptr ? *member : kNone).items();
}

int complain(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.message);
  return kFailure;
}

// The question of the Control API; nothing when a header is none.
std::optional<Json> question_of(const Options& options) {
  Json question = Json::object({{"method", Json(options.method)}, {"uri", Json(options.uri)}});
  if (options.uri.starts_with("https://")) question["https"] = Json(true);
  if (!options.client.empty()) question["remote_addr"] = Json(options.client);
  if (!options.data.empty()) question["body"] = Json(options.data);
  for (const std::string& header : options.headers) {
    size_t colon = header.find(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    std::string value(trim(std::string_view(header).substr(colon + 1)));
    question["headers"][header.substr(0, colon)] = Json(std::move(value));
  }
  return question;
}

void print_candidates(const Json& answer) {
  fmt::print("routes, in the order in which they are tried\n");
  for (const Json& line : list_of(answer, "candidates")) {
    std::string name = text_of(line, "id");
    if (std::string said = text_of(line, "name"); !said.empty()) name += " (" + said + ")";
    fmt::print("  {:<12} {}", text_of(line, "result"), name);
    if (std::string pattern = text_of(line, "uri"); !pattern.empty()) {
      fmt::print("  {}{}", text_of(line, "host"), pattern);
    }
    if (line.contains("failed")) {
      const Json* wanted = line.find("wanted");
      fmt::print("  {} {}", text_of(line, "failed"), wanted != nullptr ? wanted->dump() : "");
    }
    fmt::print("\n");
  }
  if (list_of(answer, "candidates").empty()) fmt::print("  there are none\n");
  int64_t more = number_of(answer, "left_out");
  if (more > 0) fmt::print("  and {} routes with another host or uri\n", more);
}

void print_plugins(const Json& answer) {
  fmt::print("plugins, in the order in which they run\n");
  for (const Json& line : list_of(answer, "plugins")) {
    fmt::print("  {:>6}  {:<22} {}{}\n", number_of(line, "priority"), text_of(line, "name"),
               text_of(line, "source"), line.contains("filtered") ? "  (if _meta.filter)" : "");
  }
  if (list_of(answer, "plugins").empty()) fmt::print("  none\n");
  const Json* consumer = answer.find("consumer");
  if (consumer != nullptr && consumer->is_object()) {
    fmt::print("consumer {}\n", text_of(*consumer, "name"));
  } else if (consumer != nullptr) {
    fmt::print("consumer {}\n", consumer->as_string());
  }
  if (answer.contains("refused")) {
    fmt::print("authentication refuses it with {}\n", number_of(answer, "refused"));
  }
}

void print_upstream(const Json& answer) {
  if (const Json* upstream = answer.find("upstream")) {
    fmt::print("upstream {}  {}\n", text_of(*upstream, "source"), text_of(*upstream, "type"));
    std::string picked = text_of(*upstream, "node");
    const Json* always = upstream->find("always");
    bool sure = always != nullptr && always->as_bool();
    for (const Json& node : list_of(*upstream, "nodes")) {
      std::string address = text_of(node, "address");
      const Json* usable = node.find("usable");
      bool healthy = usable != nullptr && usable->as_bool();
      fmt::print("  {} {} weight {}{}\n", address == picked ? "->" : "  ", address,
                 number_of(node, "weight"), healthy ? "" : "  unhealthy");
    }
    if (!sure && !picked.empty()) fmt::print("  the next request may go to another one\n");
  }
  if (answer.contains("status")) fmt::print("answer {}\n", number_of(answer, "status"));
}

}  // namespace

int explain(const Options& options) {
  std::optional<Json> question = question_of(options);
  if (!question) {
    fmt::print(stderr, "a header is written as \"Name: value\"\n");
    return kUsage;
  }
  gateway::LoadedConfig config = load_and_report(Place(options), false);
  if (!config.ok()) return kBadConfig;
  ApiCall call{.method = "POST", .path = "/v1/explain", .body = question->dump()};
  Result<Json> answer = value_of(call_control(config.parsed.settings, call));
  if (!answer) return complain(answer.error());
  if (options.json) {
    fmt::print("{}\n", answer->dump_pretty());
    return kOk;
  }
  print_candidates(*answer);
  print_plugins(*answer);
  print_upstream(*answer);
  return kOk;
}

int status(const Options& options) {
  Place place(options);
  gateway::LoadedConfig config = load_and_report(place, false);
  if (!config.ok()) return kBadConfig;
  auto pid = gateway::running_pid(place.pid_path);
  if (!pid) {
    fmt::print(stderr, "Pylon is not running in {}; `pylon start` starts it\n", place.prefix);
    return kNotInState;
  }
  ApiCall call{.path = "/v1/config/status"};
  Result<Json> answer = value_of(call_control(config.parsed.settings, call));
  if (!answer) return complain(answer.error());
  const Json::Array& objects = list_of(*answer, "objects");
  const Json::Array& sources = list_of(*answer, "sources");
  int exit_status = objects.empty() && sources.empty() ? kOk : kBadConfig;
  if (options.json) {
    fmt::print("{}\n", answer->dump_pretty());
    return exit_status;
  }
  fmt::print("Pylon {} runs as process {}: {} of {} workers serve, revision {}\n", PYLON_VERSION,
             *pid, number_of(*answer, "serving"), number_of(*answer, "workers"),
             number_of(*answer, "revision"));
  for (const Json& item : objects) {
    fmt::print("  {}/{} is not served as it is stored: {}\n", text_of(item, "type"),
               text_of(item, "id"), text_of(item, "reason"));
  }
  for (const Json& item : sources) {
    fmt::print("  {} is not read: {}\n", text_of(item, "source"), text_of(item, "reason"));
  }
  for (const Json& item : list_of(*answer, "secrets")) {
    if (!item.contains("reason")) continue;
    fmt::print("  secret {} cannot be fetched: {}\n", text_of(item, "secret"),
               text_of(item, "reason"));
  }
  if (exit_status == kOk) fmt::print("  everything that is stored is served\n");
  return exit_status;
}

}  // namespace pylon::cli

// `pylon history`, `pylon diff`, `pylon rollback`: the Admin API's history for people.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "base/strings.h"
#include "cli/api_call.h"
#include "cli/commands.h"

namespace pylon::cli {
namespace {

// "routes/1", or the whole key of what is no resource.
std::string name_of(const Json& change) {
  if (!change.contains("resource")) return text_of(change, "key");
  return fmt::format("{}/{}", text_of(change, "resource"), text_of(change, "id"));
}

int complain(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.message);
  return kFailure;
}

std::string scope_query(const Options& options) {
  std::string query;
  if (!options.resource.empty()) query += "&resource=" + percent_encode(options.resource);
  if (!options.id.empty()) query += "&id=" + percent_encode(options.id);
  return query;
}

void print_revision(const Json& item) {
  std::time_t time = static_cast<std::time_t>(number_of(item, "time"));
  fmt::print("{:>8}  {:%Y-%m-%d %H:%M:%S}  {}@{}", number_of(item, "revision"),
             fmt::localtime(time), text_of(item, "author"), text_of(item, "source"));
  std::string comment = text_of(item, "comment");
  fmt::print("{}\n", comment.empty() ? "" : "  " + Json(comment).dump());
  for (const Json& change : item.find("changes")->items()) {
    fmt::print("          {:<6} {}\n", text_of(change, "action"), name_of(change));
  }
}

void print_difference(const Json& change) {
  fmt::print("{} {}\n", text_of(change, "action"), name_of(change));
  const Json* fields = change.find("fields");
  if (fields == nullptr) {
    bool created = text_of(change, "action") == "create";
    const Json* value = change.find(created ? "after" : "before");
    fmt::print("  {} {}\n", created ? "+" : "-", value != nullptr ? value->dump() : "");
    return;
  }
  for (const Json& field : fields->items()) {
    const Json* before = field.find("before");
    const Json* after = field.find("after");
    fmt::print("  {}: {} -> {}\n", text_of(field, "path"),
               before != nullptr ? before->dump() : "(none)",
               after != nullptr ? after->dump() : "(none)");
  }
}

void print_differences(const Json& answer) {
  const Json::Array& changes = answer.find("changes")->items();
  for (const Json& change : changes) print_difference(change);
  if (changes.empty()) fmt::print("no difference\n");
}

}  // namespace

int history(const Options& options) {
  gateway::LoadedConfig config = load_and_report(Place(options), false);
  if (!config.ok()) return kBadConfig;
  std::string path = fmt::format("/apisix/admin/history?page={}&page_size={}{}", options.page,
                                 options.page_size, scope_query(options));
  Result<Json> answer = value_of(call_admin(config.parsed.settings, {.path = path}));
  if (!answer) return complain(answer.error());
  for (const Json& item : answer->find("list")->items()) print_revision(item);
  fmt::print("{} changes; the oldest revision to go back to is {}\n", number_of(*answer, "total"),
             number_of(*answer, "oldest"));
  return kOk;
}

int diff(const Options& options) {
  gateway::LoadedConfig config = load_and_report(Place(options), false);
  if (!config.ok()) return kBadConfig;
  std::string path =
      fmt::format("/apisix/admin/diff?from={}{}", options.revision, scope_query(options));
  if (options.to_revision) path += fmt::format("&to={}", *options.to_revision);
  Result<Json> answer = value_of(call_admin(config.parsed.settings, {.path = path}));
  if (!answer) return complain(answer.error());
  print_differences(*answer);
  return kOk;
}

int rollback(const Options& options) {
  gateway::LoadedConfig config = load_and_report(Place(options), false);
  if (!config.ok()) return kBadConfig;
  Json body = Json::object({{"to", Json(options.revision)}, {"dry_run", Json(options.dry_run)}});
  if (!options.resource.empty()) body["resource"] = Json(options.resource);
  if (!options.id.empty()) body["id"] = Json(options.id);
  ApiCall call{.method = "POST", .path = "/apisix/admin/rollback", .body = body.dump()};
  if (!options.comment.empty()) call.fields.emplace_back("X-Pylon-Comment", options.comment);
  Result<Json> answer = value_of(call_admin(config.parsed.settings, std::move(call)));
  if (!answer) return complain(answer.error());
  print_differences(*answer);
  if (options.dry_run) {
    fmt::print("that is what a rollback would do; nothing was changed\n");
  } else {
    fmt::print("done; this is revision {}\n", number_of(*answer, "revision"));
  }
  return kOk;
}

}  // namespace pylon::cli

#include "admin/history_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "admin/answer.h"
#include "admin/body.h"
#include "admin/json_diff.h"
#include "admin/way_back.h"
#include "base/hash.h"
#include "base/strings.h"

namespace pylon::admin {

using config::Kind;
using config::ResourceType;
using http::ApiRequest;
using http::ApiResponse;
using store::HistoryQuery;
using store::KeyDifference;
using store::Outcome;

namespace {

constexpr int64_t kDefaultPageSize = 50;
constexpr int64_t kMaxPageSize = 500;
constexpr int kRollbackAttempts = 8;  // against other writers

std::string argument(const ApiRequest& request, std::string_view name) {
  std::string value;
  return request.argument(name, value) ? value : std::string();
}

// A number of the query; the default when it is not there.
Result<int64_t> number(const ApiRequest& request, std::string_view name, int64_t missing) {
  std::string text = argument(request, name);
  if (text.empty()) return missing;
  std::optional<int64_t> value = parse_int(text);
  if (value && *value >= 0) return *value;
  return fail(fmt::format("invalid argument {}: should be a number", name));
}

std::string text_of_member(const Json& body, std::string_view name) {
  const Json* member = body.find(name);
  if (member == nullptr || member->is_null()) return {};
  return member->is_string() ? std::string(member->as_string()) : member->dump();
}

std::string_view word(store::HistoryChange::Action action) {
  switch (action) {
    case store::HistoryChange::Action::create:
      return "create";
    case store::HistoryChange::Action::update:
      return "update";
    default:
      return "delete";
  }
}

std::string_view word(const KeyDifference& difference) {
  if (!difference.before) return "create";
  return difference.after ? "update" : "delete";
}

ApiResponse no_history() { return error_answer(404, "the store of this node keeps no history"); }

// A wrong revision is the caller's fault, everything else the store's.
ApiResponse refused(const store::Failure& failure) {
  if (failure.kind == store::Failure::Kind::refused) return error_answer(400, failure.message);
  return store_failure(failure);
}

constexpr std::string_view kPrivate[] = {"key", "keys"};

// A value as it may be shown; null when there is none. Of a private key its digest stands in, so
// that a change can be seen.
Json shown_value(std::string_view resource, const std::optional<std::string>& text) {
  if (!text) return {};
  Result<Json> value = Json::parse(*text);
  if (!value) return Json(*text);
  if (resource != config::resource_type(Kind::ssl).name) return std::move(*value);
  for (std::string_view name : kPrivate) {
    Json* member = value->find(name);
    if (member != nullptr) {
      *member = Json(fmt::format("(private, {:016x})", hash_guarded(member->dump())));
    }
  }
  return std::move(*value);
}

}  // namespace

Result<HistoryQuery> HistoryApi::query_of(const Scope& scope) const {
  HistoryQuery query;
  query.excluded_key = parts_.keys.id_counter();
  if (scope.resource.empty()) {
    if (!scope.id.empty()) return fail("an id needs a resource");
    query.prefix = parts_.keys.root();
    return query;
  }
  const ResourceType* type = config::find_resource_type(scope.resource);
  if (type == nullptr || !type->parent.empty()) {
    return fail(fmt::format("Unsupported resource type: {}", scope.resource));
  }
  query.prefix = parts_.keys.item(*type, {}, scope.id);
  query.exact = !scope.id.empty();
  return query;
}

// {"key": "/apisix/routes/1", "resource": "routes", "id": "1"}
Json HistoryApi::named(std::string_view key) const {
  Json out = Json::object({{"key", Json(key)}});
  std::string root = parts_.keys.root();
  std::string_view rest = key.starts_with(root) ? key.substr(root.size()) : "";
  size_t slash = rest.find('/');
  if (slash == rest.npos) return out;
  out["resource"] = Json(rest.substr(0, slash));
  out["id"] = Json(rest.substr(slash + 1));
  return out;
}

// ---- reading

HistoryApi::Answer HistoryApi::history(const ApiRequest& request) {
  store::History* kept = parts_.store.history();
  if (kept == nullptr) co_return no_history();
  Result<HistoryQuery> query = query_of({argument(request, "resource"), argument(request, "id")});
  Result<int64_t> page = number(request, "page", 1);
  Result<int64_t> size = number(request, "page_size", kDefaultPageSize);
  if (!query) co_return error_answer(400, query.error().message);
  if (!page) co_return error_answer(400, page.error().message);
  if (!size) co_return error_answer(400, size.error().message);
  query->limit = static_cast<size_t>(std::clamp<int64_t>(*size, 1, kMaxPageSize));
  query->offset = static_cast<size_t>(std::max<int64_t>(*page, 1) - 1) * query->limit;

  async::Task<Outcome<store::HistoryPage>> asking = kept->revisions(*query);
  Outcome<store::HistoryPage> found = co_await asking;
  if (!found) co_return refused(found.error());
  Json list = Json::array();
  for (const store::HistoryRevision& revision : found->revisions) {
    Json changes = Json::array();
    for (const store::HistoryChange& change : revision.changes) {
      changes.push_back(shown_change(change));
    }
    list.push_back(Json::object({{"revision", Json(revision.revision)},
                                 {"time", Json(revision.time_us / 1'000'000)},
                                 {"author", Json(revision.origin.author)},
                                 {"source", Json(revision.origin.source)},
                                 {"comment", Json(revision.origin.comment)},
                                 {"changes", std::move(changes)}}));
  }
  co_return json_answer(200, Json::object({{"total", Json(uint64_t{found->total})},
                                           {"oldest", Json(found->oldest)},
                                           {"newest", Json(found->newest)},
                                           {"list", std::move(list)}}));
}

Json HistoryApi::shown_change(const store::HistoryChange& change) const {
  Json shown = named(change.key);
  shown["action"] = Json(word(change.action));
  return shown;
}

HistoryApi::Answer HistoryApi::diff(const ApiRequest& request) {
  store::History* kept = parts_.store.history();
  if (kept == nullptr) co_return no_history();
  Result<HistoryQuery> query = query_of({argument(request, "resource"), argument(request, "id")});
  Result<int64_t> to = number(request, "to", parts_.store.revision());
  if (!query) co_return error_answer(400, query.error().message);
  if (!to) co_return error_answer(400, to.error().message);
  Result<int64_t> from = number(request, "from", *to - 1);
  if (!from) co_return error_answer(400, from.error().message);

  auto asking = kept->differences(*from, *to, *query);
  Outcome<Differences> found = co_await asking;
  if (!found) co_return refused(found.error());
  Json changes = Json::array();
  for (const KeyDifference& difference : *found) changes.push_back(shown_difference(difference));
  co_return json_answer(
      200,
      Json::object({{"from", Json(*from)}, {"to", Json(*to)}, {"changes", std::move(changes)}}));
}

Json HistoryApi::shown_difference(const KeyDifference& difference) const {
  Json shown = named(difference.key);
  const Json* resource = shown.find("resource");
  std::string name(resource != nullptr ? resource->as_string() : std::string_view());
  shown["action"] = Json(word(difference));
  Json before = shown_value(name, difference.before);
  Json after = shown_value(name, difference.after);
  if (difference.before && difference.after) {
    Json fields = Json::array();
    for (const FieldDifference& field : differences(before, after)) {
      Json one = Json::object({{"path", Json(field.path)}});
      if (field.before != nullptr) one["before"] = *field.before;
      if (field.after != nullptr) one["after"] = *field.after;
      fields.push_back(std::move(one));
    }
    shown["fields"] = std::move(fields);
  }
  shown["before"] = std::move(before);
  shown["after"] = std::move(after);
  return shown;
}

// ---- the way back

namespace {

// What is not understood is refused: a mistyped `resource` or `dry_run` must not become the
// rollback of everything. Empty: sound.
std::string fault_of_rollback(const Json& body) {
  const Json* to = body.find("to");
  if (to == nullptr || !to->is_integer()) return "`to` must be the number of a revision";
  for (const auto& [name, value] : body.members()) {
    if (name == "to") continue;
    if (name == "resource") {
      if (!value.is_string()) return "`resource` must be a string";
    } else if (name == "id") {
      if (!value.is_string() && !value.is_integer()) return "`id` must be a string or an integer";
    } else if (name == "dry_run") {
      if (!value.is_bool()) return "`dry_run` must be true or false";
    } else {
      return fmt::format("additional properties forbidden, found {}", name);
    }
  }
  return {};
}

}  // namespace

HistoryApi::Answer HistoryApi::rollback(const ApiRequest& request, std::string author) {
  store::History* kept = parts_.store.history();
  if (kept == nullptr) co_return no_history();
  auto body = parse_body(request.body);
  if (!body) co_return std::move(body.error());
  if (std::string fault = fault_of_rollback(*body); !fault.empty()) {
    co_return error_answer(400, fault);
  }
  const Json* to = body->find("to");
  Result<HistoryQuery> query =
      query_of({text_of_member(*body, "resource"), text_of_member(*body, "id")});
  if (!query) co_return error_answer(400, query.error().message);
  const Json* dry = body->find("dry_run");
  bool is_dry = dry != nullptr && dry->as_bool();

  async::Turns::Waiter waiter = parts_.turns.alone();
  async::Turns::Turn turn = co_await waiter;
  for (int attempt = 1;; ++attempt) {
    int64_t now = parts_.store.revision();
    auto asking = kept->differences(now, to->as_int(), *query);
    Outcome<Differences> back = co_await asking;
    if (!back) co_return refused(back.error());
    WayBack way({parts_.store, parts_.node, parts_.keys, parts_.catalogue, parts_.cipher},
                std::move(*back), now);
    auto completing = way.complete();
    Outcome<void> completed = co_await completing;
    if (!completed) co_return store_failure(completed.error());
    auto judging = way.why_not();
    Outcome<std::string> fault = co_await judging;
    if (!fault) co_return store_failure(fault.error());
    if (!fault->empty()) co_return error_answer(400, *fault);

    Json changes = Json::array();
    for (const KeyDifference& one : way.differences()) changes.push_back(shown_difference(one));
    Json answer = Json::object({{"to", *to}, {"dry_run", Json(is_dry)}, {"revision", Json(now)}});
    answer["changes"] = std::move(changes);
    if (is_dry || way.differences().empty()) co_return json_answer(200, answer);

    auto making = way.transaction();
    Outcome<store::Transaction> transaction = co_await making;
    if (!transaction) co_return store_failure(transaction.error());
    std::string comment(request.field("X-Pylon-Comment"));
    if (comment.empty()) comment = fmt::format("rollback to revision {}", to->as_int());
    transaction->origin = {author, request.remote.to_string(), std::move(comment)};
    auto writing = parts_.store.transaction(std::move(*transaction));
    Outcome<store::Committed> done = co_await writing;
    bool again = !done && done.error().kind == store::Failure::Kind::conflict;
    if (again && attempt < kRollbackAttempts) continue;
    if (!done) co_return store_failure(done.error());
    turn.end();
    async::Task<void> waiting = parts_.node.applied(done->revision);
    co_await waiting;
    answer["revision"] = Json(done->revision);
    ApiResponse response = json_answer(200, answer);
    set_field(response, "X-Pylon-Revision", std::to_string(done->revision));
    co_return response;
  }
}

}  // namespace pylon::admin

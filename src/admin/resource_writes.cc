// PUT, POST, PATCH and DELETE: from a checked value to the answer.
#include <fmt/format.h>

#include <utility>

#include "admin/answer.h"
#include "admin/patch.h"
#include "admin/resource_api.h"
#include "admin/usage.h"

namespace pylon::admin {

using config::Kind;
using config::ResourceType;
using http::ApiResponse;
using store::Committed;
using store::Entry;
using store::Operation;
using store::Outcome;

namespace {

constexpr int kAttempts = 16;  // against other writers

bool is_true(const http::ApiRequest& request, std::string_view name) {
  std::string value;
  return request.argument(name, value) && value == "true";
}

bool waits(const http::ApiRequest& request) {
  std::string value;
  return !request.argument("wait", value) || value != "none";
}

std::string missing_id(const ResourceType& type) {
  return fmt::format("missing {} id", type.kind_word);
}

// What lives and dies with an item: the keys under it.
std::string children_prefix(const ResourceType& type, const std::string& key) {
  if (type.kind == Kind::consumer) return key + "/credentials/";
  if (type.kind == Kind::service) return key + "/graphql_cost_decorations/";
  return {};
}

}  // namespace

bool ResourceApi::may_try_again(const store::Failure& failure, int attempt) {
  return failure.kind == store::Failure::Kind::conflict && attempt < kAttempts;
}

// Replaces whatever is there; another writer in between means once more.
async::Task<ApiResponse> ResourceApi::put(Call call) {
  const ResourceType& type = *call.target.type;
  if (Refusal refusal = without_parent(call)) co_return std::move(*refusal);
  if (type.kind == Kind::secret && call.target.id.empty()) {
    co_return error_answer(400, missing_id(type));
  }
  if (!call.body) co_return error_answer(400, "missing configurations");
  for (;; ++call.attempt) {
    Json value = *call.body;
    async::Task<Refusal> checking = check(call, value, Write::put);
    Refusal refusal = co_await checking;
    if (refusal) co_return std::move(*refusal);
    if (type.id_rule == ResourceType::IdRule::plugin) value["id"] = Json(call.target.id);
    Written storing = store_put(call, value);
    Outcome<ApiResponse> answer = co_await storing;
    if (answer) co_return std::move(*answer);
    if (!may_try_again(answer.error(), call.attempt)) co_return store_failure(answer.error());
  }
}

// Keeps the create_time of what was there.
async::Task<Outcome<ApiResponse>> ResourceApi::store_put(const Call& call, const Json& value) {
  std::string key = keys_.item(call.target);
  async::Task<Outcome<std::optional<Entry>>> getting = parts_.store.get(key);
  Outcome<std::optional<Entry>> previous = co_await getting;
  if (!previous) co_return tl::unexpected(previous.error());

  std::string text = as_stored(*call.target.type, stamped(*call.target.type, value, *previous));
  int64_t expected = *previous ? (*previous)->mod_revision : 0;
  async::Task<Outcome<Committed>> writing =
      parts_.store.transaction(put_transaction(call, key, text, expected));
  Outcome<Committed> committed = co_await writing;
  if (!committed) co_return tl::unexpected(committed.error());
  ApiResponse response = written_answer(*previous ? 200 : 201, "set", key, text);
  Answer finishing = finish(call, committed->revision, std::move(response));
  co_return co_await finishing;
}

async::Task<ApiResponse> ResourceApi::post(Call call) {
  if (Refusal refusal = without_parent(call)) co_return std::move(*refusal);
  if (!call.body) co_return error_answer(400, "missing configurations");
  for (;; ++call.attempt) {
    Json value = *call.body;
    if (call.attempt > 1) call.target.id.clear();  // the one that was made for it
    async::Task<Refusal> checking = check(call, value, Write::post);
    Refusal refusal = co_await checking;
    if (refusal) co_return std::move(*refusal);
    Written storing = store_post(call, value);
    Outcome<ApiResponse> answer = co_await storing;
    if (answer) co_return std::move(*answer);
    if (!may_try_again(answer.error(), call.attempt)) co_return store_failure(answer.error());
  }
}

async::Task<Outcome<ApiResponse>> ResourceApi::store_post(Call& call, Json& value) {
  // A revision is used up as the id: nobody else can have it.
  store::PutOptions counter{.expected_mod_revision = {}, .ttl_s = {}, .origin = origin_of(call)};
  async::Task<Outcome<Committed>> counting =
      parts_.store.put(keys_.id_counter(), "1", std::move(counter));
  Outcome<Committed> counted = co_await counting;
  if (!counted) co_return tl::unexpected(counted.error());
  call.target.id = fmt::format("{:020}", counted->revision);
  value["id"] = Json(call.target.id);

  std::string key = keys_.item(call.target);
  std::string text = as_stored(*call.target.type, stamped(*call.target.type, value, std::nullopt));
  async::Task<Outcome<Committed>> writing =
      parts_.store.transaction(put_transaction(call, key, text, 0));
  Outcome<Committed> committed = co_await writing;
  if (!committed) co_return tl::unexpected(committed.error());
  Answer finishing = finish(call, committed->revision, written_answer(201, "create", key, text));
  co_return co_await finishing;
}

// Again when something that it was checked against has changed, but not when the value itself has.
async::Task<ApiResponse> ResourceApi::patch(Call call) {
  if (Refusal refusal = patch_fault(call)) co_return std::move(*refusal);
  int64_t revision = 0;
  for (;; ++call.attempt) {
    async::Task<Outcome<std::optional<Entry>>> getting = parts_.store.get(keys_.item(call.target));
    Outcome<std::optional<Entry>> stored = co_await getting;
    if (!stored) co_return store_failure(stored.error());
    if (!*stored) co_return key_not_found();
    if (call.attempt == 1) revision = (*stored)->mod_revision;
    if ((*stored)->mod_revision != revision) {
      co_return store_failure(
          {store::Failure::Kind::conflict, std::string(store::kConflictMessage)});
    }

    Result<Json> patched = patched_value(call, **stored);
    if (!patched) co_return error_answer(400, patched.error().message);
    async::Task<Refusal> checking = check(call, *patched, Write::patch);
    Refusal refusal = co_await checking;
    if (refusal) co_return std::move(*refusal);
    Written storing = store_patch(call, **stored, std::move(*patched));
    Outcome<ApiResponse> answer = co_await storing;
    if (answer) co_return std::move(*answer);
    if (!may_try_again(answer.error(), call.attempt)) co_return store_failure(answer.error());
  }
}

async::Task<Outcome<ApiResponse>> ResourceApi::store_patch(const Call& call, const Entry& stored,
                                                           Json value) {
  std::string text = as_stored(*call.target.type, std::move(value));
  async::Task<Outcome<Committed>> writing =
      parts_.store.transaction(put_transaction(call, stored.key, text, stored.mod_revision));
  Outcome<Committed> committed = co_await writing;
  if (!committed) co_return tl::unexpected(committed.error());
  ApiResponse response = written_answer(200, "compareAndSwap", stored.key, text);
  Answer finishing = finish(call, committed->revision, std::move(response));
  co_return co_await finishing;
}

// What is wrong with a PATCH before the stored value is looked at.
ResourceApi::Refusal ResourceApi::patch_fault(const Call& call) {
  const ResourceType& type = *call.target.type;
  if (Refusal refusal = without_parent(call)) return refusal;
  if (call.target.id.empty()) {
    return error_answer(400, type.kind == Kind::secret && !call.target.parent.empty()
                                 ? "no secret id"
                                 : missing_id(type));
  }
  if (!call.body) return error_answer(400, "missing new configuration");
  bool whole = !call.target.sub_path;
  bool empty_array = call.body->is_array() && call.body->empty();  // in Lua an empty object
  if (whole && !call.body->is_object() && !empty_array) {
    return error_answer(400, "invalid configuration");
  }
  if (type.kind == Kind::graphql_cost_decoration && call.body->contains("service_id")) {
    return error_answer(400, "service_id can not be patched");
  }
  return std::nullopt;
}

// The stored value with the patch applied and its times set; update_time may be given.
Result<Json> ResourceApi::patched_value(const Call& call, const Entry& stored) const {
  Result<Json> value = Json::parse(stored.value);
  if (!value) return fail("the stored value is no JSON: " + value.error().message);
  if (!value->is_object()) return fail("the stored value is no JSON object");
  if (parts_.cipher != nullptr) parts_.cipher->decrypt(call.target.type->kind, *value);
  bool gives_time = false;
  if (call.target.sub_path) {
    Result<void> replaced = replace_at(*value, *call.target.sub_path, *call.body);
    if (!replaced) return tl::unexpected(replaced.error());
  } else {
    merge(*value, *call.body);
    const Json* time = call.body->find("update_time");
    gives_time = time != nullptr && !time->is_null();
  }
  if (!value->is_object() || !call.target.type->has_times) return value;
  Json now(parts_.clock.wall_s());
  if (!value->contains("create_time")) (*value)["create_time"] = now;
  if (!gives_time) (*value)["update_time"] = now;
  return value;
}

// Each attempt looks at what has been written since the one before.
async::Task<ApiResponse> ResourceApi::erase(Call call) {
  const ResourceType& type = *call.target.type;
  if (Refusal refusal = without_parent(call)) co_return std::move(*refusal);
  if (call.target.id.empty()) co_return error_answer(400, missing_id(type));
  std::string key = keys_.item(call.target);
  bool asks = !is_true(call.request, "force");
  for (;; ++call.attempt) {
    store::Transaction erasing = erase_transaction(call, key);
    if (asks) {
      int64_t known = parts_.node.known_revision();
      if (parts_.node.may_be_used(type.kind, call.target.id)) {
        known = parts_.store.revision();
        async::Task<Outcome<std::optional<std::string>>> asking =
            first_user(parts_.store, keys_, type.kind, call.target.id,
                       parts_.node.some_users(type.kind, call.target.id));
        Outcome<std::optional<std::string>> use = co_await asking;
        if (!use) co_return store_failure(use.error());
        if (*use) co_return error_answer(400, **use);
      }
      erasing.compares = nobody_else_uses(keys_, type.kind, known);
    }
    async::Task<Outcome<Committed>> writing = parts_.store.transaction(std::move(erasing));
    Outcome<Committed> committed = co_await writing;
    if (!committed && may_try_again(committed.error(), call.attempt)) continue;
    if (!committed) co_return store_failure(committed.error());
    bool existed = committed->existed.front() > 0;
    Answer finishing =
        finish(call, committed->revision, existed ? deleted_answer(key) : key_not_found());
    co_return co_await finishing;
  }
}

store::Transaction ResourceApi::erase_transaction(const Call& call, const std::string& key) const {
  store::Transaction erasing;
  erasing.operations.push_back({Operation::Kind::erase, key});
  std::string children = children_prefix(*call.target.type, key);
  if (!children.empty()) erasing.operations.push_back({Operation::Kind::erase_prefix, children});
  erasing.origin = origin_of(call);
  return erasing;
}

store::Transaction ResourceApi::put_transaction(const Call& call, const std::string& key,
                                                const std::string& value,
                                                int64_t expected_mod_revision) const {
  store::Transaction writing;
  writing.compares = call.relied_on;
  writing.compares.push_back({key, expected_mod_revision});
  writing.operations.push_back({Operation::Kind::put, key, value, call.ttl_s});
  // A new service does not inherit from a deleted one of the same name.
  if (call.target.type->kind == Kind::service && expected_mod_revision == 0) {
    std::string children = children_prefix(*call.target.type, key);
    writing.operations.push_back({Operation::Kind::erase_prefix, std::move(children)});
  }
  writing.origin = origin_of(call);
  return writing;
}

std::string ResourceApi::as_stored(const ResourceType& type, Json value) const {
  if (parts_.cipher != nullptr) parts_.cipher->encrypt(type.kind, value);
  return value.dump();
}

// With create_time, kept from the previous value, and update_time.
Json ResourceApi::stamped(const ResourceType& type, const Json& value,
                          const std::optional<Entry>& previous) const {
  Json stamped = value;
  if (!type.has_times) return stamped;
  Json now(parts_.clock.wall_s());
  Json created = now;
  if (previous) {
    Result<Json> old = Json::parse(previous->value);
    const Json* time = old ? old->find("create_time") : nullptr;
    if (time != nullptr) created = *time;
  }
  stamped["create_time"] = std::move(created);
  stamped["update_time"] = std::move(now);
  return stamped;
}

// Answers when the workers serve what was written.
async::Task<ApiResponse> ResourceApi::finish(const Call& call, int64_t revision,
                                             ApiResponse response) {
  call.turn->end();
  if (waits(call.request)) {
    async::Task<void> waiting = parts_.node.applied(revision);
    co_await waiting;
  }
  set_field(response, "X-Pylon-Revision", std::to_string(revision));
  co_return response;
}

store::Origin ResourceApi::origin_of(const Call& call) const {
  return {.author = call.author,
          .source = call.request.remote.to_string(),
          .comment = std::string(call.request.field("X-Pylon-Comment"))};
}

}  // namespace pylon::admin

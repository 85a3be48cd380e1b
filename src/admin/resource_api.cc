#include "admin/resource_api.h"

#include <fmt/format.h>

#include <utility>

#include "admin/answer.h"
#include "base/strings.h"

namespace pylon::admin {

using config::Kind;
using config::ResourceType;
using http::ApiResponse;
using store::Entry;
using store::Outcome;

namespace {

bool is_supported(const ResourceType& type, std::string_view method) {
  if (method == "POST") return type.methods.post;
  if (method == "PATCH") return type.methods.patch;
  return true;
}

std::string key_and_value(std::string_view key, std::string_view value) {
  return fmt::format(R"("key":{},"value":{})", Json(key).dump(), value);
}

}  // namespace

async::Task<ApiResponse> ResourceApi::run(Call call) {
  const ResourceType& type = *call.target.type;
  const std::string& method = call.request.method;
  if (!is_supported(type, method)) return refuse_method(std::move(call));
  return method == "GET" ? get(std::move(call)) : write(std::move(call));
}

// What is deleted must not get a user meanwhile; consumers and global rules must not share what
// each may have alone (a key, a plugin). Other writes disturb only those.
async::Task<ApiResponse> ResourceApi::write(Call call) {
  const std::string& method = call.request.method;
  bool alone = method == "DELETE";
  for (Kind kind : {Kind::consumer, Kind::credential, Kind::global_rule}) {
    alone |= call.target.type->kind == kind;
  }
  using async::Turns;
  Turns::Waiter waiter = turns_.take(alone ? Turns::Kind::alone : Turns::Kind::shared);
  Turns::Turn turn = co_await waiter;
  call.turn = &turn;
  Answer writing = method == "PUT"     ? put(std::move(call))
                   : method == "POST"  ? post(std::move(call))
                   : method == "PATCH" ? patch(std::move(call))
                                       : erase(std::move(call));
  co_return co_await writing;
}

async::Task<ApiResponse> ResourceApi::refuse_method(Call call) {
  co_return error_answer(405, fmt::format("not supported `{}` method for {}", call.request.method,
                                          call.target.type->kind_word));
}

// A child's own name without its parent: /apisix/admin/credentials.
ResourceApi::Refusal ResourceApi::without_parent(const Call& call) {
  const ResourceType& type = *call.target.type;
  if (type.parent.empty() || !call.target.parent.empty()) return std::nullopt;
  const ResourceType* parent = config::find_resource_type(type.parent);
  return error_answer(400, fmt::format("missing {} id", parent->kind_word));
}

async::Task<ApiResponse> ResourceApi::get(Call call) {
  if (Refusal refusal = without_parent(call)) co_return std::move(*refusal);
  Answer reading = call.target.id.empty() ? get_list(call) : get_item(call);
  co_return co_await reading;
}

async::Task<ApiResponse> ResourceApi::get_item(const Call& call) {
  async::Task<Outcome<std::optional<Entry>>> getting = parts_.store.get(keys_.item(call.target));
  Outcome<std::optional<Entry>> entry = co_await getting;
  if (!entry) co_return store_failure(entry.error());
  if (!*entry) co_return key_not_found();
  co_return item_answer(*call.target.type, **entry);
}

// Private keys do not leave the store; fields of plugins are shown as they are meant.
std::string ResourceApi::shown_value(const ResourceType& type, const Entry& entry) const {
  bool has_keys = type.kind == Kind::ssl;
  bool has_plugins =
      type.kind == Kind::plugin_metadata || entry.value.find("\"plugins\"") != std::string::npos;
  auto value = Json::parse(entry.value);
  // Another program may have put there what is no JSON: one such value must not spoil a whole list.
  if (!value) {
    bool tellable = !has_keys && is_valid_utf8(entry.value);
    return tellable ? Json(entry.value).dump() : "null";
  }
  if (!has_keys && (!has_plugins || parts_.cipher == nullptr)) return entry.value;
  if (!has_keys) parts_.cipher->decrypt_plugins(type.kind, *value);
  if (has_keys) {
    value->erase("key");
    value->erase("keys");
  }
  return value->dump();
}

std::string ResourceApi::item_json(const ResourceType& type, const Entry& entry) const {
  return fmt::format(R"({{{},"createdIndex":{},"modifiedIndex":{}}})",
                     key_and_value(entry.key, shown_value(type, entry)), entry.create_revision,
                     entry.mod_revision);
}

ApiResponse ResourceApi::item_answer(const ResourceType& type, const Entry& entry) const {
  if (v3_) return raw_json_answer(200, item_json(type, entry));
  std::string node = key_and_value(entry.key, shown_value(type, entry));
  return raw_json_answer(200, fmt::format(R"({{"action":"get","node":{{{}}}}})", node));
}

ApiResponse ResourceApi::written_answer(int status, std::string_view action, const std::string& key,
                                        std::string_view value) const {
  std::string node = key_and_value(key, value);
  if (v3_) return raw_json_answer(status, fmt::format("{{{}}}", node));
  return raw_json_answer(status, fmt::format(R"({{"action":"{}","node":{{{}}}}})", action, node));
}

ApiResponse ResourceApi::deleted_answer(const std::string& key) const {
  Json answer = Json::object({{"key", Json(key)}, {"deleted", "1"}});
  if (!v3_) {
    answer["action"] = Json("delete");
    answer["node"] = Json::object();
  }
  return json_answer(200, answer);
}

}  // namespace pylon::admin

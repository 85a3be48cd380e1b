#include "gateway/stored_values.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "observe/log.h"
#include "schema/json_schema.h"

namespace pylon::gateway {

using config::Kind;

namespace {

constexpr std::string_view kEnv = "$env://";
constexpr std::string_view kOfSsl[] = {"cert", "key", "certs", "keys", "client"};

// Calls fn with every part of the value that may hold references.
template <class Value, class Fn>
void for_each_part(Kind kind, Value& value, Fn fn) {
  if (kind != Kind::ssl) {
    if (auto* plugins = value.find("plugins")) fn(*plugins);
    return;
  }
  for (std::string_view name : kOfSsl) {
    if (auto* member = value.find(name)) fn(*member);
  }
}

bool has_reference(const Json& value) {
  if (value.is_string()) return schema::is_secret_reference(value.as_string());
  for (const auto& [name, member] : value.members()) {
    if (has_reference(member)) return true;
  }
  for (const Json& item : value.items()) {
    if (has_reference(item)) return true;
  }
  return false;
}

}  // namespace

bool StoredValues::decrypt(Kind kind, Json& value) const {
  cipher_.decrypt(kind, value);
  bool refers = false;
  for_each_part(kind, std::as_const(value),
                [&](const Json& part) { refers = refers || has_reference(part); });
  return refers;
}

void StoredValues::resolve(Kind kind, std::string_view id, Json* value) {
  resolved_.clear();
  reading_ = {kind, std::string(id)};
  if (secrets_ != nullptr) secrets_->forget(reading_);
  if (value == nullptr) return;
  for_each_part(kind, *value, [this](Json& part) { resolve_all(part); });
}

void StoredValues::resolve_all(Json& value) {
  if (value.is_object()) {
    for (auto& [name, member] : value.members()) resolve_all(member);
  } else if (value.is_array()) {
    for (Json& item : value.items()) resolve_all(item);
  } else if (value.is_string() && schema::is_secret_reference(value.as_string())) {
    resolve_one(value);
  }
}

void StoredValues::resolve_one(Json& value) {
  std::string reference(value.as_string());
  bool pending = false;
  Result<Secret> found = find(reference, pending);
  if (!found) {
    observe::log(pending ? observe::Level::info : observe::Level::error,
                 "{}/{}: {} cannot be resolved: {}", config::resource_type(reading_.kind).name,
                 reading_.id, reference, found.error().message);
    return;
  }
  value = Json(found->expose());
  resolved_.emplace_back(std::move(reference), std::move(*found));
}

Result<Secret> StoredValues::find(std::string_view reference, bool& pending) {
  if (istarts_with(reference, kEnv)) {
    Result<std::string> found = find_in_environment(reference, environment_);
    if (!found) return tl::unexpected(found.error());
    return Secret(*found);
  }
  if (secrets_ == nullptr) return fail("secret managers are not asked here");
  SecretStore::Answer answer = secrets_->find(reference, reading_);
  if (answer.state == SecretStore::Answer::State::known) return std::move(answer.value);
  pending = answer.state == SecretStore::Answer::State::pending;
  return fail(pending ? "it is being fetched" : answer.text);
}

std::string StoredValues::redacted(std::string message) const {
  for (const auto& [reference, secret] : resolved_) {
    std::string_view text = secret.expose();
    if (text.empty()) continue;
    for (size_t at = 0; (at = message.find(text, at)) != message.npos; at += reference.size()) {
      message.replace(at, text.size(), reference);
    }
  }
  return message;
}

Result<std::string> find_in_environment(std::string_view reference,
                                        const Environment& environment) {
  std::string_view path = reference.substr(kEnv.size());
  size_t slash = path.find('/');
  std::string name(path.substr(0, slash));
  std::optional<std::string> value = environment(name);
  if (!value) return fail(fmt::format("the environment variable {} is not set", name));
  std::string_view member = slash == path.npos ? "" : path.substr(slash + 1);
  if (member.empty()) return *value;
  Result<Json> document = Json::parse(*value);
  if (!document || !document->is_object()) {
    return fail(fmt::format("the environment variable {} holds no JSON object", name));
  }
  const Json* found = document->find(member);
  if (found == nullptr || found->is_null()) {
    return fail(fmt::format("the environment variable {} has no member {}", name, member));
  }
  return found->is_string() ? std::string(found->as_string()) : found->dump();
}

}  // namespace pylon::gateway

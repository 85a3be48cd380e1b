#include "snapshot/draft.h"

#include <bit>

#include "base/hash.h"

namespace pylon::snapshot {

using config::Kind;

namespace {

uint64_t mix(uint64_t sum, uint64_t item) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  return (std::rotl(sum, 23) ^ item) * kOdd;
}

template <class Number>
uint64_t hash_of_number(Number number) {
  return hash_guarded({reinterpret_cast<const char*>(&number), sizeof(number)});
}

uint64_t hash_of(const Json& value) {
  auto sum = static_cast<uint64_t>(value.type());
  switch (value.type()) {
    case Json::Type::null:
      break;
    case Json::Type::boolean:
      return mix(sum, hash_of_number(value.as_bool()));
    case Json::Type::integer:
      return mix(sum, hash_of_number(value.as_int()));
    case Json::Type::number:
      return mix(sum, hash_of_number(value.as_double()));
    case Json::Type::string:
      return mix(sum, hash_guarded(value.as_string()));
    case Json::Type::array:
      for (const Json& item : value.items()) sum = mix(sum, hash_of(item));
      return mix(sum, value.size());
    case Json::Type::object:
      for (const auto& [name, member] : value.members()) {
        sum = mix(mix(sum, hash_guarded(name)), hash_of(member));
      }
      return mix(sum, value.size());
  }
  return sum;
}

// Takes `plugins` out of the value: only their auth plugins are read here.
Result<Draft::Content> identity_of(const plugin::Catalogue& catalogue, Kind kind, Json value) {
  Draft::Identity identity;
  if (kind == Kind::credential) {
    if (Json* plugins = value.find("plugins")) identity.plugins = std::move(*plugins);
  } else {
    Result<config::Consumer> consumer = schema::parse<config::Consumer>(std::move(value));
    if (!consumer) return tl::unexpected(consumer.error());
    identity.plugins = Json(Json::Object(std::move(consumer->plugins)));
    consumer->plugins.clear();
    identity.consumer = std::move(*consumer);
  }
  auto keys = catalogue.auth_keys(identity.plugins);
  if (!keys) return tl::unexpected(keys.error());
  identity.keys = std::move(*keys);
  return identity;
}

Result<Json> object_in(std::string_view text) {
  Result<Json> value = Json::parse(text);
  if (!value) return fail("the value is no JSON: " + value.error().message);
  if (!value->is_object()) return fail("the value is no JSON object");
  return value;
}

}  // namespace

uint64_t digest_of(const Json& value, std::string_view except) {
  if (except.empty() || !value.is_object()) return hash_of(value) | 1;
  uint64_t sum = 0;
  for (const auto& [name, member] : value.members()) {
    if (name != except) sum = mix(mix(sum, hash_guarded(name)), hash_of(member));
  }
  return sum | 1;
}

Draft DraftReader::read(const Change& change) const {
  Draft draft;
  if (change.value.empty()) return draft;
  Result<Json> value = object_in(change.value);
  if (!value) {
    draft.content = tl::unexpected(value.error());
    return draft;
  }
  draft.references = config::references_of(change.kind, *value);
  const Json* plugins = value->find("plugins");
  draft.splits_traffic = plugins != nullptr && plugins->contains("traffic-split");
  draft.open = values_ != nullptr && values_->decrypt(change.kind, *value);
  draft.content = std::move(*value);
  if (!draft.open) close(change.kind, draft);
  return draft;
}

void DraftReader::close(Kind kind, Draft& draft) const {
  Json value = std::move(draft.as<Json>());
  value.erase("create_time");
  value.erase("update_time");
  draft.open = false;
  draft.digest = digest_of(value, kind == Kind::service ? "upstream" : "");
  if (const Json* upstream = value.find("upstream")) draft.upstream_digest = digest_of(*upstream);
  draft.content = content_of(kind, std::move(value));
}

Result<Draft::Content> DraftReader::content_of(Kind kind, Json value) const {
  switch (kind) {
    case Kind::route:
      return config::parse_route(std::move(value));
    case Kind::stream_route:
      return schema::parse<config::StreamRoute>(std::move(value));
    case Kind::service:
      return schema::parse<config::Service>(std::move(value));
    case Kind::upstream:
      return config::parse_upstream(std::move(value));
    case Kind::ssl:
      return config::parse_ssl(std::move(value));
    case Kind::consumer:
    case Kind::credential:
      return identity_of(catalogue_, kind, std::move(value));
    default:
      return value;
  }
}

}  // namespace pylon::snapshot

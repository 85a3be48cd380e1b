#include "plugin/field_cipher.h"

#include <optional>

namespace pylon::plugin {

using config::Kind;

namespace {

constexpr std::string_view kPem = "---";

Document document_of(Kind kind) {
  if (kind == Kind::plugin_metadata) return Document::metadata;
  bool of_consumer = kind == Kind::consumer || kind == Kind::credential;
  return of_consumer ? Document::consumer : Document::config;
}

// The upstream that a resource is, or has.
Json* upstream_in(Kind kind, Json& value) {
  switch (kind) {
    case Kind::upstream:
      return &value;
    case Kind::route:
    case Kind::service:
    case Kind::stream_route:
      return value.find("upstream");
    default:
      return nullptr;
  }
}

}  // namespace

void FieldCipher::encrypt(Kind kind, Json& value) const {
  turn_plugins(kind, value, Way::encrypt);
  turn_keys(kind, value, Way::encrypt);
}

void FieldCipher::decrypt(Kind kind, Json& value) const {
  turn_plugins(kind, value, Way::decrypt);
  turn_keys(kind, value, Way::decrypt);
}

void FieldCipher::decrypt_plugins(Kind kind, Json& value) const {
  turn_plugins(kind, value, Way::decrypt);
}

void FieldCipher::decrypt_keys(Kind kind, Json& value) const {
  turn_keys(kind, value, Way::decrypt);
}

// ---- plugins

void FieldCipher::turn_plugins(Kind kind, Json& value, Way way) const {
  if (!plugin_fields_ || keyring_.empty() || !value.is_object()) return;
  if (kind == Kind::plugin_metadata) {
    const Json* id = value.find("id");
    if (id != nullptr) turn_plugin(std::string(id->as_string()), value, Document::metadata, way);
    return;
  }
  Json* plugins = value.find("plugins");
  if (plugins == nullptr || !plugins->is_object()) return;
  for (auto& [name, conf] : plugins->members()) turn_plugin(name, conf, document_of(kind), way);
}

void FieldCipher::turn_plugin(std::string_view name, Json& conf, Document document, Way way) const {
  for (const std::string& path : catalogue_.encrypted_fields(name, document)) {
    turn_at(conf, path, way);
  }
}

// `path`: "clickhouse.password"; through arrays, to each item.
void FieldCipher::turn_at(Json& value, std::string_view path, Way way) const {
  if (value.is_array()) {
    for (Json& item : value.items()) turn_at(item, path, way);
    return;
  }
  size_t dot = path.find('.');
  Json* member = value.find(path.substr(0, dot));
  if (member == nullptr) return;
  if (dot == std::string_view::npos) return turn(*member, way);
  turn_at(*member, path.substr(dot + 1), way);
}

// A text, or all texts of a list or a map.
void FieldCipher::turn(Json& value, Way way) const {
  if (value.is_array()) {
    for (Json& item : value.items()) {
      if (item.is_string()) turn(item, way);
    }
  } else if (value.is_object()) {
    for (auto& [name, member] : value.members()) {
      if (member.is_string()) turn(member, way);
    }
  } else if (value.is_string() && way == Way::encrypt) {
    value = Json(keyring_.encrypt(value.as_string()));
  } else if (value.is_string()) {
    std::optional<std::string> plain = keyring_.decrypt(value.as_string());
    if (plain) value = Json(std::move(*plain));
  }
}

// ---- private keys

void FieldCipher::turn_keys(Kind kind, Json& value, Way way) const {
  if (keyring_.empty() || !value.is_object()) return;
  if (kind == Kind::ssl) {
    turn_key(value.find("key"), way);
    Json* keys = value.find("keys");
    if (keys == nullptr || !keys->is_array()) return;
    for (Json& key : keys->items()) turn_key(&key, way);
    return;
  }
  Json* upstream = upstream_in(kind, value);
  Json* tls = upstream != nullptr ? upstream->find("tls") : nullptr;
  if (tls != nullptr) turn_key(tls->find("client_key"), way);
}

void FieldCipher::turn_key(Json* key, Way way) const {
  if (key == nullptr || !key->is_string()) return;
  bool is_pem = key->as_string().starts_with(kPem);
  if (is_pem != (way == Way::encrypt)) return;
  turn(*key, way);
}

}  // namespace pylon::plugin

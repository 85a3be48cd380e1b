// ResourceType: what the Admin API and the stores must know of a kind of resource; both are generic
// over the list of types. Source: the shared reference of the Admin API, sections 3 and 4.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schema/json_schema.h"

namespace pylon::config {

enum class Kind : uint8_t {
  route,
  service,
  upstream,
  consumer,
  credential,
  consumer_group,
  plugin_config,
  global_rule,
  ssl,
  proto,
  stream_route,
  plugin_metadata,
  secret,
  graphql_cost_decoration,
};

// Which plugin schema a configuration is held against.
enum class PluginScope : uint8_t { http, consumer, stream, metadata };

// What a check needs from other layers. The defaults accept everything, so each user overrides what
// it can answer. An Error's message is told as it is, after the prefix that the check puts before
// it.
class CheckHelp {
 public:
  virtual ~CheckHelp() = default;

  // The stored value of another resource; null when there is none. Not asked when
  // `skips_references`.
  virtual const Json* find(Kind kind, std::string_view id) const;
  virtual bool skips_references() const { return true; }

  // All plugins of a resource: known, and each configuration valid. May fill defaults.
  virtual Result<void> check_plugins(Json& plugins, PluginScope scope) const;
  virtual Result<void> check_plugin_metadata(std::string_view plugin, Json& value) const;
  virtual bool is_auth_plugin(std::string_view plugin) const;

  virtual Result<void> check_vars(const Json& vars) const;             // message: what is wrong
  virtual Result<void> check_filter_func(std::string_view lua) const;  // the whole message
  virtual Result<void> check_script(std::string_view lua) const;       // the whole message
  virtual Result<void> check_proto(std::string_view content) const;    // message: what is wrong
  // A PEM certificate parses and, when there is a key, the key belongs to it.
  virtual Result<void> check_certificate(std::string_view certificate, std::string_view key) const;
};

struct CheckContext {
  std::string_view id;      // from the path; empty when the resource is posted
  std::string_view parent;  // of a credential: the consumer; of a secret: the manager
  const CheckHelp& help;
};

struct ResourceType {
  // Which methods the Admin API takes; the others give 405.
  struct Methods {
    bool post = true;
    bool patch = true;
  };
  enum class IdRule : uint8_t {
    id,        // id in the path or body, kept in the body as `id`
    username,  // the body's `username`
    plugin,    // the name of a plugin, in the path
    managed,   // "manager/id"
  };

  Kind kind;
  std::string_view name;       // "routes": in paths and keys
  std::string_view kind_word;  // "route": in messages
  Methods methods;
  IdRule id_rule;
  bool has_times;           // create_time and update_time are kept
  std::string_view parent;  // "consumers" for "credentials": where its keys stand

  // Null when the schema depends on the item (plugin_metadata, secrets).
  const schema::JsonSchema* (*schema)();

  // Everything that makes a write be refused with 400, in APISIX's order and words, but for the
  // envelope (body missing, id rules, forbidden times). Fills defaults into `value`: hand it a
  // copy.
  Result<void> (*check)(Json& value, const CheckContext& context);
};

// In the order of the list above.
std::span<const ResourceType> resource_types();
const ResourceType& resource_type(Kind kind);
const ResourceType* find_resource_type(std::string_view name);  // "routes"; null: none

// The schema documents that GET /apisix/admin/schema/{name} and the Control API show: the resources
// under their kind words ("route", "global_rule") and APISIX's helper schemas. Null: none.
const Json* find_schema_document(std::string_view name);

// "create_time", "upstream.update_time", ... when the value has a time that a client may not set.
std::optional<std::string> forbidden_time(const Json& value);

// A reference that one resource makes to another, for "is it still used?".
struct Reference {
  Kind kind;
  std::string id;
};
std::vector<Reference> references_of(Kind kind, const Json& value);

}  // namespace pylon::config

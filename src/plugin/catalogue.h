// Catalogue: which plugins there are, which of them are enabled, and what is right for them.
//
// Lives on the control thread for the life of the process; other threads may check and read
// values while it is not told to enable other plugins. Messages are APISIX's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "base/result.h"
#include "plugin/metadata.h"
#include "plugin/set.h"
#include "plugin/type.h"
#include "schema/json_schema.h"

namespace pylon::plugin {

class Services;

// Which of a plugin's documents a value is.
enum class Document : uint8_t { config, consumer, metadata };

class Catalogue {
 public:
  // `types` in any order; all are enabled. `services` must outlive the catalogue.
  Catalogue(std::vector<PluginType> types, Services& services);
  ~Catalogue();

  // Enables exactly these for requests, and those for connections and sessions; gives back the
  // names that no plugin has.
  std::vector<std::string> enable(const std::vector<std::string>& names,
                                  const std::vector<std::string>& stream_names);
  // Whether it is enabled there and has something to do there.
  bool serves(const PluginType& type, Subsystem subsystem) const;

  // The plugin of that name, or null when it is enabled in no subsystem.
  const PluginType* find(std::string_view name) const;
  // All enabled plugins, the highest priority first.
  std::vector<const PluginType*> enabled() const;

  // Is `conf` a right document of that plugin? A configuration with `_meta.disable` may be wrong.
  Result<void> check(std::string_view name, Json conf, Document document,
                     Subsystem subsystem = Subsystem::http) const;
  // Each member of a resource's `plugins`; the first that is wrong is told.
  Result<void> check_all(const Json& plugins, Document document,
                         Subsystem subsystem = Subsystem::http) const;

  // A document as the plugin gets it; as it is when it is wrong or the plugin not enabled.
  Json with_defaults(std::string_view name, Json conf, Document document) const;

  // The JSON Schema of a document; null when the plugin is not enabled or has none.
  const Json* schema(std::string_view name, Document document) const;
  // Paths of the fields that are stored encrypted; none of a plugin that is not enabled.
  const std::vector<std::string>& encrypted_fields(std::string_view name, Document document) const;

  struct Made {
    Ref<const Instance> instance;  // null: disabled
    Meta meta;
  };
  Result<Made> instantiate(const PluginType& type, Json conf, std::string_view resource) const;

  // What a consumer's or credential's `plugins` says to one auth plugin.
  struct AuthKey {
    const PluginType* type;
    std::string key;  // value of the plugin's key attribute
    Ref<const config::AuthConf> conf;
  };
  // All of them. An unset key or one that is an unresolved secret reference gives none, so that
  // nobody authenticates with the text of a reference.
  Result<std::vector<AuthKey>> auth_keys(const Json& plugins) const;

  // `metadata` maps plugin names to values. Wrong ones are skipped with a warning: defaults hold.
  Ref<const MetadataSet> metadata(const Json& metadata) const;

  Services& services() const { return services_; }

 private:
  struct Entry;

  const Entry* entry(std::string_view name) const;
  Result<Json> validated(const Entry& entry, Json conf, Document document) const;
  Result<void> check_document(const Entry& entry, Json conf, Document document) const;

  Services& services_;
  std::vector<std::unique_ptr<Entry>> entries_;  // by priority
  StringMap<const Entry*> by_name_;
};

}  // namespace pylon::plugin

// Checks: what a resource's own check needs from plugins, conditions and other resources.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/node.h"
#include "config/resource.h"
#include "plugin/catalogue.h"

namespace pylon::admin {

// The values of the resources that one refers to, fetched before it is checked.
struct FetchedReference {
  config::Kind kind;
  std::string id;
  Json value;
};
using References = std::vector<FetchedReference>;

class Checks final : public config::CheckHelp {
 public:
  // Null references: whether they exist is not asked.
  Checks(const plugin::Catalogue& catalogue, const References* references)
      : catalogue_(catalogue), references_(references) {}

  const Json* find(config::Kind kind, std::string_view id) const override;
  bool skips_references() const override { return references_ == nullptr; }
  Result<void> check_plugins(Json& plugins, config::PluginScope scope) const override;
  Result<void> check_plugin_metadata(std::string_view plugin, Json& value) const override;
  bool is_auth_plugin(std::string_view plugin) const override;
  Result<void> check_vars(const Json& vars) const override;
  Result<void> check_filter_func(std::string_view lua) const override;
  Result<void> check_script(std::string_view lua) const override;
  Result<void> check_proto(std::string_view content) const override;
  Result<void> check_certificate(std::string_view certificate, std::string_view key) const override;

 private:
  const plugin::Catalogue& catalogue_;
  const References* references_;
};

// The key that a plugin's configuration finds its consumer by; null when it has none, or one that
// is known only when it is used.
const Json* key_in(const Json& conf, std::string_view plugin, const plugin::Catalogue& catalogue);

// Whether any of these plugins finds consumers by a key that is known.
bool has_keys(const Json& plugins, const plugin::Catalogue& catalogue);

// A key that an auth plugin finds consumers by belongs to one consumer or credential only.
// `credential` is empty when a consumer is written: then its own credentials may have the key too.
using FindOwner =
    std::function<std::optional<KeyOwner>(std::string_view plugin, std::string_view key)>;
FindOwner owners_known_to(const Node& node);
Result<void> check_key_owners(const Json& plugins, std::string_view consumer,
                              std::string_view credential, const plugin::Catalogue& catalogue,
                              const FindOwner& find_owner);

}  // namespace pylon::admin

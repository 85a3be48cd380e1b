// PluginSet: the plugins of one resource (route, service, plugin config, consumer, global rule),
// made from its `plugins` object. Part of the snapshot; made and dropped on the control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/ref.h"
#include "base/result.h"
#include "plugin/meta.h"
#include "plugin/type.h"

namespace pylon::plugin {

class Catalogue;

class PluginSet : public RefCounted {
 public:
  struct Item {
    const PluginType* type = nullptr;
    Ref<const Instance> instance;      // null: disabled, so it hides the plugin of a lower source
    std::shared_ptr<const Meta> meta;  // null: nothing said
    uint64_t digest = 0;               // of the configuration
    bool names_body = false;           // it has variables that look at the request's body
  };

  // Whose plugins they are. Those of a consumer leave out auth plugins: these only say who it is.
  enum class Owner { route, consumer };

  // `resource` is the key of the resource ("/apisix/routes/1"). Instances of `previous` whose
  // configuration is the same are kept. A plugin that is unknown or not enabled is skipped with a
  // warning; one that is wrong fails the set. `plugins` may be null JSON.
  static Result<Ref<const PluginSet>> build(const Catalogue& catalogue, const Json& plugins,
                                            std::string_view resource, const PluginSet* previous,
                                            Owner owner = Owner::route);

  PluginSet();

  const std::vector<Item>& items() const { return items_; }
  bool empty() const { return items_.empty(); }
  const Item* find(const PluginType& type) const;
  // Never the same for two sets of a process, also when one lies where another one lay.
  uint64_t serial() const { return serial_; }

 private:
  std::vector<Item> items_;
  uint64_t serial_;
};

}  // namespace pylon::plugin

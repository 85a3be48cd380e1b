#include "plugin/set.h"

#include "base/hash.h"
#include "expr/body_variables.h"
#include "observe/log.h"
#include "plugin/catalogue.h"
#include "plugin/serial.h"

namespace pylon::plugin {

PluginSet::PluginSet() : serial_(next_serial()) {}

const PluginSet::Item* PluginSet::find(const PluginType& type) const {
  for (const Item& item : items_) {
    if (item.type == &type) return &item;
  }
  return nullptr;
}

Result<Ref<const PluginSet>> PluginSet::build(const Catalogue& catalogue, const Json& plugins,
                                              std::string_view resource, const PluginSet* previous,
                                              Owner owner) {
  auto set = make_ref<PluginSet>();
  for (const auto& [name, conf] : plugins.members()) {
    const PluginType* type = catalogue.find(name);
    if (type == nullptr) {
      observe::log(observe::Level::warn, "{}: plugin [{}] is unknown or not enabled, skipped",
                   resource, name);
      continue;
    }
    if (owner == Owner::consumer && type->spec.kind == PluginKind::auth) continue;
    uint64_t digest = hash_guarded(conf.dump_sorted());
    const Item* kept = previous != nullptr ? previous->find(*type) : nullptr;
    if (kept != nullptr && kept->digest == digest) {
      set->items_.push_back(*kept);
      continue;
    }
    uint64_t before = expr::body_variables_compiled();
    auto made = catalogue.instantiate(*type, conf, resource);
    if (!made) return tl::unexpected(made.error());
    std::shared_ptr<const Meta> meta;
    if (!made->meta.plain()) meta = std::make_shared<const Meta>(std::move(made->meta));
    bool names_body = expr::body_variables_compiled() != before;
    set->items_.push_back({type, std::move(made->instance), std::move(meta), digest, names_body});
  }
  return Ref<const PluginSet>(std::move(set));
}

}  // namespace pylon::plugin

// Configuration: from what the store holds to what the workers serve. Control thread.
//
// Loads everything, watches from there, applies each change set to the snapshot builder, publishes,
// and tells writers when all workers serve their revision. Resolved names and their changes take
// the same way. When changes may be missing, everything is loaded again and the difference applied.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/node.h"
#include "gateway/settings.h"
#include "net/loop.h"
#include "net/loop_clock.h"
#include "net/waker.h"
#include "plugin/catalogue.h"
#include "snapshot/builder.h"
#include "snapshot/versions.h"
#include "store/store.h"
#include "upstream/dns_transport.h"
#include "upstream/name_watch.h"

namespace pylon::gateway {

class Configuration final : public admin::Node, private store::WatchListener {
 public:
  struct Parts {
    net::Loop& loop;
    const Clock& clock;
    store::Store& store;
    plugin::Catalogue& catalogue;
    snapshot::Versions& versions;
    const upstream::dns::Config& dns;
  };
  struct Hooks {
    std::function<void()> published;       // a new snapshot waits for the workers
    std::function<void()> reload_plugins;  // the list of plugins is to be read again
  };
  Configuration(const Parts& parts, const Settings& settings, Hooks hooks);
  ~Configuration() override;

  // Reads the store, publishes the first snapshot, watches from there.
  async::Task<Result<void>> load();
  // Other plugins are enabled than before: everything is compiled again, soon.
  void recompile();

  // The resource that a key of the store holds; nothing when it holds none.
  struct Name {
    config::Kind kind;
    std::string id;
  };
  std::optional<Name> name_of(std::string_view key) const;

  const snapshot::Builder& builder() const { return builder_; }
  int64_t revision() const { return revision_; }

  // admin::Node
  async::Task<void> applied(int64_t revision) override;
  std::optional<admin::KeyOwner> key_owner(std::string_view plugin,
                                           std::string_view key) const override;
  void reload_plugins() override { reload_plugins_(); }

 private:
  static constexpr int64_t kAppliedPatienceUs = 5'000'000;

  void on_changes(const store::ChangeSet& changes) override;
  void on_gap(std::string_view why) override;
  static void reloaded(void* self);
  void start_reload();
  async::Task<void> reload();

  bool to_change(const std::string& key, std::string value, int64_t create_revision,
                 snapshot::Change& change) const;
  void apply(std::span<const snapshot::Change> changes);
  void publish(std::unique_ptr<const snapshot::Snapshot> snapshot);

  Parts parts_;
  std::string prefix_;  // "/apisix/"
  std::function<void()> published_;
  std::function<void()> reload_plugins_;
  upstream::dns::NetTransport transport_;
  upstream::Resolver resolver_;
  upstream::NameWatch names_;
  snapshot::Builder builder_;
  std::unique_ptr<store::Watch> watch_;
  async::Task<void> reload_;
  bool reloading_ = false;
  bool reload_again_ = false;            // something came up while it was reloaded
  std::map<std::string, int64_t> keys_;  // served keys with their mod_revision
  int64_t revision_ = 0;                 // of the store, as applied
  uint64_t published_count_ = 0;  // numbers the snapshots, also those that only names have changed
};

}  // namespace pylon::gateway

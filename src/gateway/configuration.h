// Configuration: from what the store holds to what the workers serve. Control thread.
//
// Loads everything, watches from there, applies each change set to the snapshot builder, publishes,
// and tells writers when all workers serve their revision. Resolved names and their changes take
// the same way. When changes may be missing, everything is loaded again and the difference applied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "admin/node.h"
#include "gateway/applied_keys.h"
#include "gateway/secret_store.h"
#include "gateway/settings.h"
#include "gateway/stored_values.h"
#include "net/loop.h"
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
    StoredValues& values;
    plugin::HttpClient& http;  // for secret managers
    SecretOptions secrets;
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
  const SecretStore& secrets() const { return secrets_; }
  const AppliedKeys& applied_keys() const { return keys_; }

  // admin::Node
  async::Task<void> applied(int64_t revision) override;
  int64_t known_revision() const override { return revision_; }
  bool may_be_used(config::Kind kind, std::string_view id) const override {
    return builder_.may_be_used(kind, id);
  }
  std::optional<admin::KeyOwner> key_owner(std::string_view plugin,
                                           std::string_view key) const override;
  size_t listed(config::Kind kind) const override;
  std::vector<admin::Listed> listed(config::Kind kind, size_t from, size_t end) const override;
  std::vector<std::string> some_users(config::Kind kind, std::string_view id) const override {
    return builder_.some_users(kind, id);
  }
  void reload_plugins() override { reload_plugins_(); }

 private:
  using Changes = std::vector<snapshot::Change>;
  static constexpr size_t kManyKeys = 50'000;  // that are not gone through in one turn of the loop
  static constexpr int64_t kAppliedPatienceUs = 5'000'000;
  static constexpr int64_t kSecretPatienceUs = 3'000'000;  // of the first load
  static constexpr int64_t kReloadPauseUs = 1'000'000;
  static constexpr size_t kMostMeanwhile = 10'000;  // changes that are kept during a reload

  void on_changes(const store::ChangeSet& changes) override;
  void on_gap(std::string_view why) override;
  static void reloaded(void* self);
  void start_reload();
  async::Task<void> reload();

  // What begins to wait, and is to call the function when it has come to its end.
  using Begin = std::function<void(std::function<void()>)>;
  async::Task<bool> wait_for(Begin begin, int64_t deadline_us);
  void when_secrets_settled(std::function<void()> done);
  void on_secrets_changed(const std::vector<SecretUser>& users);
  async::Task<void> read_again();
  static void read_again_done(void* self);

  void take(AppliedKeys& keys, store::Entry entry, Changes& changes) const;
  void take(AppliedKeys& keys, const store::ChangeSet& set, Changes& changes);
  void take_erased(std::string_view key, Changes& changes) const;
  async::Task<void> in_turns(size_t keys, std::function<void(size_t part)> work);
  void apply(Changes changes);
  void publish(std::unique_ptr<const snapshot::Snapshot> snapshot);

  Parts parts_;
  std::string prefix_;  // "/apisix/"
  std::function<void()> published_;
  std::function<void()> reload_plugins_;
  upstream::dns::NetTransport transport_;
  upstream::Resolver resolver_;
  upstream::NameWatch names_;
  SecretStore secrets_;
  snapshot::Builder builder_;
  std::unique_ptr<store::Watch> watch_;
  async::Task<void> reload_;
  async::Task<void> again_;
  std::set<SecretUser> to_read_again_;  // a secret of theirs is another one
  bool reading_again_ = false;
  std::vector<std::function<void()>> secret_waits_;
  bool reloading_ = false;
  bool reload_again_ = false;  // something came up while it was reloaded
  bool compile_all_ = false;   // also what the next load() finds unchanged
  bool reading_all_ = false;   // load() reads, and has not begun its watch
  // What the watch told in that time: what was read is older, and must not undo it.
  std::vector<store::ChangeSet> meanwhile_;
  int64_t gap_us_ = 0;         // when the last one came; 0: none did
  int64_t not_before_us_ = 0;  // the next reload, when gaps come thick and fast
  AppliedKeys keys_;
  int64_t revision_ = 0;  // of the store, as applied
};

}  // namespace pylon::gateway

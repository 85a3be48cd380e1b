// CredentialIndex: who owns this key? Part of the snapshot.
//
// A persistent map from (auth plugin, value of its key attribute) to the consumer or credential
// that carries it, and from consumer names to consumers (anonymous_consumer). The control thread
// makes new versions; workers look up in the version they have pinned, without allocating.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/persistent_map.h"
#include "base/ref.h"

namespace pylon::plugin {
class PluginSet;
}

namespace pylon::config {

// What an auth plugin made of a consumer's part of its configuration: its ConsumerConfig.
class AuthConf : public RefCounted {
 public:
  virtual ~AuthConf() = default;
  const void* object() const { return object_; }

 protected:
  const void* object_ = nullptr;
};

// What is known of a consumer once a request is its. The snapshot has its own kind, which keeps
// the plugins alive.
struct KnownConsumer : RefCounted {
  virtual ~KnownConsumer() = default;

  std::string name;
  std::string group_id;
  std::string custom_id;                       // label custom_id
  const plugin::PluginSet* plugins = nullptr;  // auth plugins left out; null: none
};

// One way to prove to be a consumer.
struct Credential : RefCounted {
  Ref<const KnownConsumer> consumer;
  std::string id;  // empty: the key stands in the consumer itself
  Ref<const AuthConf> conf;

  template <class ConsumerConfig>
  const ConsumerConfig& conf_as() const {
    return *static_cast<const ConsumerConfig*>(conf->object());
  }
};

class CredentialIndex {
 public:
  class Editor;

  // Null when nobody has that key.
  const Credential* find(std::string_view plugin, std::string_view key) const {
    const Ref<const Credential>* found = by_key_.find({plugin, key});
    return found != nullptr ? found->get() : nullptr;
  }
  const KnownConsumer* find_consumer(std::string_view name) const {
    const Ref<const KnownConsumer>* found = by_name_.find(name);
    return found != nullptr ? found->get() : nullptr;
  }

  size_t size() const { return by_key_.size(); }
  Editor edit() const;

 private:
  struct Key {
    std::string_view plugin;
    std::string key;
  };
  struct KeyView {
    KeyView(std::string_view plugin_name, std::string_view value)
        : plugin(plugin_name), key(value) {}
    explicit KeyView(const Key& stored) : plugin(stored.plugin), key(stored.key) {}
    explicit operator Key() const { return {plugin, std::string(key)}; }
    std::string_view plugin;
    std::string_view key;
  };
  struct KeyTraits {
    using Stored = Key;
    using View = KeyView;
    static uint64_t hash(View view) { return hash_bytes(view.key, hash_bytes(view.plugin)); }
    static bool equal(const Key& stored, View view) {
      return stored.key == view.key && stored.plugin == view.plugin;
    }
  };
  using ByKey = PersistentMap<Ref<const Credential>, KeyTraits>;
  using ByName = PersistentMap<Ref<const KnownConsumer>>;

  ByKey by_key_;
  ByName by_name_;
};

// Many changes at once; commit() gives the new version.
class CredentialIndex::Editor {
 public:
  explicit Editor(const CredentialIndex& index)
      : by_key_(index.by_key_.edit()), by_name_(index.by_name_.edit()) {}

  // The last one to claim a key has it. Names of plugins outlive all indices.
  void insert(std::string_view plugin, std::string_view key, Ref<const Credential> credential) {
    by_key_.insert({plugin, key}, std::move(credential));
  }
  // Leaves the key alone when another owner has claimed it since.
  bool erase(std::string_view plugin, std::string_view key, std::string_view consumer_name,
             std::string_view credential_id);

  void insert_consumer(Ref<const KnownConsumer> consumer) {
    std::string_view name = consumer->name;
    by_name_.insert(name, std::move(consumer));
  }
  void erase_consumer(std::string_view name) { by_name_.erase(name); }

  CredentialIndex commit() &&;

 private:
  ByKey::Editor by_key_;
  ByName::Editor by_name_;
};

inline CredentialIndex::Editor CredentialIndex::edit() const { return Editor(*this); }

}  // namespace pylon::config

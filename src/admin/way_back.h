// WayBack: a rollback that is being judged: what else goes with it, what speaks against it, and the
// transaction that it is.
//
// It mixes an earlier state of some items with the present one of the others, and must not make a
// state that no write could: references to nothing, a key of two consumers, a plugin in two global
// rules. What was so at the earlier revision already, among the items that are brought back, is
// brought back as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/node.h"
#include "admin/target.h"
#include "async/task.h"
#include "base/hash.h"
#include "plugin/catalogue.h"
#include "plugin/field_cipher.h"
#include "store/history.h"
#include "store/store.h"

namespace pylon::admin {

class WayBack {
 public:
  struct Parts {
    store::Store& store;
    const Node& node;
    const Keys& keys;
    const plugin::Catalogue& catalogue;
    const plugin::FieldCipher* cipher;  // null: values are stored as they are meant
  };
  using Differences = std::vector<store::KeyDifference>;

  // `revision`: the one that the differences lead back from.
  WayBack(const Parts& parts, Differences differences, int64_t revision);

  // With what is gone, what belongs to it: the credentials of a consumer. First of all.
  async::Task<store::Outcome<void>> complete();
  // Why it cannot be done; empty when it can.
  async::Task<store::Outcome<std::string>> why_not();
  // Holds only while nobody changes these keys, or what the judgement has relied on.
  async::Task<store::Outcome<store::Transaction>> transaction() const;

  const Differences& differences() const { return differences_; }

 private:
  struct Item {
    const config::ResourceType* type = nullptr;  // null: the key holds no resource
    std::string id;                              // "1", "bob/credentials/c"
    bool is_child() const { return id.find('/') != id.npos; }
  };
  using Verdict = async::Task<store::Outcome<std::string>>;

  Item item_of(std::string_view key) const;
  const store::KeyDifference* change_of(std::string_view key) const;
  void rely_on(const std::string& key, int64_t revision, store::Compare::Kind kind);
  Verdict missing(const store::KeyDifference& one, const std::string& key);
  Verdict missing_reference(const store::KeyDifference& one);
  Verdict still_used();
  Verdict taken_plugin();
  std::string taken_key(const store::KeyDifference& one);

  Parts parts_;
  Differences differences_;
  int64_t revision_;
  StringMap<const store::KeyDifference*> changed_;
  std::vector<store::Compare> relied_on_;
  StringMap<size_t> relied_on_keys_;  // where they are among these
};

}  // namespace pylon::admin

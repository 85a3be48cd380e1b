// HeldStore: a store whose configuration comes from outside as a whole (a file, a push) and is held
// in memory. Each new whole becomes one transaction of what differs, so that watches see changes.
// It takes no writes of single keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "store/file/document.h"
#include "store/memory_store.h"
#include "store/store.h"

namespace pylon::store {

// What a document means to the gateway.
struct DocumentRules {
  std::string key_prefix = "/apisix";
  ItemCheck check;
  // Told before items are checked: the list of enabled plugins in the document, or null.
  PluginListUse plugins = [](const Json*) {};
};

class HeldStore : public Store {
 public:
  async::Task<Outcome<std::optional<Entry>>> get(std::string key) override;
  async::Task<Outcome<EntriesAt>> get_all(std::vector<std::string> keys) override;
  async::Task<Outcome<std::vector<Entry>>> list_after(std::string prefix, std::string key,
                                                      size_t limit) override;
  async::Task<Outcome<std::vector<Entry>>> list(std::string prefix) override;
  async::Task<Outcome<std::vector<Entry>>> search(std::string prefix, std::string text) override;
  async::Task<Outcome<int64_t>> load(Visitor visit) override;
  async::Task<Outcome<Committed>> transaction(Transaction transaction) override;  // refused
  std::unique_ptr<Watch> watch(int64_t after_revision, WatchListener& listener) override;
  int64_t revision() const override { return held_.revision(); }
  void on_timer() override { held_.on_timer(); }
  std::vector<Fault> faults() const override { return faults_; }

 protected:
  HeldStore(DocumentRules rules, const Clock& clock)
      : rules_(std::move(rules)), held_(clock, kKeptSets) {}

  // Makes what is held equal to the document, but for items with faults. Watches that had not
  // caught up yet do so first.
  void hold(const Json& document);
  // The source could not be read at all: everything stays, and this is the only fault.
  void keep(Fault fault);

 private:
  // A whole configuration may change at once, and a watch that missed it loads everything.
  static constexpr size_t kKeptSets = 2;

  bool is_faulty(std::string_view key) const;

  DocumentRules rules_;
  MemoryStore held_;
  std::vector<Fault> faults_;
};

}  // namespace pylon::store

// NodeView: what is in force on this node, put together from the store, the snapshot builder and
// the seats of the workers. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/runtime_view.h"
#include "gateway/configuration.h"
#include "gateway/explainer.h"
#include "net/loop.h"
#include "plugin/catalogue.h"
#include "plugin/field_cipher.h"
#include "snapshot/versions.h"
#include "store/store.h"

namespace pylon::gateway {

class NodeView final : public control::RuntimeView {
 public:
  struct Parts {
    net::Loop& loop;
    const Clock& clock;
    store::Store& store;
    const plugin::Catalogue& catalogue;
    const plugin::FieldCipher& cipher;
    Configuration& configuration;
    const snapshot::Versions& versions;
    std::string key_prefix;  // "/apisix"
    const proxy::Options& proxy;
    observe::MetricShard& metrics;  // the control thread's
  };
  explicit NodeView(Parts parts)
      : parts_(std::move(parts)),
        explainer_({parts_.store, parts_.configuration.builder(), parts_.proxy, parts_.clock,
                    parts_.metrics}) {}

  // From now on the node asks for no more traffic.
  void drain() { draining_ = true; }

  // control::RuntimeView
  std::unique_ptr<Pages> pages(config::Kind kind) override;
  async::Task<Result<std::optional<control::RuntimeItem>>> item(config::Kind kind,
                                                                std::string id) override;
  async::Task<Result<std::vector<control::RuntimeItem>>> checked_items() override;
  std::vector<control::NodeHealth> health(std::string_view key) const override;
  int64_t revision() const override { return parts_.configuration.revision(); }
  std::vector<snapshot::Quarantined> quarantined() const override;
  std::vector<control::SourceFault> source_faults() const override;
  std::vector<control::SecretState> secrets() const override;
  Workers workers() const override;
  std::vector<control::TypeState> types() const override;
  std::optional<std::string> out_of_touch() const override { return parts_.store.out_of_touch(); }
  std::optional<std::string> not_ready() const override;
  void reload_plugins() override { parts_.configuration.reload_plugins(); }
  async::Task<Result<Json>> explain(Json question) override {
    return explainer_.explain(std::move(question));
  }

 private:
  class ScanPages;
  using Faults = std::map<std::string, std::string, std::less<>>;  // id -> reason

  std::string prefix_of(config::Kind kind) const;
  Faults faults_of(config::Kind kind) const;
  async::Task<void> append(config::Kind kind, std::vector<store::Entry> entries,
                           std::vector<control::RuntimeItem>& items);
  bool append_one(config::Kind kind, const Faults& faults, store::Entry entry,
                  std::vector<control::RuntimeItem>& items) const;
  control::RuntimeItem make(config::Kind kind, store::Entry entry) const;

  Parts parts_;
  Explainer explainer_;
  bool draining_ = false;
};

}  // namespace pylon::gateway

// PushedStore: the configuration as a client pushes it, whole, through the Admin API
// (PUT /apisix/admin/configs). Kept in a file, so that a restart and a reload go on with it.
// Source: the shared reference of the Admin API, section 5.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "store/file/held_store.h"

namespace pylon::store {

struct PushedOptions {
  std::string path;  // where what was pushed is kept; its folder is made when missing
  DocumentRules rules;
};

class PushedStore final : public HeldStore {
 public:
  // Takes up what was pushed before. The error says that the file is no pushed configuration.
  static Outcome<std::unique_ptr<PushedStore>> open(PushedOptions options, const Clock& clock);

  // {"routes": [...], "routes_conf_version": 3, ..., "X-Digest": ..., "X-Last-Modified": ...};
  // null before the first push.
  const Json& configuration() const { return configuration_; }

  // Makes it the configuration, durably; gives back the revision. The caller has checked it.
  Outcome<int64_t> push(Json configuration);

  std::optional<std::string> missing() const override;

  Outcome<void> reopen() override;

 private:
  PushedStore(PushedOptions options, const Clock& clock)
      : HeldStore(std::move(options.rules), clock), path_(std::move(options.path)) {}

  Outcome<void> read();

  std::string path_;
  Json configuration_;
};

}  // namespace pylon::store

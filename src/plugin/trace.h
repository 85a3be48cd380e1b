// Trace: which plugins ran for an exchange and in which phase, for the basic debug mode.
// Source: APISIX docs "Debug mode".
#pragma once

#include <string_view>

#include "base/arena.h"
#include "plugin/spec.h"

namespace pylon::plugin {

class Trace {
 public:
  explicit Trace(Arena& arena) : arena_(arena) {}

  // Each once.
  void note(std::string_view plugin, Phase phase);
  // "limit-count#access, prometheus#log", in the arena; or "no plugin".
  std::string_view text() const { return text_.empty() ? "no plugin" : text_; }

 private:
  Arena& arena_;
  std::string_view text_;
};

}  // namespace pylon::plugin

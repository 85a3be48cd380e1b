// ValueReader: what a stored value means, when it does not say so itself: decrypts what lies
// encrypted in the store, and puts secrets in the place of references to them. Control thread.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "config/resource.h"

namespace pylon::snapshot {

class ValueReader {
 public:
  virtual ~ValueReader() = default;

  // Called for every value before it is compiled.
  virtual void read(config::Kind kind, std::string_view id, Json& value) = 0;
  // A message about the value that was read last, without the secrets that read() put into it.
  virtual std::string redacted(std::string message) const = 0;
};

}  // namespace pylon::snapshot

// ValueReader: what a stored value means, when it does not say so itself: decrypts what lies
// encrypted in the store, and puts secrets in the place of references to them.
//
// decrypt(), then resolve(), for every value before it is compiled.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "config/resource.h"

namespace pylon::snapshot {

class ValueReader {
 public:
  virtual ~ValueReader() = default;

  // Any thread. True when the value refers to secrets, which only resolve() can put in.
  virtual bool decrypt(config::Kind kind, Json& value) const = 0;
  // Control thread. Null: it refers to none.
  virtual void resolve(config::Kind kind, std::string_view id, Json* value) = 0;
  // A message about the value that was resolved last, without its secrets. Control thread.
  virtual std::string redacted(std::string message) const = 0;
};

}  // namespace pylon::snapshot

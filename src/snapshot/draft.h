// Draft: a change as it has been read: what its value says, as a struct, and digests that tell
// whether it says something else than before.
//
// Reading is most of the work of a first load and needs nothing but the text, so any thread may do
// it. Only a value that refers to secrets has to wait for the control thread; its draft stays open
// until then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "config/consumer.h"
#include "config/credential_index.h"
#include "config/resource.h"
#include "config/route.h"
#include "config/service.h"
#include "config/ssl.h"
#include "config/stream_route.h"
#include "plugin/catalogue.h"
#include "snapshot/value_reader.h"

namespace pylon::snapshot {

struct Change {
  config::Kind kind;
  std::string id;     // "1"; of a credential "bob/credentials/c1"; of metadata the plugin
  std::string value;  // JSON text; empty: erased
  int64_t create_revision = 0;
};

struct Draft {
  // A consumer or a credential.
  struct Identity {
    config::Consumer consumer;  // without its plugins; of a credential nothing
    Json plugins;
    std::vector<plugin::Catalogue::AuthKey> keys;
  };
  // Json: of kinds that are read where they are compiled, and as long as the draft is open.
  using Content = std::variant<Json, config::Route, config::StreamRoute, config::Service,
                               config::Upstream, config::Ssl, Identity>;

  Result<Content> content;  // says nothing when the change erases
  bool open = false;
  bool splits_traffic = false;                // it may have upstreams within traffic-split
  std::vector<config::Reference> references;  // also when the rest cannot be read
  uint64_t digest = 0;           // of the value but for the times in it; of a service, and but for
                                 // its upstream; never 0
  uint64_t upstream_digest = 0;  // of the upstream within the value; 0: there is none

  template <class T>
  T& as() {
    return std::get<T>(*content);
  }
};

class DraftReader {
 public:
  // Both must outlive it. `values` null: values mean what they say.
  DraftReader(const plugin::Catalogue& catalogue, const ValueReader* values)
      : catalogue_(catalogue), values_(values) {}

  Draft read(const Change& change) const;
  // Its secrets have been put in.
  void close(config::Kind kind, Draft& draft) const;

 private:
  Result<Draft::Content> content_of(config::Kind kind, Json value) const;

  const plugin::Catalogue& catalogue_;
  const ValueReader* values_;
};

// What the value says, but for one top-level member. In this process only; never 0.
uint64_t digest_of(const Json& value, std::string_view except = {});

}  // namespace pylon::snapshot

// Certificates: which identity a server has by which name, and the certificates that we show to
// upstreams. Immutable, part of the snapshot; a change costs what it touches.
//
// A name is exact ("a.test"), or begins with a star that stands for one label ("*.test") or for a
// part of one ("*a.test"); "*" is any name. The most specific wins. Source: APISIX 3.18
// ssl/router/radixtree_sni.lua.
#pragma once

#include <string_view>

#include "base/persistent_map.h"
#include "base/ref.h"
#include "tls/identity.h"

namespace pylon::snapshot {

struct Certificates {
  PersistentMap<Ref<const tls::ServerIdentity>> servers;  // by name, lower case
  PersistentMap<Ref<const tls::ClientIdentity>> clients;  // by id of the ssl object
  size_t partial_stars = 0;                               // names like "*a.test"
  size_t demanding = 0;  // ssl objects that demand client certificates

  // Null: none. `name`: lower case, no dot at the end.
  const tls::ServerIdentity* server(std::string_view name) const;
  const tls::ClientIdentity* client(std::string_view id) const;
};

}  // namespace pylon::snapshot

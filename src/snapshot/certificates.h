// Certificates: which identity a server has by which name, and the certificates that we show to
// upstreams. Immutable, part of the snapshot; a change costs what it touches.
//
// A name is exact ("a.test"), or begins with a star that stands for one label ("*.test") or for a
// part of one ("*a.test"); "*" is any name. The most specific wins. A lookup asks the map three
// times at most, and the tree once. Source: APISIX 3.18 ssl/router/radixtree_sni.lua.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/persistent_map.h"
#include "base/persistent_radix.h"
#include "base/ref.h"
#include "tls/identity.h"

namespace pylon::snapshot {

class Certificates {
 public:
  PersistentMap<Ref<const tls::ServerIdentity>> servers;  // by name, lower case
  PersistentRadix<tls::ServerIdentity> partial_stars;     // "*a.test" by partial_star_key()
  PersistentMap<Ref<const tls::ClientIdentity>> clients;  // by id of the ssl object
  size_t demanding = 0;  // ssl objects that demand client certificates

  // Null: none. `name`: lower case, no dot at the end.
  const tls::ServerIdentity* server(std::string_view name) const;
  const tls::ClientIdentity* client(std::string_view id) const;

  // "tset.a": what follows the star, from its end on. Empty: the star is not for a part of a label.
  static std::string partial_star_key(std::string_view name);

 private:
  const tls::ServerIdentity* by_partial_star(std::string_view name, size_t parent_bytes) const;
};

}  // namespace pylon::snapshot

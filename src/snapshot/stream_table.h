// StreamTable: which stream route takes a TCP connection or a UDP session.
//
// Routes with a server name are for TLS only and come first: the exact name, then wildcards, the
// longer before the shorter. The others follow in the order of their creation. In each list the
// first route counts whose conditions hold. Persistent: a change copies the list it is in, no more.
// Source: APISIX 3.18, stream router ip_port and docs "stream proxy".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/persistent_map.h"
#include "base/ref.h"
#include "http/exchange.h"
#include "plugin/chain.h"
#include "upstream/upstream.h"

namespace pylon::snapshot {

// The key of maps by dense number: the number is its own hash.
struct SlotKey {
  using Stored = uint32_t;
  using View = uint32_t;
  static uint64_t hash(View key) { return key; }
  static bool equal(Stored stored, View key) { return stored == key; }
};

// A stream route with what its service contributes. Immutable.
struct StreamRoute final : RefCounted {
  std::string id;
  std::string service_id;
  uint64_t sequence = 0;  // of its creation
  std::optional<Cidr> remote_addr, server_addr;
  uint16_t server_port = 0;  // 0: any
  std::string sni;           // lower case, perhaps "*.example.com"; empty: any connection
  http::RouteLabels labels;  // views into id and service_id
  Ref<const plugin::SharedChain> chain;
  Ref<const upstream::Upstream> own_upstream;     // the one written in the route, or
  Ref<const upstream::SharedId> shared_upstream;  // the slot of one that stands elsewhere, or none
};

class StreamTable {
  // Routes in the order of creation.
  struct List final : RefCounted {
    std::vector<Ref<const StreamRoute>> routes;
  };

 public:
  struct Question {
    const IpAddress& remote;
    const IpAddress& server;
    uint16_t server_port;
    std::string_view sni;  // lower case; empty: not TLS, or no name was given
  };

  class Editor {
   public:
    explicit Editor(const StreamTable& from)
        : by_port_(from.by_port_.edit()),
          by_sni_(from.by_sni_.edit()),
          named_(from.named_.edit()) {}
    void insert(Ref<const StreamRoute> route);
    void erase(const StreamRoute& route);
    StreamTable commit() &&;

   private:
    const List* list_of(const StreamRoute& route);
    void put(const StreamRoute& route, Ref<const List> list);
    PersistentMap<Ref<const List>, SlotKey>::Editor by_port_;
    PersistentMap<Ref<const List>>::Editor by_sni_;
    PersistentMap<uint32_t, SlotKey>::Editor named_;
  };

  Editor edit() const { return Editor(*this); }
  const StreamRoute* match(const Question& question) const;  // null: nobody takes it
  // Whether a route for that port asks for a server name: only then is it worth to look for one.
  bool looks_at_names(uint16_t port) const {
    return !named_.empty() && (named_.find(port) != nullptr || named_.find(0) != nullptr);
  }
  bool empty() const { return by_port_.empty() && by_sni_.empty(); }

 private:
  const StreamRoute* match_name(const Question& question) const;
  const StreamRoute* match_port(const Question& question) const;

  PersistentMap<Ref<const List>, SlotKey> by_port_;  // routes without a name; 0: any port
  PersistentMap<Ref<const List>> by_sni_;
  PersistentMap<uint32_t, SlotKey> named_;  // by port, 0: any: how many routes have a name
};

}  // namespace pylon::snapshot

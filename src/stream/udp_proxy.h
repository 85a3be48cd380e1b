// UdpProxy: datagrams that are matched with stream routes and sent on. One per worker.
//
//   datagram -> session of its sender -> (a new one: match stream route -> preread -> pick node)
//     -> to the node; what the node sends back -> to the sender
//
// A session is all that one client address and port sends to one of our addresses; it has a socket
// of its own to its node, so that answers find their way back, and ends when both sides were silent
// for the idle timeout. Changes of routes and nodes are for sessions that begin later. Each worker
// listens on a socket of its own (SO_REUSEPORT): the kernel gives all datagrams of one client to
// the same. Belongs to the worker's loop. Source: APISIX docs "stream proxy"; nginx's stream
// module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/intrusive_list.h"
#include "net/datagrams.h"
#include "net/loop.h"
#include "stream/admission.h"
#include "stream/presence.h"

namespace pylon::stream {

class UdpSession;

struct UdpLimits {
  size_t sessions = 10'240;
  int64_t idle_timeout_us = 60'000'000;  // unless the upstream says otherwise
  // With all places taken, the session that was silent longest makes room for a new one; if it was
  // silent for less than this, the datagram is dropped.
  int64_t least_silence_us = 1'000'000;
};

struct UdpCounts {
  uint64_t opened = 0;
  uint64_t unmatched = 0;  // no route took it
  uint64_t refused = 0;    // by a plugin
  uint64_t unreached = 0;  // no upstream, or no socket for its node
  uint64_t crowded = 0;    // dropped: all places were taken by busy sessions
  uint64_t evicted = 0;    // sessions that made room
};

class UdpProxy {
 public:
  UdpProxy(const Workplace& place, const UdpLimits& limits);
  ~UdpProxy();

  void listen(int fd);    // bound; stays owned by the caller
  void stop_listening();  // sessions go on with what their nodes send
  void close_all();

  size_t sessions() const { return sessions_.size(); }
  const UdpCounts& counts() const { return counts_; }
  const Presence& presence() const { return presence_; }

 private:
  friend class UdpSession;
  class Door;
  class Exit;

  // Whose session it is, as octets: client, port, our address, our port.
  struct Key {
    static constexpr size_t kBytes = 16 + 2 + 16 + 2;
    char octets[kBytes];

    bool operator==(const Key& o) const { return view() == o.view(); }
    std::string_view view() const { return {octets, kBytes}; }
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return hash_guarded(key.view()); }
  };

  void take(Door& door);
  UdpSession* session_of(Door& door, unsigned index);
  bool make_room();

  Workplace place_;
  UdpLimits limits_;
  UdpCounts counts_;
  Presence presence_;
  std::unique_ptr<net::Datagrams> batch_;  // null until something is listened on
  std::vector<std::unique_ptr<Door>> doors_;
  std::unordered_map<Key, UdpSession*, KeyHash> by_key_;
  IntrusiveList<UdpSession> sessions_;  // the longest silent first
  int64_t complained_us_ = 0;
};

}  // namespace pylon::stream

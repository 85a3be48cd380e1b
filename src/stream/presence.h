// Presence: how many sessions there are now on each address that clients came to. One per worker
// and transport; only its thread may use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ip.h"

namespace pylon::stream {

class Presence {
 public:
  // Of a wildcard listener each address is one of its own: sessions beyond are in no count.
  static constexpr size_t kMostPlaces = 256;

  struct Place {
    IpAddress address;
    uint16_t port = 0;
    uint32_t sessions = 0;
  };

  const std::vector<Place>& places() const { return places_; }

  // One session, as long as it lives.
  class Stay {
   public:
    Stay() = default;
    Stay(Presence& presence, const IpAddress& address, uint16_t port)
        : presence_(&presence), place_(presence.find(address, port)) {
      if (place_ < kMostPlaces) presence_->places_[place_].sessions++;
    }
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    ~Stay() {
      if (presence_ != nullptr && place_ < kMostPlaces) presence_->places_[place_].sessions--;
    }

   private:
    Presence* presence_ = nullptr;
    size_t place_ = kMostPlaces;
  };

 private:
  size_t find(const IpAddress& address, uint16_t port) {
    for (size_t i = 0; i < places_.size(); i++) {
      if (places_[i].port == port && places_[i].address == address) return i;
    }
    if (places_.size() < kMostPlaces) places_.push_back({address, port});
    return places_.size() < kMostPlaces ? places_.size() - 1 : kMostPlaces;
  }

  std::vector<Place> places_;
};

}  // namespace pylon::stream

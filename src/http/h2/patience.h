// Patience: how much work that leads nowhere a peer may cause on one connection.
//
// Every such act takes tokens out of a bucket that time and useful work fill again; a peer that
// empties it is sent away with ENHANCE_YOUR_CALM. Without a clock of its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pylon::http::h2 {

enum class Nuisance : uint8_t {
  reset,          // a request was cancelled, or was one that had to be reset
  refused,        // a stream more than were allowed
  settings,       // SETTINGS
  ping,           // PING
  empty_data,     // DATA without an octet that ends nothing
  window_update,  // WINDOW_UPDATE
  priority,       // PRIORITY
  continuation,   // CONTINUATION
  other,          // frames of unknown types, and late ones for streams that are gone
  silence,        // so long that it had to be asked with a PING whether it is there
  count_,
};
constexpr size_t kNuisances = static_cast<size_t>(Nuisance::count_);
std::string_view nuisance_name(Nuisance nuisance);  // "reset"

// How often each happened, and how many connections ended for it. A worker has one for its clients
// and one for its upstreams.
struct NuisanceCounts {
  std::array<uint64_t, kNuisances> seen{};
  std::array<uint64_t, kNuisances> ended{};
};

class Patience {
 public:
  // False: there is none left.
  bool spend(Nuisance nuisance, int64_t now_us, NuisanceCounts& counts) {
    auto kind = static_cast<size_t>(nuisance);
    if (replies_ != 0 && is_reply(nuisance)) {
      replies_--;
      return true;
    }
    counts.seen[kind]++;
    refill(now_us);
    tokens_ -= kCost[kind];
    if (tokens_ >= 0) return true;
    counts.ended[kind]++;
    return false;
  }
  void exchange_done() { add(kCost[static_cast<size_t>(Nuisance::reset)]); }
  // DATA left. Its receiver may answer each frame, however small: grpcio does.
  void data_left(uint32_t frames, size_t octets) {
    replies_ = std::min(replies_ + frames * kRepliesPerFrame, kMostReplies);
    octets_ += static_cast<uint32_t>(octets);
    add(static_cast<int32_t>(octets_ / kOctetsPerToken));
    octets_ %= kOctetsPerToken;
  }

 private:
  static constexpr int32_t kBurst = 1000;
  static constexpr int64_t kUsPerToken = 10'000;
  static constexpr uint32_t kOctetsPerToken = 512;
  static constexpr std::array<int32_t, kNuisances> kCost{5, 5, 10, 1, 1, 1, 1, 1, 1, 0};
  // WINDOW_UPDATE of the stream and of the connection, and a PING that measures the way.
  static constexpr uint32_t kRepliesPerFrame = 3;
  static constexpr uint32_t kMostReplies = 1 << 17;  // a widest window of the smallest messages

  static bool is_reply(Nuisance nuisance) {
    return nuisance == Nuisance::window_update || nuisance == Nuisance::ping;
  }
  void add(int32_t tokens) { tokens_ = std::min(tokens_ + tokens, kBurst); }
  void refill(int64_t now_us) {
    if (filled_us_ == 0) filled_us_ = now_us;
    int64_t tokens = (now_us - filled_us_) / kUsPerToken;
    if (tokens <= 0) return;
    add(static_cast<int32_t>(std::min<int64_t>(tokens, kBurst)));
    filled_us_ += tokens * kUsPerToken;
  }

  int64_t filled_us_ = 0;
  int32_t tokens_ = kBurst;
  uint32_t octets_ = 0;
  uint32_t replies_ = 0;  // that may still come for what we sent; they cost nothing
};

}  // namespace pylon::http::h2

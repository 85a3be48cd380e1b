// SegmentCheck: the rest of a path against the rest of a pattern. Internal to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/regex.h"
#include "http/exchange.h"

namespace pylon::router {

struct UriParams {
  const http::UriParam* data = nullptr;  // in the exchange's arena
  uint32_t count = 0;
};

class SegmentCheck {
 public:
  // `pattern` is the part from the slash before the first special segment on, and outlives the
  // check. nullopt: it has no special segment, so there is nothing to check.
  static std::optional<SegmentCheck> compile(std::string_view pattern);

  // `rest` is the same part of the path.
  bool accepts(std::string_view rest, Arena& arena, UriParams& params) const {
    if (!takes_all_) return accepts_segments(rest, arena, params);
    params = {arena.make<http::UriParam>(segments_.back().text, rest.substr(1)), 1};
    return true;
  }

 private:
  struct Segment {
    enum class Kind : uint8_t { literal, one, rest } kind;
    std::string_view text;  // literal: itself; else the parameter's name
  };

  static std::vector<Segment> split(std::string_view pattern);
  bool is_plain() const;
  bool takes_all() const;
  bool accepts_segments(std::string_view rest, Arena& arena, UriParams& params) const;
  std::string regex_text() const;
  bool accepts_plain(std::string_view rest, http::UriParam* params) const;
  bool accepts_regex(std::string_view rest, http::UriParam* params) const;

  std::vector<Segment> segments_;
  uint32_t names_ = 0;
  bool takes_all_ = false;      // "/*": whatever follows the slash, which the path has
  bool plain_ = true;           // no regular expression needed
  std::optional<Regex> regex_;  // null in a check that is not plain: no path can match
};

}  // namespace pylon::router

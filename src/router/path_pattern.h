// PathPattern: one `uri` of a route, compiled.
//
//   /a         exact
//   /a*        everything that starts with /a
//   /a/*/c     starts with /a/, and the rest is looked at segment by segment
//   /a/:id     likewise, where `:` counts (mode radixtree_uri_with_parameter)
//
// Segment by segment: `:name` is one segment that is not empty, `*name` is any octets; any other
// segment is a regular expression in itself, because APISIX puts it into one as it stands (so '.'
// is any character). The segments that lie within the literal prefix have been compared by then.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "router/segment_check.h"

namespace pylon::router {

class PathPattern {
 public:
  PathPattern(std::string_view text, bool colon_is_parameter);

  std::string_view text() const { return {text_.get(), text_bytes_}; }
  bool is_exact() const { return prefix_bytes_ == text_bytes_; }
  // What the path must be (exact) or start with.
  std::string_view prefix() const { return text().substr(0, prefix_bytes_); }

  // `path` starts with prefix(). Captured values, if any, go to the arena and into `params`.
  bool accepts(std::string_view path, Arena& arena, UriParams& params) const {
    if (check_ == nullptr) return true;
    return check_->accepts(path.substr(check_from_), arena, params);
  }

 private:
  std::unique_ptr<const char[]> text_;  // stays in its place: the check looks at it
  uint32_t text_bytes_;
  uint32_t prefix_bytes_;
  uint32_t check_from_ = 0;
  std::unique_ptr<const SegmentCheck> check_;  // null: the prefix says it all
};

}  // namespace pylon::router

#include "router/path_pattern.h"

#include <algorithm>

namespace pylon::router {

PathPattern::PathPattern(std::string_view given, bool colon_is_parameter)
    : text_bytes_(static_cast<uint32_t>(given.size())) {
  auto copy = std::make_unique<char[]>(given.size());
  std::copy(given.begin(), given.end(), copy.get());
  text_ = std::move(copy);
  std::string_view own = text();
  size_t special = own.find_first_of(colon_is_parameter ? ":*" : "*");
  prefix_bytes_ = static_cast<uint32_t>(std::min(special, own.size()));
  if (is_exact()) return;
  size_t slash = prefix().rfind('/');
  check_from_ = slash == own.npos ? 0 : static_cast<uint32_t>(slash);
  auto check = SegmentCheck::compile(own.substr(check_from_));
  if (check) check_ = std::make_unique<const SegmentCheck>(*std::move(check));
}

}  // namespace pylon::router

// ListQuery: which items of a collection are wanted, and which page of them.
// Source: Admin API reference, section 3, "List parameters".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/regex.h"
#include "config/resource.h"
#include "http/api.h"

namespace pylon::admin {

class ListQuery {
 public:
  static ListQuery read(const http::ApiRequest& request, config::Kind kind);

  bool filters() const { return name_ || uri_ || label_ || !fields_.empty(); }
  bool matches(const Json& value) const;

  // Paging is on when both parameters are numbers.
  bool pages() const { return page_ && page_size_; }
  bool page_size_is_wrong() const;  // "page_size must be between 10 and 500"
  // The first and the end of the page among `count` items.
  std::pair<size_t, size_t> page(size_t count) const;

 private:
  // A pattern that does not compile matches nothing.
  struct Pattern {
    std::optional<Regex> regex;
    bool matches(std::string_view text) const { return regex && regex->matches(text); }
  };
  static std::optional<Pattern> pattern(const http::ApiRequest& request, std::string_view name);
  bool matches_uri(const Json& value) const;

  std::optional<Pattern> name_;
  std::optional<Pattern> uri_;
  std::optional<std::string> label_;
  std::vector<std::pair<std::string, std::string>> fields_;  // equal to this text
  std::optional<double> page_;
  std::optional<double> page_size_;
};

}  // namespace pylon::admin

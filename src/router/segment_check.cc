#include "router/segment_check.h"

#include <algorithm>

namespace pylon::router {
namespace {

// The name under which APISIX keeps what an unnamed `*` matched.
constexpr std::string_view kUnnamed = ":ext";

bool is_regex_octet(char c) {
  return std::string_view(".^$|()[]{}*+?\\").find(c) != std::string_view::npos;
}

}  // namespace

// As ngx.re.split: empty segments at the end fall away, and one comes back for a slash at the end.
std::vector<SegmentCheck::Segment> SegmentCheck::split(std::string_view pattern) {
  bool closed = pattern.ends_with('/');
  while (pattern.ends_with('/')) pattern.remove_suffix(1);
  std::vector<Segment> segments;
  for (size_t at = 0; at <= pattern.size();) {
    size_t end = std::min(pattern.find('/', at), pattern.size());
    std::string_view text = pattern.substr(at, end - at);
    Segment segment{Segment::Kind::literal, text};
    if (text.starts_with(':')) segment = {Segment::Kind::one, text.substr(1)};
    if (text.starts_with('*')) {
      segment = {Segment::Kind::rest, text.size() > 1 ? text.substr(1) : kUnnamed};
    }
    segments.push_back(segment);
    at = end + 1;
  }
  if (closed) segments.push_back({Segment::Kind::literal, ""});
  return segments;
}

bool SegmentCheck::is_plain() const {
  for (const Segment& segment : segments_) {
    bool last = &segment == &segments_.back();
    if (segment.kind == Segment::Kind::rest && !last) return false;
    bool literal = segment.kind == Segment::Kind::literal;
    if (literal && std::any_of(segment.text.begin(), segment.text.end(), is_regex_octet)) {
      return false;
    }
  }
  return true;
}

bool SegmentCheck::takes_all() const {
  return segments_.size() == 2 && segments_[0].kind == Segment::Kind::literal &&
         segments_[0].text.empty() && segments_[1].kind == Segment::Kind::rest;
}

std::string SegmentCheck::regex_text() const {
  std::string text;
  for (const Segment& segment : segments_) {
    if (&segment != &segments_.front()) text += "/";
    switch (segment.kind) {
      case Segment::Kind::literal:
        text += segment.text;
        break;
      case Segment::Kind::one:
        text += "([^/]+)";
        break;
      case Segment::Kind::rest:
        text += "((?s:.*))";
        break;
    }
  }
  return text;
}

std::optional<SegmentCheck> SegmentCheck::compile(std::string_view pattern) {
  SegmentCheck check;
  check.segments_ = split(pattern);
  auto names =
      std::count_if(check.segments_.begin(), check.segments_.end(),
                    [](const Segment& segment) { return segment.kind != Segment::Kind::literal; });
  if (names == 0) return std::nullopt;
  check.names_ = static_cast<uint32_t>(names);
  check.takes_all_ = check.takes_all();
  check.plain_ = check.is_plain();
  if (!check.plain_) {
    auto regex = Regex::compile(check.regex_text());
    if (regex) check.regex_ = *std::move(regex);
  }
  return check;
}

bool SegmentCheck::accepts_segments(std::string_view rest, Arena& arena, UriParams& params) const {
  auto* values = arena.make_array<http::UriParam>(names_);
  if (plain_ ? !accepts_plain(rest, values) : !accepts_regex(rest, values)) return false;
  params = {values, names_};
  return true;
}

bool SegmentCheck::accepts_plain(std::string_view rest, http::UriParam* params) const {
  for (const Segment& segment : segments_) {
    if (&segment != &segments_.front()) {
      if (!rest.starts_with('/')) return false;
      rest.remove_prefix(1);
    }
    if (segment.kind == Segment::Kind::rest) {
      *params = {segment.text, rest};
      return true;
    }
    std::string_view text = rest.substr(0, rest.find('/'));
    if (segment.kind == Segment::Kind::one) {
      if (text.empty()) return false;
      *params++ = {segment.text, text};
    } else if (text != segment.text) {
      return false;
    }
    rest.remove_prefix(text.size());
  }
  return rest.empty();
}

// A group of the pattern's own shifts the names, as it does in APISIX.
bool SegmentCheck::accepts_regex(std::string_view rest, http::UriParam* params) const {
  Captures captures;
  if (!regex_ || !regex_->search(rest, captures) || captures[0] != rest) return false;
  size_t group = 1;
  for (const Segment& segment : segments_) {
    if (segment.kind != Segment::Kind::literal) *params++ = {segment.text, captures[group++]};
  }
  return true;
}

}  // namespace pylon::router

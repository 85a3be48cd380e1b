// Regex: a compiled regular expression with bounded cost.
//
// Compiled by RE2 (linear time); a pattern that needs PCRE syntax (look-around, back references,
// possessive quantifiers) by PCRE2 with its JIT under a match limit: a search that exceeds it
// counts as no match and is counted in gave_up(). Bytes, not characters (as APISIX's "jo" flags);
// '.' does not match a line feed and '$' only matches at the very end. Immutable; any thread may
// search. Nothing throws. Copies share the compiled program.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace pylon {

class Arena;

// What the groups matched: [0] is the whole match. Views into the subject; a group that took no
// part has a null data pointer.
struct Captures {
  static constexpr size_t kMaxGroups = 32;

  std::array<std::string_view, kMaxGroups> groups;
  size_t count = 0;  // groups of the pattern plus one, at most kMaxGroups

  std::string_view operator[](size_t i) const { return i < count ? groups[i] : std::string_view{}; }
};

struct RegexFlags {
  bool ignore_case = false;
  bool multi_line = false;  // ^ and $ at line ends
  bool dot_all = false;     // '.' matches a line feed
  bool lax_end = false;     // '$' also matches before a line feed at the very end, as PCRE has it
};

// The text that replaces a match: $0..$99, ${1}, $$ as in ngx.re.sub. Compiled once.
class ReplaceTemplate {
 public:
  static Result<ReplaceTemplate> compile(std::string_view text);

  size_t size_with(const Captures& captures) const;
  char* write(const Captures& captures, char* to) const;  // returns the end

 private:
  struct Piece {
    std::string literal;
    int group;  // -1: the literal
  };
  std::vector<Piece> pieces_;
};

class Regex {
 public:
  static constexpr size_t kMaxPatternBytes = 16 * 1024;

  Regex() = default;  // matches nothing

  static Result<Regex> compile(std::string_view pattern, RegexFlags flags);
  static Result<Regex> compile(std::string_view pattern);

  bool matches(std::string_view subject) const;  // somewhere in the subject
  bool search(std::string_view subject, Captures& captures) const;

  // The subject with its first match replaced; nullopt when there is none.
  std::optional<std::string> replace_first(std::string_view subject,
                                           const ReplaceTemplate& with) const;
  // The same in the arena: no other memory is taken. A null view when there is no match.
  std::string_view replace_first(std::string_view subject, const ReplaceTemplate& with,
                                 Arena& arena) const;
  std::string replace_all(std::string_view subject, const ReplaceTemplate& with) const;

  const std::string& pattern() const;
  size_t group_count() const;
  bool is_linear() const;  // compiled by RE2

  static uint64_t gave_up();  // searches ended by the match limit, in this process

 private:
  struct Program;
  explicit Regex(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  bool search_from(std::string_view subject, size_t start, Captures& captures, size_t wanted) const;

  std::shared_ptr<const Program> program_;
};

}  // namespace pylon

// Templates: text with variables in it, compiled once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "expr/variable.h"

namespace pylon::expr {

// As APISIX's resolve_var: $name (letters, digits, '_' and '.'), ${name}, ${name ?? default};
// a dollar sign after a backslash is text, and the backslash stays. An absent variable without
// default gives nothing.
class Template {
 public:
  Template() = default;
  static Template compile(std::string_view text);

  // In the exchange's arena, or a view into the template when it holds no variable.
  std::string_view render(http::Exchange& exchange) const {
    return is_constant() ? std::string_view(tail_) : render_parts(exchange, nullptr);
  }
  // `resolved` counts the variables that were present.
  std::string_view render(http::Exchange& exchange, size_t& resolved) const;

  bool is_constant() const { return parts_.empty(); }
  bool needs_body() const;

 private:
  struct Part {
    std::string before;  // the text that comes first
    Variable variable;
    bool has_fallback = false;
    std::string fallback;
  };

  std::string_view render_parts(http::Exchange& exchange, size_t* resolved) const;

  std::vector<Part> parts_;
  std::string tail_;
};

// A line of the access log in nginx's syntax: $name and ${name}. An absent variable is "-", or
// nothing with the escapes json and none.
class LogFormat {
 public:
  enum class Escape : uint8_t {
    standard,  // nginx's default: '"', '\', controls and octets from 0x7f become \xXX
    json,
    none,
  };

  LogFormat() = default;
  static LogFormat compile(std::string_view text, Escape escape);

  // The line without a line feed, in the exchange's arena.
  std::string_view line(http::Exchange& exchange) const;

  // Names in the format that no variable has: written as absent.
  const std::vector<std::string>& unknown_names() const { return unknown_names_; }

 private:
  struct Part {
    std::string before;
    Variable variable;
  };

  template <class Escape>
  void measure();
  template <class Escape>
  std::string_view line_as(http::Exchange& exchange, std::string_view absent) const;
  template <class Escape>
  std::string_view escaped_line(Arena& arena, const std::string_view* values) const;

  std::vector<Part> parts_;
  std::string tail_;
  size_t text_bytes_ = 0;  // of all `before` and the tail
  size_t escapable_ = 0;   // how many of these would be escaped in a value
  Escape escape_ = Escape::standard;
  std::vector<std::string> unknown_names_;
};

}  // namespace pylon::expr

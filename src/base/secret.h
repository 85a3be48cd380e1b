// Secret: text that must not reach a log. It has no conversion to a printable type, compares in
// constant time and is wiped when it dies. expose() is the one way out; search for its callers.
#pragma once

#include <string>
#include <string_view>

namespace pylon {

// Takes the same time whatever the contents; only the lengths may show.
bool equal_constant_time(std::string_view a, std::string_view b);

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : text_(text) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  bool empty() const { return text_.empty(); }
  bool equals(std::string_view other) const { return equal_constant_time(text_, other); }
  bool operator==(const Secret& other) const { return equals(other.text_); }

  std::string_view expose() const { return text_; }

 private:
  void wipe();

  std::string text_;
};

}  // namespace pylon

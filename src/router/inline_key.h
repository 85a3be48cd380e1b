// InlineKey: the key of a PersistentMap whose short texts lie in the node itself, so that a lookup
// reads one place in memory less. For tables of many entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/hash.h"

namespace pylon::router {

class InlineText {
 public:
  explicit InlineText(std::string_view text) : size_(static_cast<uint32_t>(text.size())) {
    char* to = is_inline() ? here_ : (there_ = new char[text.size()]);
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
  }
  InlineText(const InlineText&) = delete;
  InlineText& operator=(const InlineText&) = delete;
  ~InlineText() {
    if (!is_inline()) delete[] there_;
  }

  operator std::string_view() const { return {is_inline() ? here_ : there_, size_}; }

 private:
  static constexpr size_t kInlineBytes = 48;  // most paths and hosts

  bool is_inline() const { return size_ <= kInlineBytes; }

  uint32_t size_;
  union {
    char here_[kInlineBytes];
    char* there_;
  };
};

struct InlineKey {
  using Stored = InlineText;
  using View = std::string_view;
  static uint64_t hash(View key) { return hash_bytes(key); }
  static bool equal(const Stored& stored, View key) { return View(stored) == key; }
};

}  // namespace pylon::router

#include "http/fields.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "http/h1/scan.h"

namespace pylon::http {
namespace {

constexpr size_t kIdCount = static_cast<size_t>(FieldId::count_);

constexpr std::array<std::string_view, kIdCount> kNames = {
    "",
    "Connection",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "HTTP2-Settings",
    "Expect",
    "Host",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Real-IP",
    "Forwarded",
    "Via",
    "Max-Forwards",
    "Content-Type",
    "Content-Encoding",
    "Content-Range",
    "Content-MD5",
    "ETag",
    "Last-Modified",
    "Date",
    "Server",
    "Location",
    "Vary",
    "Cache-Control",
    "Set-Cookie",
    "WWW-Authenticate",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cookie",
    "Origin",
    "Range",
    "Referer",
    "User-Agent",
    "If-None-Match",
    "If-Modified-Since",
    "X-Request-Id",
    "apikey",
    "X-Consumer-Username",
    "X-Credential-Identifier",
    "X-Consumer-Custom-ID",
    "Sec-WebSocket-Key",
};

// Letters are folded by setting one bit; other token octets may collide, and compare unequal later.
constexpr uint8_t fold(char c) { return static_cast<uint8_t>(c) | 0x20; }

constexpr size_t kSlots = 256;
constexpr size_t slot_of(const char* name, size_t size) {
  return (size * 37 + fold(name[0]) * 5 + fold(name[size - 1]) * 11 + fold(name[size / 2]) * 3) %
         kSlots;
}

// Open addressing with linear probing, laid out at compile time.
constexpr std::array<FieldId, kSlots> kSlotTable = [] {
  std::array<FieldId, kSlots> table{};
  for (size_t id = 1; id < kIdCount; id++) {
    size_t slot = slot_of(kNames[id].data(), kNames[id].size());
    while (table[slot] != FieldId::other) slot = (slot + 1) % kSlots;
    table[slot] = static_cast<FieldId>(id);
  }
  return table;
}();

// Known names folded, one per row, so that whole words can be compared.
constexpr size_t kRow = 32;
using FoldedName = std::array<char, kRow>;
constexpr std::array<FoldedName, kIdCount> kFolded = [] {
  std::array<FoldedName, kIdCount> table{};
  for (size_t id = 0; id < kIdCount; id++) {
    for (size_t i = 0; i < kNames[id].size(); i++) {
      table[id][i] = static_cast<char>(fold(kNames[id][i]));
    }
  }
  return table;
}();

constexpr std::array<uint8_t, kIdCount> kSizes = [] {
  std::array<uint8_t, kIdCount> sizes{};
  for (size_t id = 0; id < kIdCount; id++) sizes[id] = static_cast<uint8_t>(kNames[id].size());
  return sizes;
}();

template <class Word>
bool same_word(const char* folded, const char* name) {
  constexpr Word kFold = static_cast<Word>(0x2020202020202020);
  Word a, b;
  std::memcpy(&a, folded, sizeof a);
  std::memcpy(&b, name, sizeof b);
  return a == (b | kFold);
}

// Words that overlap at the end. No two token octets in known names fold to the same one but the
// two cases of a letter, so this is equality without regard to case.
bool equals_folded(const FoldedName& folded, const char* name, size_t size) {
  if (size >= 8) {
    size_t last = size - 8;
    if (!same_word<uint64_t>(&folded[last], name + last)) return false;
    for (size_t at = 0; at < last; at += 8) {
      if (!same_word<uint64_t>(&folded[at], name + at)) return false;
    }
    return true;
  }
  if (size >= 4) {
    return same_word<uint32_t>(&folded[0], name) &&
           same_word<uint32_t>(&folded[size - 4], name + size - 4);
  }
  for (size_t i = 0; i < size; i++) {
    if (folded[i] != static_cast<char>(fold(name[i]))) return false;
  }
  return true;
}

// Case-insensitive equality of tokens of one size.
bool same_token(const char* a, const char* b, size_t size) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  for (size_t i = 0; i < size; i++) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool same_name(const Field& field, FieldId id, std::string_view name) {
  if (field.removed() || field.id != id) return false;
  return id != FieldId::other ||
         (field.name_size == name.size() && same_token(field.name_data, name.data(), name.size()));
}

}  // namespace

FieldId field_id(std::string_view name) {
  if (name.empty()) return FieldId::other;
  size_t slot = slot_of(name.data(), name.size());
  for (;;) {
    FieldId id = kSlotTable[slot];
    if (id == FieldId::other) return id;
    size_t row = static_cast<size_t>(id);
    if (kSizes[row] == name.size() && equals_folded(kFolded[row], name.data(), name.size())) {
      return id;
    }
    slot = (slot + 1) % kSlots;
  }
}

std::string_view field_name(FieldId id) { return kNames[static_cast<size_t>(id)]; }

std::string_view Fields::get(std::string_view name) const {
  FieldId id = field_id(name);
  if (id != FieldId::other) return get(id);
  if (!has(FieldId::other)) return {};
  for (const Field& field : *this) {
    if (same_name(field, id, name)) return field.value();
  }
  return {};
}

bool Fields::contains(std::string_view name) const {
  FieldId id = field_id(name);
  return std::any_of(begin(), end(), [&](const Field& f) { return same_name(f, id, name); });
}

void Fields::set(FieldId id, std::string_view value) {
  if (!has(id)) return push(id, field_name(id), value);
  bool found = false;
  for (Field& field : *this) {
    if (field.id != id || field.removed()) continue;
    if (found) {
      field.name_size = 0;
    } else {
      replace(field, value);
      found = true;
    }
  }
  if (!found) push(id, field_name(id), value);
}

void Fields::replace(Field& field, std::string_view value) {
  field.value_data = value.data();
  field.value_size = static_cast<uint32_t>(value.size());
  octets_ += value.size();
}

void Fields::set(std::string_view name, std::string_view value) {
  set_first(field_id(name), name, value);
}

void Fields::set_first(FieldId id, std::string_view name, std::string_view value) {
  Field* found = first(id, name);
  if (found == nullptr) {
    push(id, name, value);
    return;
  }
  replace(*found, value);
  remove_all(id, name, found);
}

void Fields::remove(FieldId id) {
  if (!has(id)) return;
  remove_all(id, {}, nullptr);
  present_ &= ~(uint64_t{1} << static_cast<int>(id));
}

void Fields::remove(std::string_view name) {
  FieldId id = field_id(name);
  if (id != FieldId::other) {
    remove(id);
  } else {
    remove_all(id, name, nullptr);
  }
}

void Fields::remove_all(FieldId id, std::string_view name, const Field* keep) {
  for (Field& field : *this) {
    if (&field != keep && same_name(field, id, name)) field.name_size = 0;
  }
}

const Field* Fields::first(FieldId id) const {
  for (const Field& field : *this) {
    if (field.id == id && !field.removed()) return &field;
  }
  return nullptr;
}

Field* Fields::first(FieldId id, std::string_view name) {
  if (!has(id)) return nullptr;
  for (Field& field : *this) {
    if (same_name(field, id, name)) return &field;
  }
  return nullptr;
}

Fields Fields::copy_all() const {
  Fields copy(*arena_);
  for (const Field& field : *this) {
    if (field.removed()) continue;
    copy.push(field.id, arena_->copy(field.name()), arena_->copy(field.value()));
  }
  return copy;
}

void Fields::relocate(ptrdiff_t delta) {
  for (Field& field : *this) {
    field.name_data += delta;
    field.value_data += delta;
  }
}

void Fields::grow() {
  uint32_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
  Field* data = arena_->make_array<Field>(capacity);
  if (size_ != 0) std::memcpy(static_cast<void*>(data), data_, size_ * sizeof(Field));
  data_ = data;
  capacity_ = capacity;
}

bool valid_field_name(std::string_view name) {
  return !name.empty() && name.size() <= 65535 &&
         std::all_of(name.begin(), name.end(), h1::is_token_octet);
}

bool valid_field_value(std::string_view value) {
  return h1::skip_value_octets(value.data(), value.data() + value.size()) ==
         value.data() + value.size();
}

}  // namespace pylon::http

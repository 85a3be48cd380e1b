#include "http/fields.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "base/strings.h"
#include "http/scan.h"

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

// Letters are folded by setting one bit. No two token octets in known names fold to the same one
// but the two cases of a letter, so equality of folded names is equality without regard to case.
constexpr uint8_t fold(char c) { return static_cast<uint8_t>(c) | 0x20; }

template <class Word>
constexpr Word folded_word(const char* octets) {
  Word word = 0;
  if (std::is_constant_evaluated()) {
    for (size_t i = 0; i < sizeof word; i++) word |= Word{fold(octets[i])} << (8 * i);
    return word;
  }
  std::memcpy(&word, octets, sizeof word);
  return word | static_cast<Word>(0x2020202020202020);
}

constexpr size_t kShortest = 4;  // of the names in the table; the few shorter ones are compared

// Without collisions among the known names: the factors were found by trying.
constexpr size_t kSlots = 128;
constexpr size_t slot_of(const char* name, size_t size) {
  uint32_t hash = folded_word<uint32_t>(name) * 0xe534a6f5u +
                  folded_word<uint32_t>(name + size - 4) * 0x5807321du +
                  static_cast<uint32_t>(size) * 0x9e3779b9u;
  return hash >> 25;
}

constexpr std::array<FieldId, kSlots> kSlotTable = [] {
  std::array<FieldId, kSlots> table{};
  for (size_t id = 1; id < kIdCount; id++) {
    std::string_view name = kNames[id];
    if (name.size() < kShortest) continue;
    FieldId& slot = table[slot_of(name.data(), name.size())];
    if (slot != FieldId::other) throw "two names share a slot: find other factors";
    slot = static_cast<FieldId>(id);
  }
  return table;
}();

// Known names folded, one per row, so that whole words can be compared.
struct FoldedName {
  std::array<char, 31> octets{};
  uint8_t size = 0;
};
constexpr std::array<FoldedName, kIdCount> kFolded = [] {
  std::array<FoldedName, kIdCount> table{};
  for (size_t id = 0; id < kIdCount; id++) {
    table[id].size = static_cast<uint8_t>(kNames[id].size());
    for (size_t i = 0; i < kNames[id].size(); i++) {
      table[id].octets[i] = static_cast<char>(fold(kNames[id][i]));
    }
  }
  return table;
}();

// Two words that may overlap cover a text of their size and up to twice as much.
template <class Word>
bool same_words(const char* folded, const char* name, size_t size) {
  Word first, last;
  size_t at = size - sizeof(Word);
  std::memcpy(&first, folded, sizeof first);
  std::memcpy(&last, folded + at, sizeof last);
  return first == folded_word<Word>(name) && last == folded_word<Word>(name + at);
}

bool equals_folded(const char* folded, const char* name, size_t size) {
  if (size < 8) return same_words<uint32_t>(folded, name, size);
  if (size <= 16) return same_words<uint64_t>(folded, name, size);
  return same_words<uint64_t>(folded, name, 16) &&
         same_words<uint64_t>(folded + size - 16, name + size - 16, 16);
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
  if (name.size() < kShortest) {
    if (iequals(name, "te")) return FieldId::te;
    return iequals(name, "via") ? FieldId::via : FieldId::other;
  }
  FieldId id = kSlotTable[slot_of(name.data(), name.size())];
  const FoldedName& known = kFolded[static_cast<size_t>(id)];
  bool same =
      known.size == name.size() && equals_folded(known.octets.data(), name.data(), name.size());
  return same ? id : FieldId::other;
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
  field.whole_line = false;
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
  return !name.empty() && name.size() <= 65535 && span<TokenClass>(name) == name.size();
}

bool valid_field_value(std::string_view value) { return span<ValueClass>(value) == value.size(); }

}  // namespace pylon::http

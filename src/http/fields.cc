#include "http/fields.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "http/field_table.h"
#include "http/scan.h"

namespace pylon::http {
namespace {

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

FieldId field_id(std::string_view name) { return field_table::id_of(name); }

std::string_view field_name(FieldId id) { return field_table::kNames[static_cast<size_t>(id)]; }

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

void Fields::set(FieldId id, std::string_view value) { set_first(id, field_name(id), value); }

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
  if (repeated(id)) remove_all(id, name, found);
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

Field* Fields::moved(const Field* from, uint32_t size, uint32_t capacity, Arena& arena) {
  auto* data = arena.make_array<Field>(capacity);
  if (size != 0) std::memcpy(static_cast<void*>(data), from, size * sizeof(Field));
  return data;
}

bool valid_field_name(std::string_view name) {
  return !name.empty() && name.size() <= 65535 && span<TokenClass>(name) == name.size();
}

bool valid_field_value(std::string_view value) { return span<ValueClass>(value) == value.size(); }

}  // namespace pylon::http

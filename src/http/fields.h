// Fields: the header or trailer fields of one message, in order.
//
// A Field is a pair of views; the octets belong to the message's arena (or, for a few moments, to
// the read buffer they were parsed in). Well-known names carry a FieldId, so that the hot path
// compares integers, never strings. Source: RFC 9110 section 5.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"

namespace pylon::http {

// Names that the gateway itself looks at. At most 64: a set of them is one word.
enum class FieldId : uint8_t {
  other,
  // framing and hop-by-hop
  connection,
  content_length,
  transfer_encoding,
  te,
  trailer,
  upgrade,
  keep_alive,
  proxy_connection,
  proxy_authenticate,
  proxy_authorization,
  http2_settings,
  expect,
  // routing and forwarding
  host,
  x_forwarded_for,
  x_forwarded_proto,
  x_forwarded_host,
  x_forwarded_port,
  x_forwarded_prefix,
  x_real_ip,
  forwarded,
  via,
  max_forwards,
  // representation
  content_type,
  content_encoding,
  content_range,
  content_md5,
  etag,
  last_modified,
  date,
  server,
  location,
  vary,
  cache_control,
  set_cookie,
  www_authenticate,
  // request
  accept,
  accept_encoding,
  accept_language,
  authorization,
  cookie,
  origin,
  range,
  referer,
  user_agent,
  if_none_match,
  if_modified_since,
  x_request_id,
  apikey,
  x_consumer_username,
  x_credential_identifier,
  x_consumer_custom_id,
  sec_websocket_key,
  count_,
};
static_assert(static_cast<int>(FieldId::count_) <= 64);

// The id of a name in any case; FieldId::other for names not listed.
FieldId field_id(std::string_view name);
// The usual spelling, e.g. "Content-Length". Empty for FieldId::other.
std::string_view field_name(FieldId id);

struct Field {
  const char* name_data = nullptr;
  const char* value_data = nullptr;
  uint32_t value_size = 0;
  uint16_t name_size = 0;  // 0: a removed field, skipped everywhere
  FieldId id = FieldId::other;
  bool whole_line = false;  // in memory "name: value CRLF" is one piece

  std::string_view name() const { return {name_data, name_size}; }
  std::string_view value() const { return {value_data, value_size}; }
  bool removed() const { return name_size == 0; }
};

class Fields {
 public:
  explicit Fields(Arena& arena) : arena_(&arena) {}

  // The first value of a field; a view with null data() when absent.
  std::string_view get(FieldId id) const {
    if (!has(id)) return {};
    const Field* field = first(id);
    return field != nullptr ? field->value() : std::string_view{};
  }
  std::string_view get(std::string_view name) const;
  bool has(FieldId id) const { return (present_ >> static_cast<int>(id)) & 1; }
  bool contains(std::string_view name) const;

  // The octets given are not copied: they must live as long as the message. `name` and `value` must
  // be valid field octets (see valid_field_name, valid_field_value).
  void add(FieldId id, std::string_view value) { push(id, field_name(id), value); }
  void add(std::string_view name, std::string_view value) { push(field_id(name), name, value); }
  // Replaces the first, removes the others; adds when absent. Keeps the place and the spelling.
  void set(FieldId id, std::string_view value);
  void set(std::string_view name, std::string_view value);
  void remove(FieldId id);
  void remove(std::string_view name);
  void clear() { size_ = 0, octets_ = 0, present_ = repeated_ = 0; }

  // For parsers, that know the id. `whole_line`: see Field.
  void push(FieldId id, std::string_view name, std::string_view value, bool whole_line = false) {
    if (size_ == capacity_) [[unlikely]] {
      capacity_ = size_ == 0 ? kFirstCapacity : size_ * 2;
      data_ = moved(data_, size_, capacity_, *arena_);
    }
    data_[size_++] = Field{name.data(),
                           value.data(),
                           static_cast<uint32_t>(value.size()),
                           static_cast<uint16_t>(name.size()),
                           id,
                           whole_line};
    uint64_t bit = uint64_t{1} << static_cast<int>(id);
    repeated_ |= present_ & bit;
    present_ |= bit;
    octets_ += line_octets(name.size(), value.size());
  }

  // Another list of the same fields, all octets in the arena.
  Fields copy_all() const;

  // All octets moved by `delta` bytes: the head was copied from the read buffer into the arena.
  void relocate(ptrdiff_t delta);

  // Iterates over all fields, removed ones included: skip those.
  const Field* begin() const { return data_; }
  const Field* end() const { return data_ + size_; }
  Field* begin() { return data_; }
  Field* end() { return data_ + size_; }
  size_t size() const { return size_; }
  uint64_t present() const { return present_; }
  // Whether an id was given more than once, perhaps to fields that have been removed since.
  bool repeated(FieldId id) const { return (repeated_ >> static_cast<int>(id)) & 1; }
  // No fewer octets than all fields take as lines of HTTP/1.
  size_t line_octets() const { return octets_; }
  Arena& arena() const { return *arena_; }

 private:
  static constexpr uint32_t kFirstCapacity = 16;

  const Field* first(FieldId id) const;
  Field* first(FieldId id, std::string_view name);
  void set_first(FieldId id, std::string_view name, std::string_view value);
  void remove_all(FieldId id, std::string_view name, const Field* keep);
  void replace(Field& field, std::string_view value);
  // Not a member, so that a list whose address nobody takes can be kept in registers.
  static Field* moved(const Field* from, uint32_t size, uint32_t capacity, Arena& arena);
  static size_t line_octets(size_t name, size_t value) { return name + value + 4; }

  Arena* arena_;
  Field* data_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
  uint64_t present_ = 0;
  uint64_t repeated_ = 0;
  size_t octets_ = 0;
};

// RFC 9110 5.1: a token of 1..65535 octets.
bool valid_field_name(std::string_view name);
// RFC 9110 5.5: no CR, LF, NUL or other control but HTAB.
bool valid_field_value(std::string_view value);

}  // namespace pylon::http

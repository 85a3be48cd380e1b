#include "http/h2/response_lines.h"

#include <array>
#include <charconv>
#include <string>

#include "base/strings.h"
#include "http/h1/message.h"

namespace pylon::http::h2 {
namespace {

constexpr uint64_t kSkipped = h1::kHopByHop | h1::field_set({FieldId::content_length});
constexpr size_t kIds = static_cast<size_t>(FieldId::count_);

bool has_upper(std::string_view name) {
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') return true;
  }
  return false;
}

}  // namespace

std::string_view lower_name(const Field& field, Arena& arena) {
  static const std::array<std::string, kIds> kKnown = [] {
    std::array<std::string, kIds> names;
    for (size_t id = 0; id < kIds; id++) {
      names[id] = to_lower(field_name(static_cast<FieldId>(id)));
    }
    return names;
  }();
  if (field.id != FieldId::other) return kKnown[static_cast<size_t>(field.id)];
  if (!has_upper(field.name())) return field.name();
  char* lower = arena.bytes(field.name_size);
  for (size_t i = 0; i < field.name_size; i++) lower[i] = to_lower(field.name_data[i]);
  return {lower, field.name_size};
}

ResponseLines::ResponseLines(Arena& arena, const Response& response)
    : arena_(arena), lines_(arena.make_array<FieldLine>(response.fields.size() + 3)) {
  int status = response.status == 101 ? 200 : response.status;
  add(":status", number(static_cast<uint64_t>(status)));
  for (const Field& field : response.fields) {
    if (field.removed() || h1::in_set(kSkipped, field.id)) continue;
    add(lower_name(field, arena), trim(field.value()));
  }
}

void ResponseLines::add_length(int64_t length) {
  add("content-length", number(static_cast<uint64_t>(length)));
}

std::string_view ResponseLines::number(uint64_t value) {
  char* start = arena_.bytes(20);
  return {start, static_cast<size_t>(std::to_chars(start, start + 20, value).ptr - start)};
}

}  // namespace pylon::http::h2

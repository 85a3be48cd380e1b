#include "expr/getters.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace pylon::expr {
namespace {

bool same_name(std::string_view field, std::string_view variable) {
  return std::equal(field.begin(), field.end(), variable.begin(), variable.end(),
                    [](char a, char b) { return (a == '-' ? '_' : to_lower(a)) == b; });
}

}  // namespace

std::string_view number_text(uint64_t number, Arena& arena) {
  constexpr size_t kMaxDigits = 20;
  char digits[kMaxDigits];
  char* end = std::to_chars(digits, digits + kMaxDigits, number).ptr;
  return arena.copy({digits, static_cast<size_t>(end - digits)});
}

std::string_view seconds_text(int64_t microseconds, Arena& arena) {
  int64_t milliseconds = std::max<int64_t>(microseconds, 0) / 1000;
  char text[24];
  char* end = std::to_chars(text, text + 20, milliseconds / 1000).ptr;
  *end++ = '.';
  for (int64_t unit : {100, 10, 1}) {
    *end++ = static_cast<char>('0' + milliseconds / unit % 10);
  }
  return arena.copy({text, static_cast<size_t>(end - text)});
}

std::string_view address_text(const IpAddress& address, Arena& arena) {
  char text[IpAddress::kMaxText];
  return arena.copy(address.to_text(text));
}

std::string_view joined_field(const http::Fields& fields, const Operand& name, Arena& arena) {
  if (name.field != http::FieldId::other && !fields.has(name.field)) return {};
  std::string_view separator = name.field == http::FieldId::cookie ? "; " : ", ";
  std::string_view joined;
  for (const http::Field& field : fields) {
    if (field.removed() || field.id != name.field) continue;
    if (name.field == http::FieldId::other && !same_name(field.name(), name.name)) continue;
    joined = joined.data() == nullptr ? present(field.value())
                                      : arena.join(joined, separator, field.value());
  }
  return joined;
}

}  // namespace pylon::expr

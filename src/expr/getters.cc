#include "expr/getters.h"

#include <algorithm>

#include "base/strings.h"

namespace pylon::expr {
namespace {

bool same_name(std::string_view field, std::string_view variable) {
  return std::equal(field.begin(), field.end(), variable.begin(), variable.end(),
                    [](char a, char b) { return (a == '-' ? '_' : to_lower(a)) == b; });
}

constexpr size_t kMostDigits = 20;

// Its decimal digits, the last one before `end`; where they begin.
char* write_before(char* end, uint64_t number) {
  do {
    *--end = static_cast<char>('0' + number % 10);
  } while ((number /= 10) != 0);
  return end;
}

void write_three(char* to, unsigned number) {
  to[0] = static_cast<char>('0' + number / 100 % 10);
  to[1] = static_cast<char>('0' + number / 10 % 10);
  to[2] = static_cast<char>('0' + number % 10);
}

}  // namespace

std::string_view number_text(uint64_t number, Arena& arena) {
  char* end = arena.bytes(kMostDigits) + kMostDigits;
  char* start = write_before(end, number);
  return {start, static_cast<size_t>(end - start)};
}

std::string_view seconds_text(int64_t microseconds, Arena& arena) {
  constexpr size_t kMost = kMostDigits + 4;
  uint64_t milliseconds = static_cast<uint64_t>(std::max<int64_t>(microseconds, 0)) / 1000;
  char* end = arena.bytes(kMost) + kMost;
  write_three(end - 3, static_cast<unsigned>(milliseconds % 1000));
  end[-4] = '.';
  char* start = write_before(end - 4, milliseconds / 1000);
  return {start, static_cast<size_t>(end - start)};
}

std::string_view three_digits(int number, Arena& arena) {
  char* text = arena.bytes(3);
  write_three(text, static_cast<unsigned>(number));
  return {text, 3};
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

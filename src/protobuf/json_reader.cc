#include "protobuf/json_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "base/strings.h"

namespace pylon::protobuf {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

// "#-0x1F", "#12", "12": how 64-bit integers travel as text.
std::optional<int64_t> signed_of(std::string_view text) {
  if (text.starts_with('#')) text.remove_prefix(1);
  bool negative = text.starts_with('-');
  std::string_view digits = negative ? text.substr(1) : text;
  if (!digits.starts_with("0x") && !digits.starts_with("0X")) return parse_int(text);
  uint64_t value = 0;
  if (digits.size() == 2 || digits.size() > 18) return std::nullopt;
  for (char c : digits.substr(2)) {
    int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<uint64_t>(digit);
  }
  return static_cast<int64_t>(negative ? 0 - value : value);
}

template <class T>
std::optional<T> integer_of(const Json& value) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (value.is_string()) {
    std::string_view text = value.as_string();
    if constexpr (std::is_same_v<T, uint64_t>) {
      if (auto number = parse_uint(text.starts_with('#') ? text.substr(1) : text)) return number;
    }
    std::optional<int64_t> number = signed_of(text);
    if (!number || !std::in_range<T>(*number)) return std::nullopt;
    return static_cast<T>(*number);
  }
  if (value.is_integer()) {
    int64_t number = value.as_int();
    return std::in_range<T>(number) ? std::optional<T>(static_cast<T>(number)) : std::nullopt;
  }
  if (!value.is_number()) return std::nullopt;
  double number = value.as_double();
  if (number != std::trunc(number)) return std::nullopt;
  if constexpr (std::is_same_v<T, uint64_t>) {
    if (number < 0 || number >= 2 * kTwoTo63) return std::nullopt;
  } else {
    if (number < -kTwoTo63 || number >= kTwoTo63) return std::nullopt;
    if (!std::in_range<T>(static_cast<int64_t>(number))) return std::nullopt;
  }
  return static_cast<T>(number);
}

std::optional<double> double_of(const Json& value) {
  if (value.is_number()) return value.as_double();
  if (!value.is_string()) return std::nullopt;
  return parse_double(value.as_string());
}

std::optional<bool> bool_of(const Json& value) {
  if (value.is_bool()) return value.as_bool();
  if (value.is_integer()) return value.as_int() != 0;
  std::string_view text = value.as_string();
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::optional<std::string> text_of(const Json& value) {
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_number()) return value.dump();
  return std::nullopt;
}

std::optional<int> enum_of(const Json& value, const Field& field) {
  if (value.is_string()) {
    const auto* named = field.enum_type()->FindValueByName(std::string(value.as_string()));
    if (named != nullptr) return named->number();
  }
  return integer_of<int32_t>(value);
}

// One message at work.
class Reader {
 public:
  explicit Reader(pb::Message& message)
      : message_(message), reflection_(*message.GetReflection()) {}

  Result<void> read(const Json& value) {
    if (!value.is_object()) return fail("not an object");
    const pb::Descriptor& type = *message_.GetDescriptor();
    for (int i = 0; i < type.field_count(); i++) {
      const Field& field = *type.field(i);
      const Json* given = value.find(field.name());
      if (given == nullptr) given = value.find(field.json_name());
      if (given == nullptr || given->is_null()) continue;
      auto done = field.is_map() ? read_map(*given, field) : read_field(*given, field);
      if (!done) return fail(fmt::format("{}: {}", field.name(), done.error().message));
    }
    return {};
  }

 private:
  Result<void> read_field(const Json& value, const Field& field) {
    if (!field.is_repeated() || !value.is_array()) return read_one(value, field);
    for (const Json& item : value.items()) {
      if (auto done = read_one(item, field); !done) return done;
    }
    return {};
  }

  Result<void> read_map(const Json& value, const Field& field) {
    if (!value.is_object()) return fail("not an object");
    const Field& key = *field.message_type()->map_key();
    const Field& mapped = *field.message_type()->map_value();
    for (const auto& [name, item] : value.members()) {
      Reader entry(*reflection_.AddMessage(&message_, &field));
      if (auto done = entry.read_one(Json(name), key); !done) return done;
      if (auto done = entry.read_one(item, mapped); !done) return done;
    }
    return {};
  }

  template <class T, class Set, class Add>
  Result<void> put(const Field& field, const std::optional<T>& value, Set set, Add add) {
    if (!value) return fail(fmt::format("not a value of type {}", field.type_name()));
    if (field.is_repeated()) {
      (reflection_.*add)(&message_, &field, *value);
    } else {
      (reflection_.*set)(&message_, &field, *value);
    }
    return {};
  }

  Result<void> read_one(const Json& value, const Field& field) {
    using R = pb::Reflection;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_INT32:
        return put(field, integer_of<int32_t>(value), &R::SetInt32, &R::AddInt32);
      case Field::CPPTYPE_INT64:
        return put(field, integer_of<int64_t>(value), &R::SetInt64, &R::AddInt64);
      case Field::CPPTYPE_UINT32:
        return put(field, integer_of<uint32_t>(value), &R::SetUInt32, &R::AddUInt32);
      case Field::CPPTYPE_UINT64:
        return put(field, integer_of<uint64_t>(value), &R::SetUInt64, &R::AddUInt64);
      case Field::CPPTYPE_DOUBLE:
        return put(field, double_of(value), &R::SetDouble, &R::AddDouble);
      case Field::CPPTYPE_FLOAT:
        return put(field, double_of(value), &R::SetFloat, &R::AddFloat);
      case Field::CPPTYPE_BOOL:
        return put(field, bool_of(value), &R::SetBool, &R::AddBool);
      case Field::CPPTYPE_ENUM:
        return put(field, enum_of(value, field), &R::SetEnumValue, &R::AddEnumValue);
      case Field::CPPTYPE_STRING:
        return put(field, text_of(value), &R::SetString, &R::AddString);
      case Field::CPPTYPE_MESSAGE: {
        pb::Message* inner = field.is_repeated() ? reflection_.AddMessage(&message_, &field)
                                                 : reflection_.MutableMessage(&message_, &field);
        return Reader(*inner).read(value);
      }
    }
    return {};
  }

  pb::Message& message_;
  const pb::Reflection& reflection_;
};

}  // namespace

Result<void> read_json(const Json& value, google::protobuf::Message& message) {
  return Reader(message).read(value);
}

}  // namespace pylon::protobuf

#include "protobuf/json_writer.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/strings.h"

namespace pylon::protobuf {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

// lua-protobuf's rule: what a double or 32 bits hold stays a number.
Json wide_integer(bool negative, uint64_t magnitude, const JsonForm& form) {
  uint64_t most = negative ? uint64_t{1} << 31 : std::numeric_limits<uint32_t>::max();
  if (form.int64 == Int64Form::number || magnitude <= most) {
    if (!negative) return Json(magnitude);
    return Json(static_cast<int64_t>(0 - magnitude));
  }
  std::string_view sign = negative ? "-" : "";
  if (form.int64 == Int64Form::text) return Json(fmt::format("#{}{}", sign, magnitude));
  return Json(fmt::format("#{}0x{:X}", sign, magnitude));
}

Json wide_integer(int64_t value, const JsonForm& form) {
  auto bits = static_cast<uint64_t>(value);
  return wide_integer(value < 0, value < 0 ? 0 - bits : bits, form);
}

// JSON has no such numbers.
Json real(double value) {
  if (std::isnan(value)) return Json("NaN");
  if (std::isinf(value)) return Json(value > 0 ? "Infinity" : "-Infinity");
  return Json(value);
}

Json text(const std::string& value) {
  return Json(is_valid_utf8(value) ? value : base64_encode(value));
}

class Writer {
 public:
  Writer(const pb::Message& message, const JsonForm& form)
      : message_(message), reflection_(*message.GetReflection()), form_(form) {}

  Json write() const {
    Json out = Json::object();
    const pb::Descriptor& type = *message_.GetDescriptor();
    bool proto3 = type.file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO3;
    bool defaults =
        form_.defaults == Defaults::all || (form_.defaults == Defaults::by_syntax && proto3);
    for (int i = 0; i < type.field_count(); i++) {
      const Field& field = *type.field(i);
      if (!is_written(field, defaults)) continue;
      if (field.is_map()) {
        out[field.name()] = map(field);
      } else if (field.is_repeated()) {
        out[field.name()] = list(field);
      } else {
        out[field.name()] = one(field);
      }
    }
    return out;
  }

 private:
  bool is_written(const Field& field, bool defaults) const {
    if (field.is_repeated()) return defaults || reflection_.FieldSize(message_, &field) != 0;
    if (reflection_.HasField(message_, &field)) return true;
    bool single = field.real_containing_oneof() == nullptr && !field.has_optional_keyword();
    return defaults && single && field.cpp_type() != Field::CPPTYPE_MESSAGE;
  }

  Json list(const Field& field) const {
    Json items = Json::array();
    int size = reflection_.FieldSize(message_, &field);
    for (int i = 0; i < size; i++) items.push_back(item(field, i));
    return items;
  }

  Json map(const Field& field) const {
    Json members = Json::object();
    int size = reflection_.FieldSize(message_, &field);
    for (int i = 0; i < size; i++) {
      const pb::Message& entry = reflection_.GetRepeatedMessage(message_, &field, i);
      Writer inner(entry, form_);
      Json key = inner.one(*field.message_type()->map_key());
      std::string name = key.is_string() ? std::string(key.as_string()) : key.dump();
      members[name] = inner.one(*field.message_type()->map_value());
    }
    return members;
  }

  Json enumeration(const Field& field, int number) const {
    const auto* named = field.enum_type()->FindValueByNumber(number);
    if (!form_.enum_names || named == nullptr) return Json(number);
    return Json(named->name());
  }

  Json one(const Field& field) const {
    const pb::Reflection& r = reflection_;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_INT32:
        return Json(int64_t{r.GetInt32(message_, &field)});
      case Field::CPPTYPE_INT64:
        return wide_integer(r.GetInt64(message_, &field), form_);
      case Field::CPPTYPE_UINT32:
        return Json(int64_t{r.GetUInt32(message_, &field)});
      case Field::CPPTYPE_UINT64:
        return wide_integer(false, r.GetUInt64(message_, &field), form_);
      case Field::CPPTYPE_DOUBLE:
        return real(r.GetDouble(message_, &field));
      case Field::CPPTYPE_FLOAT:
        return real(static_cast<double>(r.GetFloat(message_, &field)));
      case Field::CPPTYPE_BOOL:
        return Json(r.GetBool(message_, &field));
      case Field::CPPTYPE_ENUM:
        return enumeration(field, r.GetEnumValue(message_, &field));
      case Field::CPPTYPE_STRING:
        return text(r.GetString(message_, &field));
      case Field::CPPTYPE_MESSAGE:
        return Writer(r.GetMessage(message_, &field), form_).write();
    }
    return {};
  }

  Json item(const Field& field, int i) const {
    const pb::Reflection& r = reflection_;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_INT32:
        return Json(int64_t{r.GetRepeatedInt32(message_, &field, i)});
      case Field::CPPTYPE_INT64:
        return wide_integer(r.GetRepeatedInt64(message_, &field, i), form_);
      case Field::CPPTYPE_UINT32:
        return Json(int64_t{r.GetRepeatedUInt32(message_, &field, i)});
      case Field::CPPTYPE_UINT64:
        return wide_integer(false, r.GetRepeatedUInt64(message_, &field, i), form_);
      case Field::CPPTYPE_DOUBLE:
        return real(r.GetRepeatedDouble(message_, &field, i));
      case Field::CPPTYPE_FLOAT:
        return real(static_cast<double>(r.GetRepeatedFloat(message_, &field, i)));
      case Field::CPPTYPE_BOOL:
        return Json(r.GetRepeatedBool(message_, &field, i));
      case Field::CPPTYPE_ENUM:
        return enumeration(field, r.GetRepeatedEnumValue(message_, &field, i));
      case Field::CPPTYPE_STRING:
        return text(r.GetRepeatedString(message_, &field, i));
      case Field::CPPTYPE_MESSAGE:
        return Writer(r.GetRepeatedMessage(message_, &field, i), form_).write();
    }
    return {};
  }

  const pb::Message& message_;
  const pb::Reflection& reflection_;
  const JsonForm& form_;
};

}  // namespace

Json write_json(const google::protobuf::Message& message, const JsonForm& form) {
  return Writer(message, form).write();
}

}  // namespace pylon::protobuf

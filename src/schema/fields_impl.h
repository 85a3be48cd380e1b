// The tables behind fields.h: one TypeInfo per member type, one StructInfo per struct.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "schema/fields.h"

namespace pylon::schema {

// Converts to anything: counts the members of an aggregate.
struct AnyMember {
  template <class T>
  operator T() const {
    std::abort();  // only asked whether it would convert
  }
};

template <class T, size_t... I>
constexpr bool takes_members(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyMember{})...}; };
}
template <class T, size_t Count>
constexpr bool has_members = takes_members<T>(std::make_index_sequence<Count>());

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsBox : std::false_type {};
template <class T>
struct IsBox<std::unique_ptr<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};
template <class T>
struct IsMap<std::vector<std::pair<std::string, T>>> : std::true_type {};

// "number 300 is out of range" for an integer that the member cannot hold.
Result<int64_t> read_integer(const Json& from, int64_t lowest, int64_t highest);

// A string, or an integer in decimal (ids may be either).
std::string text_of(const Json& scalar);

template <class T>
Result<void> read_scalar(const Json& from, void* to) {
  T& target = *static_cast<T*>(to);
  if constexpr (std::is_same_v<T, bool>) {
    target = from.as_bool();
  } else if constexpr (std::is_integral_v<T>) {
    using Limits = std::numeric_limits<T>;
    constexpr auto highest = std::in_range<int64_t>(Limits::max())
                                 ? static_cast<int64_t>(Limits::max())
                                 : std::numeric_limits<int64_t>::max();
    auto value = read_integer(from, static_cast<int64_t>(Limits::min()), highest);
    if (!value) return tl::unexpected(value.error());
    target = static_cast<T>(*value);
  } else if constexpr (std::is_floating_point_v<T>) {
    target = static_cast<T>(from.as_double());
  } else if constexpr (std::is_same_v<T, Json>) {
    target = from;
  } else {
    target = text_of(from);
  }
  return {};
}

template <class T>
Json write_scalar(const void* from) {
  const T& value = *static_cast<const T*>(from);
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    return Json(static_cast<int64_t>(value));
  } else {
    return Json(value);
  }
}

// The place of a word among the names, or an error that quotes it.
Result<size_t> read_enum(const Json& from, const std::string_view* names, size_t count);

template <class T>
constexpr TypeInfo enum_info() {
  constexpr const auto& names = EnumNames<T>::names;
  TypeInfo info{.kind = TypeInfo::Kind::enumeration};
  info.read = [](const Json& from, void* to) -> Result<void> {
    auto index = read_enum(from, std::data(names), std::size(names));
    if (!index) return tl::unexpected(index.error());
    *static_cast<T*>(to) = static_cast<T>(*index);
    return {};
  };
  info.write = [](const void* from) {
    return Json(std::data(names)[static_cast<size_t>(*static_cast<const T*>(from))]);
  };
  info.names = [] { return std::vector<std::string_view>(std::begin(names), std::end(names)); };
  return info;
}

template <class T>
constexpr TypeInfo custom_info() {
  TypeInfo info{.kind = TypeInfo::Kind::custom};
  info.fragment = CustomType<T>::fragment;
  info.read = [](const Json& from, void* to) -> Result<void> {
    auto value = CustomType<T>::read(from);
    if (!value) return tl::unexpected(value.error());
    *static_cast<T*>(to) = std::move(*value);
    return {};
  };
  info.write = [](const void* from) { return CustomType<T>::write(*static_cast<const T*>(from)); };
  if constexpr (requires { CustomType<T>::secret; }) info.secret = CustomType<T>::secret;
  return info;
}

template <class T>
TypeInfo optional_info() {
  using Value = std::remove_cvref_t<decltype(*std::declval<T>())>;
  TypeInfo info{.kind = TypeInfo::Kind::optional};
  info.element = &type_info<Value>();
  info.add = [](void* to, std::string_view) -> void* {
    T& target = *static_cast<T*>(to);
    if constexpr (IsBox<T>::value) {
      target = std::make_unique<Value>();
    } else {
      target.emplace();
    }
    return &*target;
  };
  info.clear = [](void* to) { static_cast<T*>(to)->reset(); };
  info.visit = [](const void* from, void* context, TypeInfo::Visitor visitor) {
    if (const T& value = *static_cast<const T*>(from)) visitor(context, {}, &*value);
  };
  return info;
}

template <class T>
TypeInfo array_info() {
  TypeInfo info{.kind = TypeInfo::Kind::array};
  info.element = &type_info<typename T::value_type>();
  info.add = [](void* to, std::string_view) -> void* {
    return &static_cast<T*>(to)->emplace_back();
  };
  info.clear = [](void* to) { static_cast<T*>(to)->clear(); };
  info.visit = [](const void* from, void* context, TypeInfo::Visitor visitor) {
    for (const auto& item : *static_cast<const T*>(from)) visitor(context, {}, &item);
  };
  return info;
}

template <class T>
TypeInfo map_info() {
  TypeInfo info{.kind = TypeInfo::Kind::map};
  info.element = &type_info<typename T::value_type::second_type>();
  info.add = [](void* to, std::string_view key) -> void* {
    T& map = *static_cast<T*>(to);
    if constexpr (requires { map.try_emplace(std::string()); }) {
      return &map.try_emplace(std::string(key)).first->second;
    } else {
      map.emplace_back().first = key;
      return &map.back().second;
    }
  };
  info.clear = [](void* to) { static_cast<T*>(to)->clear(); };
  info.visit = [](const void* from, void* context, TypeInfo::Visitor visitor) {
    for (const auto& [key, value] : *static_cast<const T*>(from)) visitor(context, key, &value);
  };
  return info;
}

template <class T>
constexpr TypeInfo::Kind scalar_kind() {
  if constexpr (std::is_same_v<T, bool>) {
    return TypeInfo::Kind::boolean;
  } else if constexpr (std::is_integral_v<T>) {
    return TypeInfo::Kind::integer;
  } else if constexpr (std::is_floating_point_v<T>) {
    return TypeInfo::Kind::number;
  } else if constexpr (std::is_same_v<T, Json>) {
    return TypeInfo::Kind::any;
  } else {
    static_assert(std::is_same_v<T, std::string>, "no schema is known for this member's type");
    return TypeInfo::Kind::string;
  }
}

template <class T>
TypeInfo make_type_info() {
  if constexpr (IsOptional<T>::value || IsBox<T>::value) {
    return optional_info<T>();
  } else if constexpr (IsMap<T>::value) {
    return map_info<T>();
  } else if constexpr (IsVector<T>::value) {
    return array_info<T>();
  } else if constexpr (Custom<T>) {
    return custom_info<T>();
  } else if constexpr (std::is_enum_v<T>) {
    return enum_info<T>();
  } else if constexpr (Described<T>) {
    TypeInfo info{.kind = TypeInfo::Kind::structure};
    info.structure = &struct_info<T>;
    return info;
  } else {
    TypeInfo info{.kind = scalar_kind<T>()};
    info.read = &read_scalar<T>;
    info.write = &write_scalar<T>;
    return info;
  }
}

template <class T>
const TypeInfo& type_info() {
  static const TypeInfo info = make_type_info<T>();
  return info;
}

template <class T, size_t I>
FieldInfo field_info() {
  const auto& declared = std::get<I>(T::fields);
  FieldInfo info{declared.name, declared.manual, nullptr, nullptr, declared.rules};
  if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(declared)>, IgnoredField>) {
    info.type = &type_info<std::remove_cvref_t<decltype(std::declval<T>().*declared.member)>>();
    info.place = [](void* object) -> void* {
      return &(static_cast<T*>(object)->*std::get<I>(T::fields).member);
    };
  }
  return info;
}

// How many of the fields have a member.
template <class T>
constexpr size_t member_count() {
  return std::apply(
      [](const auto&... each) {
        return (size_t{0} + ... +
                (std::is_same_v<std::remove_cvref_t<decltype(each)>, IgnoredField> ? 0 : 1));
      },
      T::fields);
}

template <class T>
std::vector<CrossRule> cross_rules() {
  if constexpr (!requires { T::rules; }) {
    return {};
  } else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(T::rules)>, CrossRule>) {
    return {T::rules};
  } else {
    return std::apply([](const auto&... each) { return std::vector<CrossRule>{each...}; },
                      T::rules);
  }
}

template <class T>
constexpr bool names_differ() {
  return std::apply(
      [](const auto&... each) {
        std::array<std::string_view, sizeof...(each)> names{each.name...};
        for (size_t i = 0; i < names.size(); ++i) {
          for (size_t j = 0; j < i; ++j) {
            if (names[i] == names[j]) return false;
          }
        }
        return true;
      },
      T::fields);
}

template <class T, size_t... I>
StructInfo make_struct_info(std::index_sequence<I...>) {
  static const T defaults{};
  StructInfo info{.fields = {}, .rules = cross_rules<T>(), .defaults = &defaults, .closed = false};
  info.fields.reserve(sizeof...(I));
  (info.fields.push_back(field_info<T, I>()), ...);
  if constexpr (requires { T::closed; }) info.closed = T::closed;
  return info;
}

template <class T>
const StructInfo& struct_info() {
  constexpr size_t count = std::tuple_size_v<std::remove_cvref_t<decltype(T::fields)>>;
  constexpr size_t members = member_count<T>();
  static_assert(has_members<T, members> && !has_members<T, members + 1>,
                "each member of the struct must appear in `fields`");
  static_assert(names_differ<T>(), "two fields have the same name");
  static const StructInfo info = make_struct_info<T>(std::make_index_sequence<count>());
  return info;
}

}  // namespace pylon::schema

#include "config/common.h"

#include <fmt/format.h>

#include <iterator>

namespace pylon::config {

std::optional<Method> MethodSet::method_of(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Method>(i);
  }
  return std::nullopt;
}

}  // namespace pylon::config

namespace pylon::schema {

using config::MethodSet;

Result<MethodSet> CustomType<MethodSet>::read(const Json& from) {
  MethodSet methods;
  for (const Json& name : from.items()) {
    auto method = MethodSet::method_of(name.as_string());
    if (!method) return fail(fmt::format("unknown method {}", name.dump()));
    methods.add(*method);
  }
  return methods;
}

Json CustomType<MethodSet>::write(const MethodSet& value) {
  Json names = Json::array();
  for (size_t i = 0; i < std::size(MethodSet::kNames); ++i) {
    if (value.contains(static_cast<config::Method>(i))) names.push_back(Json(MethodSet::kNames[i]));
  }
  return names;
}

}  // namespace pylon::schema

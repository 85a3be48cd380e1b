#include "schema/value_types.h"

namespace pylon::schema {

Result<Cidr> CustomType<Cidr>::read(const Json& from) {
  auto block = Cidr::parse(from.as_string());
  if (!block) return fail("invalid ip address: " + std::string(from.as_string()));
  return *block;
}

Json CustomType<Cidr>::write(const Cidr& value) { return Json(value.to_string()); }

Result<Secret> CustomType<Secret>::read(const Json& from) { return Secret(from.as_string()); }

Json CustomType<Secret>::write(const Secret& value) { return Json(value.expose()); }

Result<Regex> CustomType<Regex>::read(const Json& from) { return Regex::compile(from.as_string()); }

Json CustomType<Regex>::write(const Regex& value) { return Json(value.pattern()); }

}  // namespace pylon::schema

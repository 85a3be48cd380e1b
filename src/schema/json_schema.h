// JsonSchema: a compiled JSON Schema document that validates and fills defaults.
//
// Behaves as api7/jsonschema does inside APISIX, with its message texts: the first violation is
// told, `default`s of absent properties are written into the instance while it is validated (also
// in branches of anyOf/oneOf that fail later), an empty object passes as an empty array and the
// other way round, and a string that refers to a secret ("$secret://...", "$ENV://...") passes
// wherever a string may stand. Properties are checked in the order of the schema (the original's
// order is that of a Lua table). Immutable after compile(); any thread may validate.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace pylon::schema {

struct CompiledSchema;

class JsonSchema {
 public:
  static constexpr size_t kMaxDepth = 64;  // of the schema and of a validation

  // The error says what is wrong with the schema itself: unknown type, bad pattern, lost $ref.
  static Result<JsonSchema> compile(Json document);

  JsonSchema(JsonSchema&&) noexcept;
  JsonSchema& operator=(JsonSchema&&) noexcept;
  ~JsonSchema();

  // Nothing when the instance is valid, else what is wrong with it. Fills defaults either way.
  std::optional<std::string> validate(Json& instance) const;

  const Json& document() const;

 private:
  explicit JsonSchema(std::unique_ptr<CompiledSchema> compiled);

  std::unique_ptr<CompiledSchema> compiled_;
};

// "$secret://..." or "$env://..." in any case: resolved when it is used, so no limit applies to it.
bool is_secret_reference(std::string_view text);

// What Lua, and so APISIX's messages, call the type: string, number, boolean, table, userdata
// (null).
std::string_view lua_type_of(const Json& value);

}  // namespace pylon::schema

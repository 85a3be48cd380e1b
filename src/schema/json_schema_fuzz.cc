// The input is two JSON documents with a line feed between: a schema and an instance.
#include "schema/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  auto schema = pylon::Json::parse(text.substr(0, end));
  auto instance = pylon::Json::parse(text.substr(end + 1));
  if (!schema || !instance) return 0;
  auto compiled = pylon::schema::JsonSchema::compile(std::move(*schema));
  if (compiled) compiled->validate(*instance);
  return 0;
}

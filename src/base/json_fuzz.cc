// What parses must dump to what parses to the same value.
#include <cstdlib>

#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto json = pylon::Json::parse({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  auto again = pylon::Json::parse(json->dump());
  if (!again || !(*again == *json)) std::abort();
  auto pretty = pylon::Json::parse(json->dump_pretty());
  if (!pretty || pretty->dump_sorted() != json->dump_sorted()) std::abort();
  return 0;
}

// A line with a JSONPath, then a JSON value.
#include <cstdlib>

#include "expr/json_path.h"

using namespace pylon;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t end = text.find('\n');
  if (end == text.npos) return 0;
  auto root = Json::parse(text.substr(end + 1));
  if (!root) return 0;
  std::string_view path = text.substr(0, end);
  const Json all = expr::find_all(*root, path);
  if (all.items().size() > expr::kMaxFound) std::abort();
  if (!all.is_null() && !all.is_array()) std::abort();
  expr::find_dotted(*root, path);
  return 0;
}

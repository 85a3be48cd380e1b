// GraphQL documents: what is found lies within the text.
#include <cstdlib>
#include <vector>

#include "expr/graphql.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<char> exact(data, data + size);  // so that a read past the end is seen
  std::string_view text(exact.data(), exact.size());
  auto found = pylon::expr::parse_graphql(text);
  if (!found) return 0;
  std::less_equal<const char*> before;
  for (std::string_view field : found->root_fields) {
    bool inside = before(text.data(), field.data()) &&
                  before(field.data() + field.size(), text.data() + text.size());
    if (!inside || field.empty()) std::abort();
  }
  return 0;
}

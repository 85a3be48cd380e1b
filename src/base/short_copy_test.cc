#include "base/short_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pylon {
namespace {

// Source and destination are as large as the text: AddressSanitizer sees every octet beside them.
TEST(ShortCopy, TextsOfEverySizeArriveWholeAndAlone) {
  for (size_t size = 0; size <= 100; size++) {
    std::vector<char> from(size);
    for (size_t i = 0; i < size; i++) from[i] = static_cast<char>('!' + i);
    std::vector<char> to(size);
    EXPECT_EQ(copy_short(to.data(), {from.data(), size}), to.data() + size);
    EXPECT_EQ(to, from) << size;
    std::string framed(size + 2, '-');
    copy_short(framed.data() + 1, {from.data(), size});
    EXPECT_EQ(framed.front(), '-') << size;
    EXPECT_EQ(framed.back(), '-') << size;
    EXPECT_TRUE(std::equal(from.begin(), from.end(), framed.begin() + 1)) << size;
  }
}

}  // namespace
}  // namespace pylon

#include "base/octet_reader.h"

#include <gtest/gtest.h>

namespace pylon {
namespace {

using namespace std::literals;

TEST(OctetReader, TakesNumbersAndPartsOffTheFront) {
  OctetReader reader("\x01\x02\x03\x00\x02hirest"sv);
  EXPECT_EQ(reader.number(1), 1u);
  EXPECT_EQ(reader.number(2), 0x0203u);
  EXPECT_EQ(reader.vector(2), "hi");
  EXPECT_EQ(reader.rest(), "rest");
  EXPECT_EQ(reader.take(4), "rest");
  EXPECT_TRUE(reader.empty());
  EXPECT_FALSE(reader.failed());
}

TEST(OctetReader, StaysFailedOnceSomethingIsMissing) {
  OctetReader reader("\x00\x05hi"sv);
  EXPECT_EQ(reader.vector(2), "");
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.number(1), 0u);
  EXPECT_EQ(reader.take(0), "");
  EXPECT_TRUE(reader.failed());
}

}  // namespace
}  // namespace pylon

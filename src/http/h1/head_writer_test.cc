#include "http/h1/head_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "http/h1/parser.h"

namespace pylon::http::h1 {
namespace {

TEST(HeadWriter, NumbersOfEveryCountOfDigits) {
  uint64_t power = 1;
  for (int digits = 1; digits <= 20; digits++) {
    for (uint64_t value : {power - 1, power, power + 1, power * 2 - 1}) {
      HeadWriter head(32);
      EXPECT_EQ(head.number(value).written(), std::to_string(value));
    }
    if (digits < 20) power *= 10;
  }
  HeadWriter head(32);
  EXPECT_EQ(head.number(std::numeric_limits<uint64_t>::max()).written(), "18446744073709551615");
}

TEST(HeadWriter, FieldsAreWrittenAsReceivedOrAsChanged) {
  std::string text =
      "GET / HTTP/1.1\r\nHost: a\r\nA:1\r\nB: 2 \r\nC: 3\r\nD: 4\r\nE_E: 5\r\nTE: x\r\nF:\r\n\r\n";
  Arena arena;
  Request request(arena);
  ASSERT_EQ(parse_request_head(text, {}, request).state, Parse::complete);
  request.fields.set("C", "three");
  request.fields.remove("D");
  request.fields.add("G", "6");
  HeadWriter head(1024);
  head.fields(request.fields, uint64_t{1} << static_cast<int>(FieldId::te));
  EXPECT_EQ(head.written(), "Host: a\r\nA: 1\r\nB: 2\r\nC: three\r\nE_E: 5\r\nF: \r\nG: 6\r\n");
}

}  // namespace
}  // namespace pylon::http::h1

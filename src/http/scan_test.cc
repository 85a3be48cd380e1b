#include "http/scan.h"

#include <gtest/gtest.h>

#include <string>

namespace pylon::http {
namespace {

// Every octet at every place of texts of every length around the width of the machine's scan, found
// from every place before it, with and without octets in front that may be read too.
template <class Class>
void expect_each_octet_judged(char inside) {
  for (int value = 0; value < 256; value++) {
    char octet = static_cast<char>(value);
    for (size_t length = 1; length <= 34; length++) {
      for (size_t place : {size_t{0}, length / 2, length - 1}) {
        std::string text(length, inside);
        text[place] = octet;
        const char* start = text.data();
        const char* end = start + length;
        for (const char* at : {start, start + place}) {
          const char* expected = Class::has(octet) ? end : start + place;
          ASSERT_EQ(skip<Class>(at, end, start), expected) << value << " in " << length;
          ASSERT_EQ(skip<Class>(at, end, at), expected) << value << " in " << length;
        }
        ASSERT_EQ(count_outside<Class>({start, length}), Class::has(octet) ? 0u : 1u);
      }
    }
  }
}

TEST(Scan, TokensValuesAndTargetsEndAtTheFirstOctetOutside) {
  expect_each_octet_judged<TokenClass>('x');
  expect_each_octet_judged<ValueClass>(' ');
  expect_each_octet_judged<TargetClass>('/');
}

TEST(Scan, WhatLiesInFrontIsNotJudged) {
  std::string text = "0123456789abcdefghij";
  text[6] = '\0';
  text[7] = '\r';
  const char* start = text.data();
  const char* end = start + text.size();
  EXPECT_EQ(skip<ValueClass>(start, end, start), start + 6);
  EXPECT_EQ(skip<ValueClass>(start + 8, end, start), end);
  EXPECT_EQ(skip<TokenClass>(start + 8, end, start), end);
}

TEST(Scan, EachOctetOutsideIsCountedOnce) {
  for (size_t size = 0; size <= 70; ++size) {
    for (size_t outside = 0; outside <= size; ++outside) {
      std::string text = std::string(size - outside, 'x') + std::string(outside, '\n');
      ASSERT_EQ(count_outside<ValueClass>(text), outside) << size;
    }
  }
}

TEST(Scan, NothingIsReadOfAnEmptyText) {
  EXPECT_EQ(span<TokenClass>({}), 0u);
  EXPECT_EQ(count_outside<ValueClass>({}), 0u);
  EXPECT_EQ(span<ValueClass>("plain text"), 10u);
}

}  // namespace
}  // namespace pylon::http

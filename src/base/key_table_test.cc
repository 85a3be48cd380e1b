#include "base/key_table.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace pylon {
namespace {

using Table = KeyTable<int64_t>;

std::map<std::string, int64_t> content(const Table& table) {
  std::map<std::string, int64_t> all;
  table.for_each([&](std::string_view key, int64_t value) { all.emplace(key, value); });
  return all;
}

TEST(KeyTable, KeepsOneValuePerKey) {
  Table table;
  EXPECT_EQ(table.find("a"), nullptr);
  auto [value, fresh] = table.try_emplace("a", 1);
  EXPECT_TRUE(fresh);
  EXPECT_FALSE(table.try_emplace("a", 2).second);
  *value = 3;
  EXPECT_EQ(*table.find("a"), 3);
  EXPECT_TRUE(table.erase("a"));
  EXPECT_FALSE(table.erase("a"));
  EXPECT_EQ(table.size(), 0u);
}

TEST(KeyTable, TakesAnyTextForAKey) {
  Table table;
  std::string long_key(10'000, 'k');
  table.try_emplace("", 1);
  table.try_emplace(std::string_view("\0", 1), 2);
  table.try_emplace(long_key, 3);
  EXPECT_EQ(*table.find(""), 1);
  EXPECT_EQ(*table.find(std::string_view("\0", 1)), 2);
  EXPECT_EQ(*table.find(long_key), 3);
}

// Against a map, through all that moves entries about.
TEST(KeyTable, IsAMap) {
  Table table;
  std::map<std::string, int64_t> model;
  uint64_t state = 7;
  for (int64_t step = 0; step < 60'000; ++step) {
    state = state * 6364136223846793005 + 1442695040888963407;
    std::string key = "/" + std::to_string(state >> 33 & 0x3fff);
    if ((state >> 60) < 9) {
      EXPECT_EQ(table.try_emplace(key, step).second, model.emplace(key, step).second);
    } else {
      EXPECT_EQ(table.erase(key), model.erase(key) == 1);
    }
  }
  EXPECT_EQ(table.size(), model.size());
  EXPECT_EQ(content(table), model);
  for (const auto& [key, value] : model) {
    ASSERT_NE(table.find(key), nullptr);
    EXPECT_EQ(*table.find(key), value);
  }
}

TEST(KeyTable, IsGoneThroughPartByPart) {
  Table table;
  for (int64_t i = 0; i < 5'000; ++i) table.try_emplace(std::to_string(i), 0);
  for (size_t part = 0; part < Table::kParts; ++part) {
    table.for_each_in(part, [](std::string_view, int64_t& seen) { ++seen; });
    table.try_emplace("new " + std::to_string(part), 1);
    table.erase(std::to_string(part));
  }
  for (const auto& [key, seen] : content(table)) EXPECT_LE(seen, 2) << key;
  EXPECT_EQ(*table.find("4999"), 1);
  size_t left = table.size();
  for (size_t part = 0; part < Table::kParts; ++part) {
    table.clear_in(part);
    EXPECT_LE(table.size(), left);
    left = table.size();
  }
  EXPECT_EQ(left, 0u);
  EXPECT_TRUE(table.try_emplace("4999", 3).second);
}

TEST(KeyTable, Moves) {
  Table table;
  table.try_emplace("a", 1);
  Table other = std::move(table);
  EXPECT_EQ(*other.find("a"), 1);
  table = Table();
  EXPECT_EQ(table.find("a"), nullptr);
  other = std::move(table);
  EXPECT_EQ(other.find("a"), nullptr);
}

}  // namespace
}  // namespace pylon

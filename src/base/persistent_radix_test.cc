#include "base/persistent_radix.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace pylon {
namespace {

struct Item : RefCounted {
  explicit Item(int v, int* count = nullptr) : value(v), alive(count) {
    if (alive != nullptr) ++*alive;
  }
  ~Item() {
    if (alive != nullptr) --*alive;
  }
  int value;
  int* alive;
};

using Tree = PersistentRadix<Item>;
using Model = std::map<std::string, int>;

Ref<const Item> item(int value) { return make_ref<const Item>(value); }

std::vector<int> prefixes_of(const Tree& tree, std::string_view key) {
  std::vector<int> values;
  tree.visit_prefixes_longest_first(key, [&](const Item& found, size_t length) {
    EXPECT_LE(length, key.size());
    values.push_back(found.value);
    return false;
  });
  return values;
}

std::vector<int> prefixes_of(const Model& model, const std::string& key) {
  std::vector<int> values;
  for (size_t length = key.size() + 1; length-- > 0;) {
    auto found = model.find(key.substr(0, length));
    if (found != model.end()) values.push_back(found->second);
  }
  return values;
}

void expect_same(const Tree& tree, const Model& model) {
  ASSERT_EQ(tree.size(), model.size());
  std::vector<std::pair<std::string, int>> seen;
  tree.for_each(
      [&](std::string_view key, const Item& each) { seen.emplace_back(key, each.value); });
  EXPECT_EQ(seen, (std::vector<std::pair<std::string, int>>(model.begin(), model.end())));
  for (const auto& [key, value] : model) {
    const Item* found = tree.find_exact(key);
    ASSERT_NE(found, nullptr) << key;
    EXPECT_EQ(found->value, value);
    EXPECT_EQ(tree.find_exact(key + "?"), model.contains(key + "?") ? found : nullptr);
  }
}

std::string random_key(std::mt19937& random, std::string_view alphabet, size_t longest) {
  std::string key(random() % (longest + 1), ' ');
  for (char& c : key) c = alphabet[random() % alphabet.size()];
  return key;
}

void random_walk(uint32_t seed, std::string_view alphabet, size_t longest, int steps) {
  std::mt19937 random(seed);
  Tree tree;
  Model model;
  std::vector<std::pair<Tree, Model>> versions;
  for (int step = 0; step < steps; ++step) {
    std::string key = random_key(random, alphabet, longest);
    if (random() % 3 != 0) {
      tree = tree.insert(key, item(step));
      model[key] = step;
    } else {
      tree = tree.erase(key);
      model.erase(key);
    }
    std::string probe = random_key(random, alphabet, longest + 2);
    EXPECT_EQ(prefixes_of(tree, probe), prefixes_of(model, probe)) << probe;
    if (step % (steps / 8) == 0) versions.emplace_back(tree, model);
  }
  expect_same(tree, model);
  for (const auto& [old, expected] : versions) expect_same(old, expected);
}

TEST(PersistentRadix, BehavesAsAMapInEveryVersion) {
  random_walk(1, "ab", 8, 3000);
  random_walk(2, "abcdefgh/", 20, 4000);
  random_walk(3, std::string_view("\x00\xff\x7f\x80", 4), 6, 2000);
}

TEST(PersistentRadix, VisitsMorePrefixesThanItRemembers) {
  Tree tree;
  Model model;
  auto edit = tree.edit();
  for (int length = 0; length <= 200; ++length) {
    edit.insert(std::string(length, 'a'), item(length));
    model[std::string(length, 'a')] = length;
  }
  tree = std::move(edit).commit();
  EXPECT_EQ(prefixes_of(tree, std::string(300, 'a')), prefixes_of(model, std::string(300, 'a')));
  EXPECT_EQ(prefixes_of(tree, std::string(70, 'a')), prefixes_of(model, std::string(70, 'a')));
  int visited = 0;
  EXPECT_TRUE(tree.visit_prefixes_longest_first(
      std::string(199, 'a'),
      [&](const Item& found, size_t) { return ++visited, found.value == 150; }));
  EXPECT_EQ(visited, 50);
}

TEST(PersistentRadix, AnEditLeavesTheOldVersionAlone) {
  Tree first = Tree().insert("/a/b", item(1)).insert("/a/c", item(2));
  auto edit = first.edit();
  edit.insert("/a", item(3));
  EXPECT_TRUE(edit.erase("/a/b"));
  EXPECT_FALSE(edit.erase("/a/b"));
  EXPECT_FALSE(edit.erase("/a/"));
  Tree second = std::move(edit).commit();
  EXPECT_EQ(prefixes_of(first, "/a/b/x"), std::vector<int>{1});
  EXPECT_EQ(prefixes_of(second, "/a/b/x"), std::vector<int>{3});
  EXPECT_EQ(prefixes_of(second, "/a/c"), (std::vector<int>{2, 3}));
}

TEST(PersistentRadix, FreesWhatNobodyShares) {
  int alive = 0;
  Tree kept;
  {
    Tree tree;
    for (int i = 0; i < 300; ++i) {
      tree = tree.insert("/api/v1/" + std::to_string(i), make_ref<const Item>(i, &alive));
    }
    kept = tree;
    tree = tree.insert("/api/v1/7", make_ref<const Item>(7, &alive));
    tree = tree.erase("/api/v1/8");
    EXPECT_EQ(alive, 301);
  }
  EXPECT_EQ(alive, 300);
  kept = kept.erase("/api/v1/1");
  EXPECT_EQ(alive, 299);
  kept = Tree();
  EXPECT_EQ(alive, 0);
}

TEST(PersistentRadix, DropsAVeryDeepTree) {
  Tree tree;
  auto edit = tree.edit();
  for (size_t length = 1; length < 5000; ++length) edit.insert(std::string(length, 'x'), item(1));
  tree = std::move(edit).commit();
  EXPECT_EQ(tree.size(), 4999u);
  tree = tree.insert("y", item(2));
  tree = Tree();
  EXPECT_TRUE(tree.empty());
}

TEST(PersistentRadix, HundredThousandLongPathsAreSmall) {
  Tree tree;
  auto edit = tree.edit();
  Ref<const Item> shared = item(0);
  for (int i = 0; i < 100'000; ++i) {
    edit.insert("/tenants/" + std::to_string(i % 1000) + "/projects/project-" + std::to_string(i) +
                    "/environments/production/services/list",
                shared);
  }
  tree = std::move(edit).commit();
  EXPECT_EQ(tree.size(), 100'000u);
  EXPECT_LT(tree.bytes(), size_t{20} << 20);
}

}  // namespace
}  // namespace pylon

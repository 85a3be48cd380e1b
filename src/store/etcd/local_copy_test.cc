// The local copy, as a file and with its writer.
#include "store/etcd/local_copy.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "net/loop.h"
#include "store/pump.h"

namespace pylon::store::etcd {
namespace {

using Entries = std::vector<Entry>;

class LocalCopyTest : public testing::Test {
 protected:
  LocalCopyTest() {
    char name[] = "/tmp/pylon-copy-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/data/etcd.copy";
  }
  ~LocalCopyTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<CopyDatabase> open(std::string_view prefix = "/p/") {
    auto opened = CopyDatabase::open(path_, prefix);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  // key -> value@create.mod, as it was read
  using Content = std::map<std::string, std::string>;
  static Content content(CopyDatabase& copy) {
    Content found;
    auto read = copy.read([&](const Entry& entry) {
      found[entry.key] = entry.value + "@" + std::to_string(entry.create_revision) + "." +
                         std::to_string(entry.mod_revision);
    });
    EXPECT_TRUE(read) << read.error().message;
    return found;
  }
  static void give(CopyDatabase& copy, const Entries& entries, int64_t revision) {
    ASSERT_TRUE(copy.begin_pages());
    ASSERT_TRUE(copy.put_page(entries, ""));
    ASSERT_TRUE(copy.end_pages({7, revision, 1}));
  }
  void damage(std::string_view what, std::string_view with) {
    std::ifstream in(path_, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    size_t at = text.find(what);
    ASSERT_NE(at, text.npos);
    text.replace(at, what.size(), with);
    std::ofstream(path_, std::ios::binary) << text;
  }

  std::string folder_;
  std::string path_;
  net::Loop loop_;
  const LocalCopy::Show ignore_ = [](const Entries&) {};
};

ChangeSet put(int64_t revision, std::string key, std::string value, int64_t created) {
  return {revision, {{{std::move(key), std::move(value), created, revision}, false}}};
}
ChangeSet gone(int64_t revision, std::string key) {
  return {revision, {{{std::move(key), "", 0, revision}, true}}};
}

TEST_F(LocalCopyTest, HoldsWhatItWasGiven) {
  std::string odd = "\n \0'\xff";
  odd += '\0';
  Entries all = {{"/p/\n'", odd, 3, 4}, {"/p/a", "", 2, 2}};
  give(*open(), all, 12);
  auto copy = open();
  EXPECT_TRUE(copy->filled());
  EXPECT_EQ(content(*copy), (Content{{"/p/\n'", odd + "@3.4"}, {"/p/a", "@2.2"}}));
  auto head = copy->read([](Entry) {});
  EXPECT_EQ(head->cluster_id, 7u);
  EXPECT_EQ(head->revision, 12);
  EXPECT_EQ(head->saved_s, 1);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(LocalCopyTest, FollowsChangesAndNewPages) {
  auto copy = open();
  std::vector<ChangeSet> early = {put(3, "/p/x", "0", 3)};
  ASSERT_TRUE(copy->apply(early, 1));
  EXPECT_FALSE(copy->filled()) << "changes to nothing are no configuration";
  give(*copy, {{"/p/a", "1", 2, 2}, {"/p/b", "1", 3, 3}, {"/p/d", "1", 4, 4}}, 4);
  std::vector<ChangeSet> sets = {put(4, "/p/a", "old", 2), put(5, "/p/a", "2", 2), gone(6, "/p/b"),
                                 put(7, "/p/c", "3", 7), gone(8, "/p/none")};
  ASSERT_TRUE(copy->apply(sets, 2));
  Content after{{"/p/a", "2@2.5"}, {"/p/c", "3@7.7"}, {"/p/d", "1@4.4"}};
  EXPECT_EQ(content(*copy), after);
  EXPECT_EQ(copy->read([](Entry) {})->revision, 8);

  ASSERT_TRUE(copy->begin_pages());
  ASSERT_TRUE(copy->put_page({{"/p/a", "2", 2, 5}, {"/p/b", "9", 9, 9}}, "/p/c"));
  ASSERT_TRUE(copy->put_page({}, "/p/d"));
  copy->abandon();
  EXPECT_EQ(content(*copy), after);

  ASSERT_TRUE(copy->begin_pages());
  ASSERT_TRUE(copy->put_page({{"/p/a", "2", 2, 5}, {"/p/b", "9", 9, 9}}, "/p/c"));
  ASSERT_TRUE(copy->put_page({}, "/p/d"));
  ASSERT_TRUE(copy->put_page({{"/p/d", "other", 4, 4}, {"/p/e", "5", 10, 10}}, ""));
  ASSERT_TRUE(copy->end_pages({8, 10, 3}));
  after = {{"/p/a", "2@2.5"}, {"/p/b", "9@9.9"}, {"/p/d", "other@4.4"}, {"/p/e", "5@10.10"}};
  EXPECT_EQ(content(*copy), after);
  EXPECT_EQ(content(*open()), after);
}

TEST_F(LocalCopyTest, IsRefusedWhenItIsDamagedOrAnothers) {
  give(*open(), {{"/p/a", "the value", 2, 2}}, 4);
  EXPECT_EQ(CopyDatabase::open(path_, "/q/").error().message, "it is of keys with another prefix");
  damage("the value", "the other");
  auto read = open()->read([](Entry) {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "it is damaged: its digest does not fit");
  damage("SQLite format", "Something els");
  EXPECT_FALSE(CopyDatabase::open(path_, "/p/"));
  CopyDatabase::remove(path_);
  EXPECT_FALSE(open()->filled());
}

TEST_F(LocalCopyTest, WritesWhileNobodyWaits) {
  Pump pump;
  pump.turn_with([this] { loop_.turn(1); });
  LocalCopy copy(path_, "/p/", loop_);
  auto none = pump.run(copy.read(ignore_));
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_TRUE(copy.behind());
  copy.add(put(2, "/p/lost", "1", 2));
  LocalCopy::Giving replaced = copy.begin_pages();
  LocalCopy::Giving giving = copy.begin_pages();
  copy.add_page(replaced, {{"/p/0", "1", 2, 2}}, "");
  copy.abandon_pages(replaced);
  copy.add_page(giving, {{"/p/a", "1", 2, 2}}, "");
  copy.add(put(6, "/p/b", "2", 6));  // while it is given
  copy.save(1);
  copy.end_pages(giving, {7, 5, 1});
  EXPECT_FALSE(copy.behind());
  copy.save(2);
  copy.close(3);
  copy.add(put(7, "/p/c", "2", 7));
  EXPECT_EQ(content(*open()), (Content{{"/p/a", "1@2.2"}, {"/p/b", "2@6.6"}}));

  copy.reopen();
  copy.add(gone(8, "/p/a"));
  copy.save(4);
  auto read = pump.run(copy.read(ignore_));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->head.revision, 8);
  EXPECT_EQ((*read)->entries.size(), 1u);
}

TEST_F(LocalCopyTest, ShowsWhatItReadsPageByPage) {
  Entries all;
  for (int i = 10'000; i < 20'000; ++i) all.push_back({"/p/" + std::to_string(i), "1", i, i});
  give(*open(), all, 20'000);
  Pump pump;
  pump.turn_with([this] { loop_.turn(1); });
  LocalCopy copy(path_, "/p/", loop_);
  size_t pages = 0;
  Entries shown;
  auto show = [&](const Entries& page) {
    ++pages;
    shown.insert(shown.end(), page.begin(), page.end());
  };
  auto read = pump.run(copy.read(show));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ(pages, 3u);
  ASSERT_EQ(shown.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(shown[i].key, all[i].key);
    EXPECT_EQ((*read)->entries[i].key, all[i].key);
  }
}

TEST_F(LocalCopyTest, IsMadeAnewInThePlaceOfADamagedOne) {
  Pump pump;
  pump.turn_with([this] { loop_.turn(1); });
  std::filesystem::create_directories(folder_ + "/data");
  std::ofstream(path_) << std::string(5'000, 'x');
  LocalCopy copy(path_, "/p/", loop_);
  EXPECT_FALSE(pump.run(copy.read(ignore_)));
  EXPECT_TRUE(copy.behind());
  LocalCopy::Giving giving = copy.begin_pages();
  copy.add_page(giving, {{"/p/a", "1", 2, 2}}, "");
  copy.end_pages(giving, {7, 5, 1});
  auto read = pump.run(copy.read(ignore_));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->entries.size(), 1u);
}

TEST_F(LocalCopyTest, FallsBehindWhenItCannotBeWritten) {
  Pump pump;
  pump.turn_with([this] { loop_.turn(1); });
  std::filesystem::create_directories(path_);  // a folder in its place
  LocalCopy copy(path_, "/p/", loop_);
  LocalCopy::Giving giving = copy.begin_pages();
  copy.add_page(giving, {{"/p/a", "1", 2, 2}}, "");
  copy.end_pages(giving, {7, 5, 1});
  pump.run_until([&] { return copy.behind(); });
  std::filesystem::remove(path_);
  giving = copy.begin_pages();
  copy.add_page(giving, {{"/p/a", "1", 2, 2}}, "");
  copy.end_pages(giving, {7, 5, 1});
  copy.close(1);
  EXPECT_EQ(content(*open()).size(), 1u);
}

}  // namespace
}  // namespace pylon::store::etcd

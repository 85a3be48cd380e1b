#include "store/file/file_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "base/clock.h"
#include "store/file/pushed_store.h"
#include "store/pump.h"

namespace pylon::store {
namespace {

Result<void> refuse_bad(const DocumentItem& item) {
  if (item.value.contains("bad")) return fail("it is bad");
  return {};
}

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pylon-file-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::vector<std::string> held(Store& store) {
    auto entries = pump_.run(store.list("/apisix/"));
    std::vector<std::string> found;
    for (const Entry& entry : *entries) found.push_back(entry.key + " " + entry.value);
    return found;
  }

  std::string folder_;
  SimulatedClock clock_;
  Pump pump_;
};

class FileStoreTest : public FolderTest {
 protected:
  FileOptions options(FileFormat format = FileFormat::yaml) {
    Environment environment = [](const std::string& name) -> std::optional<std::string> {
      if (name == "URI") return "/from-env";
      return std::nullopt;
    };
    return {path("apisix.yaml"), format, {"/apisix", refuse_bad, plugins_}, environment};
  }
  std::string plugin_list_;
  PluginListUse plugins_ = [this](const Json* list) {
    plugin_list_ = list != nullptr ? list->dump() : "";
  };
  // As editors and configuration management do it.
  void write(const std::string& text) {
    std::ofstream(path("new")) << text;
    std::filesystem::rename(path("new"), path("apisix.yaml"));
  }
};

using Lines = std::vector<std::string>;

TEST_F(FileStoreTest, ReadsAndFollowsTheFile) {
  write("routes:\n  - id: 1\n    uri: ${{URI}}\n  - uri: /b\nplugins:\n  - name: cors\n#END\n");
  FileStore store(options(), clock_);
  EXPECT_EQ(plugin_list_, R"([{"name":"cors"}])");
  EXPECT_EQ(held(store), (Lines{"/apisix/routes/1 {\"id\":\"1\",\"uri\":\"/from-env\"}",
                                "/apisix/routes/arr_2 {\"uri\":\"/b\",\"id\":\"arr_2\"}"}));
  EXPECT_FALSE(store.missing());
  int64_t revision = store.revision();
  store.on_timer();
  EXPECT_EQ(store.revision(), revision);
  write("routes:\n  - id: 1\n    uri: /c\n#END\n");
  store.on_timer();
  EXPECT_EQ(held(store), (Lines{"/apisix/routes/1 {\"id\":\"1\",\"uri\":\"/c\"}"}));
  EXPECT_EQ(plugin_list_, "");
}

TEST_F(FileStoreTest, KeepsTheLastGoodStateOfWhatIsWrong) {
  write("routes:\n  - {id: 1, uri: /a}\n  - {id: 2, uri: /b}\n#END\n");
  FileStore store(options(), clock_);
  write("routes:\n  - {id: 1, uri: /c, bad: 1}\n  - {id: 2, uri: /d}\n  - text\n#END\n");
  store.on_timer();
  EXPECT_EQ(held(store), (Lines{"/apisix/routes/1 {\"id\":\"1\",\"uri\":\"/a\"}",
                                "/apisix/routes/2 {\"id\":\"2\",\"uri\":\"/d\"}"}));
  ASSERT_EQ(store.faults().size(), 2u);
  EXPECT_EQ(store.faults()[0].key, "/apisix/routes/1");
  EXPECT_EQ(store.faults()[0].reason, "it is bad");
  write("routes: 5\n#END\n");
  store.on_timer();
  EXPECT_EQ(held(store).size(), 2u);
}

TEST_F(FileStoreTest, AFileThatCannotBeReadChangesNothing) {
  write("routes:\n  - {id: 1, uri: /a}\n#END\n");
  FileStore store(options(), clock_);
  for (const char* text :
       {"", "routes: []\n", "routes: [\n#END\n", "- 1\n#END\n", "a: ${{NOPE}}\n#END\n"}) {
    write(text);
    store.on_timer();
    EXPECT_EQ(held(store).size(), 1u) << text;
    EXPECT_EQ(store.faults().size(), 1u) << text;
  }
  std::filesystem::remove(path("apisix.yaml"));
  store.on_timer();
  EXPECT_EQ(held(store).size(), 1u);
  write("routes: []\n#END\n");
  store.on_timer();
  EXPECT_TRUE(held(store).empty());
  EXPECT_TRUE(store.faults().empty());
}

TEST_F(FileStoreTest, StartsEmptyWithoutTheFile) {
  FileStore store(options(FileFormat::json), clock_);
  EXPECT_TRUE(store.missing());
  EXPECT_TRUE(held(store).empty());
  write(R"({"consumers": [{"username": "jack"}, {"id": "jack/credentials/c", "plugins": {}}]})");
  store.on_timer();
  EXPECT_EQ(held(store),
            (Lines{"/apisix/consumers/jack {\"username\":\"jack\"}",
                   "/apisix/consumers/jack/credentials/c {\"id\":\"c\",\"plugins\":{}}"}));
  EXPECT_FALSE(store.missing());
}

TEST_F(FileStoreTest, TakesNoWrites) {
  FileStore store(options(), clock_);
  auto done = pump_.run(store.put("/apisix/routes/1", "{}", {}));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Failure::Kind::refused);
}

class PushedStoreTest : public FolderTest {
 protected:
  std::unique_ptr<PushedStore> open() {
    auto store = PushedStore::open({path("data/pushed.json"), {.check = refuse_bad}}, clock_);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
};

TEST_F(PushedStoreTest, KeepsWhatWasPushed) {
  auto store = open();
  EXPECT_TRUE(store->missing());
  EXPECT_TRUE(store->configuration().is_null());
  auto first = Json::parse(R"({"routes": [{"id": "1", "modifiedIndex": 3}], "X-Digest": "a"})");
  ASSERT_TRUE(store->push(*first));
  EXPECT_EQ(held(*store), (Lines{R"(/apisix/routes/1 {"id":"1"})"}));
  store = open();
  EXPECT_EQ(store->configuration(), *first);
  EXPECT_EQ(held(*store), (Lines{R"(/apisix/routes/1 {"id":"1"})"}));
  int64_t revision = store->revision();
  ASSERT_TRUE(store->push(*first));
  EXPECT_EQ(store->revision(), revision);
}

TEST_F(PushedStoreTest, RefusesAFileOfAnotherKind) {
  std::filesystem::create_directory(path("data"));
  std::ofstream(path("data/pushed.json")) << "[1";
  auto store = PushedStore::open({path("data/pushed.json"), {.check = refuse_bad}}, clock_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, Failure::Kind::corrupt);
}

}  // namespace
}  // namespace pylon::store

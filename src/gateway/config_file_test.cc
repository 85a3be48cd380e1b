#include "gateway/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "gateway/admin_key_text.h"

namespace pylon::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kKey = "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH";

Environment no_environment() {
  return [](const std::string&) { return std::optional<std::string>(); };
}

std::string edited(std::string_view text, size_t index = 0) {
  auto out = with_admin_key(text, index, kKey);
  return out ? *out : "refused: " + out.error().message;
}

TEST(AdminKeyText, OnlyTheEmptyValueChanges) {
  std::string_view before =
      "# mine\ndeployment:\n  admin:\n    admin_key:\n      - name: admin   # me\n"
      "        key: ''  # generated\n        role: admin\n";
  std::string_view after =
      "# mine\ndeployment:\n  admin:\n    admin_key:\n      - name: admin   # me\n"
      "        key: AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH  # generated\n        role: admin\n";
  EXPECT_EQ(edited(before), after);
}

TEST(AdminKeyText, EveryWayToWriteNothing) {
  for (std::string_view empty : {"''", "\"\"", "~", "null", "", "# c", "'' # c"}) {
    std::string text = "deployment:\n  admin:\n    admin_key:\n      - role: admin\n        key: " +
                       std::string(empty) + "\n";
    EXPECT_THAT(edited(text), HasSubstr("        key: " + std::string(kKey))) << empty;
  }
}

TEST(AdminKeyText, FlowStyleOnOneLine) {
  EXPECT_EQ(edited("deployment: {admin: {admin_key: [{key: x, role: admin}, {\"key\": '', role: "
                   "admin}]}}\n",
                   1),
            "deployment: {admin: {admin_key: [{key: x, role: admin}, {\"key\": "
            "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH, role: admin}]}}\n");
}

TEST(AdminKeyText, ASecondKeyOfTheSameList) {
  std::string text =
      "deployment:\n  admin:\n    admin_key:\n    - {name: a, key: '', role: admin}\n"
      "    - {name: b, key: '', role: admin}\n";
  EXPECT_THAT(edited(text, 1), HasSubstr("{name: b, key: " + std::string(kKey)));
}

TEST(AdminKeyText, ASectionThatIsMissingIsAdded) {
  constexpr std::string_view kTail =
      "      - name: admin\n        key: AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH";
  EXPECT_THAT(edited(""), HasSubstr(kTail));
  EXPECT_THAT(edited("apisix:\n  node_listen: 1"), HasSubstr(kTail));
  EXPECT_THAT(edited("deployment:\n  role: traditional\n"), HasSubstr(kTail));
  EXPECT_THAT(edited("deployment:\n  admin:\n    enable_admin_cors: true # yes\n"),
              HasSubstr(kTail));
  EXPECT_THAT(edited("deployment:\napisix:\n  node_listen: 1\n"), HasSubstr(kTail));
}

TEST(AdminKeyText, WhatCannotBeEditedIsRefused) {
  EXPECT_THAT(edited("apisix: {}\ndeployment: {admin: {}}\n"),
              AllOf(HasSubstr("refused"), HasSubstr("(line 2)")));
  EXPECT_THAT(edited("deployment:\n  admin:\n    admin_key:\n      - key: ${{K:=}}\n"),
              HasSubstr("refused"));
  EXPECT_THAT(edited("deployment:\n  admin:\n    admin_key:\n      - role: admin\n"),
              AllOf(HasSubstr("refused"), HasSubstr("(line 4)")));
  EXPECT_THAT(edited("deployment:\n  admin:\n    admin_key:\n      - key: ''\n", 3),
              HasSubstr("refused"));
}

TEST(AdminKeyText, GeneratedKeysAreLetters) {
  std::string key = generate_admin_key();
  EXPECT_EQ(key.size(), 32u);
  EXPECT_TRUE(std::all_of(key.begin(), key.end(), isalpha));
  EXPECT_NE(key, generate_admin_key());
}

class ConfigFileTest : public ::testing::Test {
 protected:
  ConfigFileTest() {
    char pattern[] = "/tmp/pylon-config-XXXXXX";
    directory_ = mkdtemp(pattern);
    std::filesystem::create_directory(directory_ + "/conf");
    file_ = ConfigFile::locate(directory_, "", no_environment());
  }
  ~ConfigFileTest() override { std::filesystem::remove_all(directory_); }

  void write(std::string_view text) { std::ofstream(file_.path) << text; }
  std::string read() { return read_file(file_.path, 1 << 20).value_or("unreadable"); }
  LoadedConfig load(LoadOptions options) { return load_config(file_, no_environment(), options); }

  std::string directory_;
  ConfigFile file_;
};

TEST_F(ConfigFileTest, ProfilesNameAnotherFile) {
  Environment profile = [](const std::string& name) {
    return name == "APISIX_PROFILE" ? std::optional<std::string>("dev") : std::nullopt;
  };
  EXPECT_EQ(ConfigFile::locate("/p", "", profile).path, "/p/conf/config-dev.yaml");
  EXPECT_EQ(ConfigFile::locate("/p", "", no_environment()).path, "/p/conf/config.yaml");
}

TEST_F(ConfigFileTest, AMissingFileIsAFinding) {
  LoadedConfig loaded = load({});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.parsed.findings[0].message, "cannot be read: No such file or directory");
}

TEST_F(ConfigFileTest, AnEmptyKeyIsGeneratedOnceAndWrittenBack) {
  write(
      "deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: ''\n"
      "        role: admin\n");
  chmod(file_.path.c_str(), 0640);
  LoadedConfig first = load({.fill_keys = true, .known_key = {}});
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(first.new_key_saved);
  EXPECT_TRUE(first.parsed.settings.admin.keys[0].key == first.new_key);
  EXPECT_THAT(read(), HasSubstr(std::string(first.new_key.expose())));
  struct stat status {};
  stat(file_.path.c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0640u);

  LoadedConfig second = load({.fill_keys = true, .known_key = {}});
  EXPECT_TRUE(second.new_key.empty());
  EXPECT_TRUE(second.parsed.settings.admin.keys[0].key == first.new_key);
}

TEST_F(ConfigFileTest, CheckingAloneWritesNothing) {
  write("");
  EXPECT_TRUE(load({}).ok());
  EXPECT_EQ(read(), "");
}

TEST_F(ConfigFileTest, NoKeyIsGeneratedWhenNoneIsAskedFor) {
  write("deployment: {admin: {admin_key_required: false}}\n");
  EXPECT_TRUE(load({.fill_keys = true, .known_key = {}}).new_key.empty());
}

TEST_F(ConfigFileTest, AKnownKeyIsTakenAgain) {
  write("");
  LoadedConfig loaded = load({.fill_keys = true, .known_key = Secret(kKey)});
  EXPECT_TRUE(loaded.new_key.equals(kKey));
}

}  // namespace
}  // namespace pylon::gateway

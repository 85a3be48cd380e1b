#include "gateway/debug_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace pylon::gateway {
namespace {

class DebugFileTest : public testing::Test {
 protected:
  DebugFileTest() {
    char pattern[] = "/tmp/pylon-debug-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  ~DebugFileTest() override { std::filesystem::remove_all(folder_); }

  // Always as a new file, so that the moment of writing does not matter.
  void write(const std::string& text) {
    std::ofstream(folder_ + "/new") << text;
    std::filesystem::rename(folder_ + "/new", path());
  }
  std::string path() const { return folder_ + "/debug.yaml"; }

  std::string folder_;
};

TEST_F(DebugFileTest, FollowsTheFile) {
  DebugFile file(path());
  EXPECT_FALSE(file.look());
  write("basic:\n  enable: true\n#END\n");
  EXPECT_TRUE(file.look());
  EXPECT_TRUE(file.look());
  write("basic:\n  enable: false # off\nhook_conf:\n  enable: true\n#END");
  EXPECT_FALSE(file.look());
  write("basic: {enable: true}\n#END\n");
  EXPECT_TRUE(file.look());
  std::filesystem::remove(path());
  EXPECT_FALSE(file.look());
}

TEST_F(DebugFileTest, HalfAFileAndABrokenOneChangeNothing) {
  DebugFile file(path());
  write("basic:\n  enable: true\n#END\n");
  EXPECT_TRUE(file.look());
  for (const char* text : {"basic:\n  enable: false\n", "", "basic: [\n#END\n"}) {
    write(text);
    EXPECT_TRUE(file.look()) << text;
  }
  write("#END\n");
  EXPECT_FALSE(file.look());
}

}  // namespace
}  // namespace pylon::gateway

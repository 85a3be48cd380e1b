#include "base/yaml_text.h"

#include <gtest/gtest.h>

#include "base/yaml.h"

namespace pylon {
namespace {

TEST(YamlTextTest, WritesBlocks) {
  auto value =
      Json::parse(R"({"routes":[{"id":"1","uri":"/a","hosts":["x.y",[1]],"o":{}}],"n":1})");
  EXPECT_EQ(to_yaml(*value),
            "routes:\n"
            "  - id: \"1\"\n"
            "    uri: /a\n"
            "    hosts:\n"
            "      - x.y\n"
            "      - \n"
            "        - 1\n"
            "    o: {}\n"
            "n: 1\n");
}

TEST(YamlTextTest, IsReadAsTheSameValue) {
  for (const char* text :
       {"null", "[]", "{}", "\"x\"", "[[],[[]],{}]", R"({"a":{"b":{"c":[{"d":[]},"e"]}}})",
        R"({"y":"yes","n":"null","s":"","t":"12","u":"1e3","v":"a: b","w":"- c","x":"#"})",
        R"(["line\nfeed","\"","\\","\u0001","ä",true,1.5,-1,"~","0x10",".5","a b","a:"])"}) {
    auto value = Json::parse(text);
    auto again = parse_yaml(to_yaml(*value));
    ASSERT_TRUE(again) << text << ": " << again.error().message << "\n" << to_yaml(*value);
    EXPECT_EQ(again->value.dump(), value->dump()) << to_yaml(*value);
  }
}

}  // namespace
}  // namespace pylon

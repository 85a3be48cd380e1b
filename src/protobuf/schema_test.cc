#include "protobuf/schema.h"

#include <gtest/gtest.h>

#include "protobuf/registry.h"

namespace pylon::protobuf {
namespace {

constexpr std::string_view kText = R"(
  syntax = "proto3";
  package a.b;
  enum Kind { NONE = 0; SOME = 1; }
  message In { int32 n = 1; uint64 u = 2; Kind kind = 3; repeated In inner = 4;
               map<int32, string> names = 5; bool yes = 6; optional string note = 7; float f = 8; }
  service S { rpc One (In) returns (In); rpc Many (stream In) returns (stream In); })";

class SchemaTest : public testing::Test {
 protected:
  std::shared_ptr<const Schema> schema_ = *Schema::compile(kText);
  const Method& one_ = *schema_->method("a.b.S", "One");

  // The JSON there and back.
  std::string told(std::string_view json, const JsonForm& form = {.defaults = Defaults::none}) {
    auto octets = one_.input->from_json(*Json::parse(json));
    if (!octets) return octets.error().message;
    return one_.output->to_json(*octets, form)->dump();
  }
};

TEST_F(SchemaTest, KnowsItsMethods) {
  EXPECT_FALSE(one_.server_streams);
  EXPECT_TRUE(schema_->method("a.b.S", "Many")->server_streams);
  EXPECT_EQ(schema_->method("a.b.S", "Two"), nullptr);
  EXPECT_EQ(schema_->method("S", "One"), nullptr);
  EXPECT_NE(schema_->message("a.b.In"), nullptr);
  EXPECT_EQ(schema_->message("In"), nullptr);
}

TEST_F(SchemaTest, ValuesThereAndBack) {
  for (const char* json : {
           R"({"n":-5})",
           R"({"kind":"SOME","inner":[{"n":1},{}]})",
           R"({"names":{"7":"seven"}})",
           R"({"yes":true,"note":"","f":1.5})",
       }) {
    EXPECT_EQ(told(json), json);
  }
  EXPECT_EQ(told(R"({"n":"12","yes":"true","kind":1,"x":1,"u":"#0xFF","note":null})"),
            R"({"n":12,"u":255,"kind":"SOME","yes":true})");
  EXPECT_EQ(told(R"({"u":"18446744073709551615"})",
                 {.int64 = Int64Form::text, .defaults = Defaults::none}),
            R"({"u":"#18446744073709551615"})");
}

TEST_F(SchemaTest, ValuesThatDoNotFit) {
  EXPECT_EQ(told(R"({"n":2147483648})"), "n: not a value of type int32");
  EXPECT_EQ(told(R"({"inner":[{"n":"x"}]})"), "inner: n: not a value of type int32");
  EXPECT_EQ(told(R"({"names":{"x":"y"}})"), "names: not a value of type int32");
  EXPECT_EQ(told(R"({"kind":"NOPE"})"), "kind: not a value of type enum");
  EXPECT_EQ(told(R"([1])"), "not an object");
}

TEST_F(SchemaTest, FieldsWithoutAValue) {
  EXPECT_EQ(told("{}", {}),
            R"({"n":0,"u":0,"kind":"NONE","inner":[],"names":{},"yes":false,"f":0})");
}

TEST_F(SchemaTest, OctetsThatAreNoMessage) { EXPECT_FALSE(one_.output->to_json("\xff\xff", {})); }

TEST(Schema, TellsWhatIsWrong) {
  auto error = [](std::string_view text) { return Schema::compile(text).error().message; };
  EXPECT_EQ(error("no proto").find("line 1, column "), 0u);
  EXPECT_NE(error("syntax = \"proto3\"; message A { B b = 1; }").find("\"B\" is not defined"),
            std::string::npos);
  EXPECT_FALSE(Schema::compile("aGVsbG8="));
  EXPECT_FALSE(Schema::compile("import \"/etc/passwd\";"));
  EXPECT_TRUE(
      Schema::compile("syntax = \"proto3\"; import \"google/protobuf/any.proto\";"
                      "message A { google.protobuf.Any any = 1; }"));
}

TEST(Registry, ASlotSeesChanges) {
  Registry registry;
  auto slot = registry.slot("1");
  EXPECT_EQ(slot->load(), nullptr);
  EXPECT_TRUE(registry.put("1", kText));
  auto first = slot->load();
  ASSERT_NE(first, nullptr);
  EXPECT_FALSE(registry.put("1", "broken"));
  EXPECT_EQ(slot->load(), first);
  registry.erase("1");
  EXPECT_EQ(slot->load(), nullptr);
  EXPECT_NE(first->method("a.b.S", "One"), nullptr);
}

}  // namespace
}  // namespace pylon::protobuf

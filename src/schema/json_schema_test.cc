#include "schema/json_schema.h"

#include <gtest/gtest.h>

#include "schema/lua_text.h"

namespace pylon::schema {
namespace {

Json json(std::string_view text) {
  auto parsed = Json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Json();
}

// The message for an instance, or "" when it is valid.
std::string message_of(std::string_view schema, std::string_view instance) {
  auto compiled = JsonSchema::compile(json(schema));
  if (!compiled) return "bad schema: " + compiled.error().message;
  Json value = json(instance);
  return compiled->validate(value).value_or("");
}

std::string filled(std::string_view schema, std::string_view instance) {
  auto compiled = JsonSchema::compile(json(schema));
  Json value = json(instance);
  compiled->validate(value);
  return value.dump();
}

struct Case {
  const char* schema;
  const char* instance;
  const char* message;
};

void PrintTo(const Case& each, std::ostream* out) {
  *out << each.schema << " with " << each.instance;
}

class Messages : public testing::TestWithParam<Case> {};

TEST_P(Messages, ReadAsApisixWritesThem) {
  EXPECT_EQ(message_of(GetParam().schema, GetParam().instance), GetParam().message);
}

constexpr Case kTypes[] = {
    {R"({"type":"string"})", "{}", "wrong type: expected string, got table"},
    {R"({"type":"string"})", "1", "wrong type: expected string, got number"},
    {R"({"type":"integer"})", "1.5", "wrong type: expected integer, got number"},
    {R"({"type":"integer"})", "1.0", ""},
    {R"({"type":"integer"})", "\"1\"", "wrong type: expected integer, got string"},
    {R"({"type":"object"})", "null", "wrong type: expected object, got userdata"},
    {R"({"type":"boolean"})", "\"true\"", "wrong type: expected boolean, got string"},
    {R"({"type":"null"})", "null", ""},
    {R"({"type":"object"})", "[]", ""},
    {R"({"type":"array"})", "{}", ""},
    {R"({"type":"object"})", "[1]", "wrong type: expected object, got table"},
    {R"({"type":"array"})", R"({"a":1})", "wrong type: expected array, got table"},
    {R"({"type":"table"})", "[1]", ""},
    {R"({"type":["string","integer"]})", "true",
     "wrong type: expected one of string, integer, got boolean"},
    {"true", "1", ""},
    {"false", "1", "expect false always"},
    {"{}", "null", ""},
};
INSTANTIATE_TEST_SUITE_P(Types, Messages, testing::ValuesIn(kTypes));

constexpr Case kObjects[] = {
    {R"({"properties":{"a":{"type":"string"}}})", R"({"a":1})",
     "property \"a\" validation failed: wrong type: expected string, got number"},
    {R"({"required":["a"]})", "{}", "property \"a\" is required"},
    {R"({"required":["a"]})", "[]", "property \"a\" is required"},
    {R"({"required":["a"]})", "[1]", ""},
    {R"({"required":["a"]})", R"({"a":null})", ""},
    {R"({"required":[]})", R"({"a":1})", "the input data should be an empty table"},
    {R"({"required":[]})", "{}", ""},
    {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"a":1,"x":1})",
     "additional properties forbidden, found x"},
    {R"({"additionalProperties":{"type":"string"}})", R"({"k":1})",
     "failed to validate additional property k: wrong type: expected string, got number"},
    {R"({"patternProperties":{"^\\S+$":{"type":"string"}}})", R"({"k":1})",
     "failed to validate k (matching \"^\\S+$\"): wrong type: expected string, got number"},
    {R"({"patternProperties":{"^a":{}},"additionalProperties":false})", R"({"ab":1,"b":1})",
     "additional properties forbidden, found b"},
    {R"({"dependencies":{"x":["y"]}})", R"({"x":1})",
     "property \"y\" is required when \"x\" is set"},
    {R"({"properties":{"x":{}},"dependencies":{"x":["y"]}})", R"({"x":1})",
     "property \"y\" is required when \"x\" is set"},
    {R"({"dependencies":{"x":{"required":["z"]}}})", R"({"x":1})",
     "failed to validate dependent schema for \"x\": property \"z\" is required"},
    {R"({"minProperties":1})", "{}", "expect object to have at least 1 properties"},
    {R"({"maxProperties":1})", R"({"a":1,"b":2})", "expect object to have at most 1 properties"},
};
INSTANTIATE_TEST_SUITE_P(Objects, Messages, testing::ValuesIn(kObjects));

constexpr Case kArrays[] = {
    {R"({"items":{"type":"string"}})", R"(["a",1])",
     "failed to validate item 2: wrong type: expected string, got number"},
    {R"({"minItems":1})", "[]", "expect array to have at least 1 items"},
    {R"({"minItems":1})", "{}", "expect array to have at least 1 items"},
    {R"({"maxItems":1})", "[1,2]", "expect array to have at most 1 items"},
    {R"({"uniqueItems":true})", "[1,2,1]", "expected unique items but items 1 and 3 are equal"},
    {R"({"uniqueItems":true})", R"([1,"1",true])", ""},
    {R"({"uniqueItems":true})", R"([{"a":1,"b":2},{"b":2,"a":1}])",
     "expected unique items but items 1 and 2 are equal"},
    {R"({"items":[{"type":"string"},{"type":"integer"}]})", R"(["a","b"])",
     "failed to validate item 2: wrong type: expected integer, got string"},
    {R"({"items":[{}],"additionalItems":false})", "[1,2]", "found unexpected extra items in array"},
    {R"({"items":[{}],"additionalItems":{"type":"string"}})", "[1,2]",
     "failed to validate additional item 2: wrong type: expected string, got number"},
    {R"({"items":[{},{}]})", "[1]", ""},
    {R"({"contains":{"type":"string"}})", "[1,2]", "failed to check contains"},
    {R"({"contains":{"type":"string"}})", R"([1,"a"])", ""},
    {R"({"contains":{"type":"string"}})", "[]", "check contains: empty array is invalid"},
};
INSTANTIATE_TEST_SUITE_P(Arrays, Messages, testing::ValuesIn(kArrays));

constexpr Case kScalars[] = {
    {R"({"minLength":2})", "\"é\"", "string too short, expected at least 2, got 1"},
    {R"({"maxLength":2})", "\"日本語\"", "string too long, expected at most 2, got 3"},
    {R"({"maxLength":3})", "\"日本語\"", ""},
    {R"({"pattern":"^\\S+$"})", "\"a \\\"b\\n\"",
     "failed to match pattern \"^\\\\S+$\" with \"a \\\"b\\\n\""},
    {R"({"minimum":1})", "0", "expected 0 to be at least 1"},
    {R"({"maximum":65535})", "65536", "expected 65536 to be at most 65535"},
    {R"({"exclusiveMinimum":0})", "0", "expected 0 to be greater than 0"},
    {R"({"exclusiveMaximum":1.5})", "1.5", "expected 1.5 to be smaller than 1.5"},
    {R"({"minimum":1})", "0.1", "expected 0.1 to be at least 1"},
    {R"({"minimum":1})", "-1e30", "expected -1e+30 to be at least 1"},
    {R"({"multipleOf":0.01})", "1.13", ""},
    {R"({"multipleOf":3})", "7", "expected 7 to be a multiple of 3"},
    {R"({"enum":["a",1,true,{"x":1}]})", "\"b\"", "matches none of the enum values"},
    {R"({"enum":["a",1,true,{"x":1}]})", R"({"x":1})", ""},
    {R"({"const":1})", "2", "failed to check const value"},
    {R"({"format":"ipv4"})", "\"1.2.3\"", "expect valid ipv4 format but got: 1.2.3"},
    {R"({"format":"ipv4"})", "\"::1\"", "expect valid ipv4 format but got: ::1"},
    {R"({"format":"ipv6"})", "\"::1\"", ""},
    {R"({"format":"email"})", "\"a@b\"", "expect valid email format but got: a@b"},
    {R"({"format":"uri"})", "\"http://x/y\"", ""},
    {R"({"format":"uuid"})", "\"x\"", "expect valid uuid format but got: x"},
    {R"({"format":"date-time"})", "\"2024-02-30T10:00:00.5Z\"", ""},
    {R"({"format":"unknown"})", "\"x\"", ""},
};
INSTANTIATE_TEST_SUITE_P(Scalars, Messages, testing::ValuesIn(kScalars));

constexpr Case kCombined[] = {
    {R"({"not":{"required":["a"]}})", R"({"a":1})", "value wasn't supposed to match schema"},
    {R"({"anyOf":[{"required":["a"]},{"required":["b","c"]}]})", "{}",
     R"(object matches none of the required: ["a"] or ["b","c"])"},
    {R"({"anyOf":[{"type":"string"},{"type":"integer"}]})", "true",
     "object matches none of the required"},
    {R"({"oneOf":[{"required":["a"]},{"required":["b"]}]})", R"({"a":1,"b":1})",
     "value should match only one schema, but matches both schemas 1 and 2"},
    {R"({"oneOf":[{"required":["a"]},{"required":["b"]}]})", "{}",
     "value should match only one schema, but matches none"},
    {R"({"allOf":[{},{"type":"string"}]})", "1",
     "allOf 2 failed: wrong type: expected string, got number"},
    {R"({"if":{"required":["a"]},"then":{"required":["b"]}})", R"({"a":1})",
     "then clause did not match"},
    {R"({"if":{"required":["a"]},"else":{"required":["b"]}})", R"({"c":1})",
     "else clause did not match"},
    {R"({"propertyNames":false})", R"({"a":1})", "expect false always"},
};
INSTANTIATE_TEST_SUITE_P(Combined, Messages, testing::ValuesIn(kCombined));

TEST(JsonSchema, SecretReferencesPassWhereAStringMayStand) {
  EXPECT_EQ(message_of(R"({"type":"string","maxLength":3})", "\"$secret://vault/1/a/b\""), "");
  EXPECT_EQ(message_of(R"({"enum":["a"]})", "\"$ENV://NAME\""), "");
  EXPECT_EQ(message_of(R"({"enum":["a"]})", "\"$env://NAME\""), "");
  EXPECT_NE(message_of(R"({"type":"integer"})", "\"$ENV://NAME\""), "");
  EXPECT_NE(message_of(R"({"enum":["a"]})", "\"$SECRET://NAME\""), "");
  EXPECT_NE(message_of(R"({"enum":["a"]})", "\"ENV://NAME\""), "");
}

TEST(JsonSchema, FillsDefaults) {
  constexpr std::string_view schema =
      R"({"properties":{"n":{"default":1},"o":{"properties":{"x":{"default":[1]}}}}})";
  EXPECT_EQ(filled(schema, "{}"), R"({"n":1})");
  EXPECT_EQ(filled(schema, R"({"o":{},"n":null})"), R"({"o":{"x":[1]},"n":null})");
  EXPECT_EQ(filled(schema, R"({"o":[]})"), R"({"o":{"x":[1]},"n":1})");
  EXPECT_EQ(filled(R"({"required":["n"],"properties":{"n":{"default":1}}})", "{}"), "{}");
}

TEST(JsonSchema, FollowsReferences) {
  constexpr std::string_view schema =
      R"({"definitions":{"a/b":{"type":"string"},"tree":{"properties":{)"
      R"("next":{"$ref":"#/definitions/tree"},)"
      R"("name":{"$ref":"#/definitions/a~1b"}}}},"$ref":"#/definitions/tree"})";
  EXPECT_EQ(message_of(schema, R"({"next":{"next":{"name":1}}})"),
            "property \"next\" validation failed: property \"next\" validation failed: "
            "property \"name\" validation failed: wrong type: expected string, got number");
}

TEST(JsonSchema, RefusesBadSchemas) {
  EXPECT_EQ(message_of(R"({"type":"strin"})", "1"), "bad schema: invalid JSON type: \"strin\"");
  EXPECT_EQ(message_of(R"({"$ref":"#/nowhere"})", "1"),
            "bad schema: reference not found: #/nowhere");
  EXPECT_EQ(message_of(R"({"$ref":"http://x/"})", "1"),
            "bad schema: reference not found: http://x/");
  EXPECT_TRUE(message_of(R"({"$ref":"#"})", "1").starts_with("bad schema"));
  EXPECT_TRUE(message_of(R"({"pattern":"("})", "1").starts_with("bad schema: bad regular"));
  EXPECT_TRUE(message_of(R"({"items":3})", "1").starts_with("bad schema: a schema must"));
  EXPECT_TRUE(message_of(R"({"minimum":"1"})", "1").starts_with("bad schema: minimum must"));
  EXPECT_TRUE(message_of("3", "1").starts_with("bad schema"));
}

TEST(JsonSchema, StopsAtDeepInstances) {
  auto compiled = JsonSchema::compile(json(R"({"items":{"$ref":"#"}})"));
  ASSERT_TRUE(compiled);
  auto deep = Json::parse(std::string(120, '[') + std::string(120, ']'));
  EXPECT_TRUE(compiled->validate(*deep).value_or("").ends_with("nested too deeply"));
}

TEST(JsonSchema, ManyUniqueTablesAreQuick) {
  Json items = Json::array();
  for (int i = 0; i < 20'000; ++i) items.push_back(Json::object({{"id", i}}));
  auto compiled = JsonSchema::compile(json(R"({"uniqueItems":true})"));
  EXPECT_FALSE(compiled->validate(items));
}

TEST(LuaText, QuotesAsLuaJitDoes) {
  EXPECT_EQ(lua_quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\\nd\"");
  EXPECT_EQ(lua_quoted(std::string("\0\r\t1\x7f", 5)), "\"\\0\\13\\0091\\127\"");
  EXPECT_EQ(lua_number(1e15), "1e+15");
  EXPECT_EQ(lua_number(123456), "123456");
  EXPECT_EQ(lua_number(0.1), "0.1");
}

}  // namespace
}  // namespace pylon::schema

#include <gtest/gtest.h>

#include "expr/condition.h"
#include "expr/graphql.h"
#include "expr/json_path.h"
#include "expr/test_exchange.h"
#include "expr/variable.h"

namespace pylon::expr {
namespace {

class BodyTest : public ::testing::Test {
 protected:
  void body(std::string_view type, std::string_view text) {
    test_.exchange.request.method = http::Method::post;
    test_.exchange.request.fields.set("Content-Type", type);
    test_.exchange.body = text;
    test_.exchange.body_known = true;
  }
  std::string value(std::string_view name) {
    std::string_view text = Variable::compile(name).value(test_.exchange);
    return text.data() == nullptr ? "absent" : std::string(text);
  }
  bool holds(std::string_view json) {
    return Condition::compile(*Json::parse(json))->matches(test_.exchange);
  }

  TestExchange test_;
};

TEST_F(BodyTest, Json) {
  body("application/json; charset=utf-8",
       R"({"model":"gpt-4","stream":true,"t":0.5,"n":3,"m":{"a":"x"},"list":[{"r":"u"},{"r":"s"}],)"
       R"("null":null,"e":""})");
  EXPECT_EQ(value("post_arg.model"), "gpt-4");
  EXPECT_EQ(value("post_arg.stream"), "true");
  EXPECT_EQ(value("post_arg.t"), "0.5");
  EXPECT_EQ(value("post_arg.m.a"), "x");
  EXPECT_EQ(value("post_arg.m.b"), "absent");
  EXPECT_EQ(value("post_arg.model.a"), "absent");
  EXPECT_EQ(value("post_arg.e"), "");
  EXPECT_EQ(value("post_arg.null"), "absent");
  EXPECT_TRUE(holds(R"([["post_arg.model","==","gpt-4"]])"));
  EXPECT_TRUE(holds(R"([["post_arg.model","~~","^gpt"]])"));
  EXPECT_TRUE(holds(R"([["post_arg.stream","==",true]])"));
  EXPECT_FALSE(holds(R"([["post_arg.stream","==","true"]])"));
  EXPECT_TRUE(holds(R"([["post_arg.n",">",2],["post_arg.n","==",3],["post_arg.n","in",[3]]])"));
  EXPECT_FALSE(holds(R"([["post_arg.n","==","3"]])"));
  EXPECT_TRUE(holds(R"([["post_arg.list[*].r","has","s"]])"));
  EXPECT_FALSE(holds(R"([["post_arg.list[*].r","has","t"]])"));
  EXPECT_TRUE(holds(R"([["post_arg.list[0].r","has","u"]])"));
  EXPECT_TRUE(holds(R"([["post_arg...r","has","s"]])"));
  EXPECT_TRUE(holds(R"([["post_arg.x","==",null]])"));
}

TEST_F(BodyTest, AnotherBodyIsParsedAnew) {
  body("application/json", R"({"a":1})");
  EXPECT_EQ(value("post_arg.a"), "1");
  body("application/json", R"({"a":2})");
  EXPECT_EQ(value("post_arg.a"), "2");
  body("application/json", "{");
  EXPECT_EQ(value("post_arg.a"), "absent");
  body("text/plain", R"({"a":2})");
  EXPECT_EQ(value("post_arg.a"), "absent");
  test_.exchange.body = {};
  EXPECT_EQ(value("post_arg.a"), "absent");
}

TEST_F(BodyTest, Form) {
  body("application/x-www-form-urlencoded", "a=1+2&b&c=1&c=2&=x&&");
  EXPECT_EQ(value("post_arg.a"), "1 2");
  EXPECT_EQ(value("post_arg.b"), "true");
  EXPECT_TRUE(holds(R"([["post_arg.c","has","2"]])"));
}

TEST_F(BodyTest, Multipart) {
  std::string_view text =
      "preamble--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4\r\n"
      "--b\r\nContent-Type: x/y\r\ncontent-disposition: form-data; filename=\"f\"; name=file\r\n"
      "\r\n\r\n--b--\r\n";
  body("multipart/form-data; boundary=\"b\"", text);
  EXPECT_EQ(value("post_arg.model"), "gpt-4");
  EXPECT_EQ(value("post_arg.file"), "");
  for (size_t cut = 0; cut + 6 < text.size(); ++cut) {
    std::string part(text.substr(0, cut));
    body("multipart/form-data; boundary=b", part);
    EXPECT_EQ(value("post_arg.model"), "absent") << cut;
  }
}

TEST_F(BodyTest, MultipartWithLineFeedsAlone) {
  body("multipart/form-data; boundary=b",
       "--b\nContent-Disposition: form-data; name=\"model\"\n\ngpt\r\n-4\n--b--\n");
  EXPECT_EQ(value("post_arg.model"), "gpt\r\n-4");
  body("multipart/form-data; boundary=b",
       "--b\r\nContent-Disposition: form-data; name=\"model\"\n\ngpt-4\n--b--\n");
  EXPECT_EQ(value("post_arg.model"), "absent");
}

TEST_F(BodyTest, Graphql) {
  body("", "query repo { owner { name } other }");
  EXPECT_EQ(value("graphql_operation"), "query");
  EXPECT_EQ(value("graphql_name"), "repo");
  EXPECT_TRUE(holds(R"([["graphql_root_fields","has","owner"],["graphql_name","==","repo"]])"));
  EXPECT_FALSE(holds(R"([["graphql_root_fields","has","name"]])"));
  body("application/json", R"({"query":"mutation{a}"})");
  EXPECT_EQ(value("graphql_operation"), "mutation");
  EXPECT_EQ(value("graphql_name"), "");
  body("application/json", R"({"x":1})");
  EXPECT_EQ(value("graphql_name"), "absent");
  test_.exchange.request.method = http::Method::get;
  test_.uri("/", "query=query%7Bowner%7D&query=query{repo}");
  test_.exchange.body = "x";
  EXPECT_TRUE(holds(R"([["graphql_root_fields","has","owner"]])"));
  std::string large = "query " + std::string(1 << 20, ' ') + "{a}";
  body("", large);
  EXPECT_EQ(value("graphql_operation"), "absent");
  set_max_graphql_bytes(2 << 20);
  std::string again = large;
  body("", again);
  EXPECT_EQ(value("graphql_operation"), "query");
  set_max_graphql_bytes(1 << 20);
}

TEST(JsonPath, Forms) {
  Json root = *Json::parse(R"({"a":[1,{"b":2},[3]],"c":{"b":4}})");
  EXPECT_EQ(find_all(root, "a[0]").dump(), "[1]");
  EXPECT_EQ(find_all(root, "a[-1]").dump(), "[[3]]");
  EXPECT_EQ(find_all(root, "a[9]").dump(), "[]");
  EXPECT_EQ(find_all(root, "a[*].b").dump(), "[2]");
  EXPECT_EQ(find_all(root, "*.b").dump(), "[4]");
  EXPECT_EQ(find_all(root, ".b").dump(), "[4,2]");
  EXPECT_EQ(find_all(root, "c..b").dump(), "[4]");
  EXPECT_EQ(find_all(root, "['c'][\"b\"]").dump(), "[4]");
  EXPECT_TRUE(find_all(root, "a[").is_null());
  EXPECT_TRUE(find_all(root, "a[x]").is_null());
  EXPECT_TRUE(find_all(root, "a[0]b").is_null());
  EXPECT_TRUE(is_valid_json_path("messages[*].content[*].type"));
  EXPECT_FALSE(is_valid_json_path("messages[.content[*].type"));
}

}  // namespace
}  // namespace pylon::expr

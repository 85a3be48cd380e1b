#include "expr/condition.h"

#include <gtest/gtest.h>

#include "expr/comparison.h"
#include "expr/test_exchange.h"

namespace pylon::expr {
namespace {

Condition compile(std::string_view json) {
  auto condition = Condition::compile(*Json::parse(json));
  EXPECT_TRUE(condition.has_value()) << json << ": " << condition.error().message;
  return condition ? *condition : Condition();
}

std::string error_of(std::string_view json) {
  auto condition = Condition::compile(*Json::parse(json));
  return condition ? "none" : condition.error().message;
}

bool holds(std::string_view json, std::string_view args) {
  TestExchange test;
  test.uri("/", args).field("Test", "v").field("X-A", "1").field("X-A", "2");
  return compile(json).matches(test.exchange);
}

TEST(Condition, EqualityOfText) {
  EXPECT_TRUE(holds(R"([["arg_k","==","v"]])", "k=v"));
  EXPECT_FALSE(holds(R"([["arg_k","==","v"]])", "k=w"));
  EXPECT_FALSE(holds(R"([["arg_k","==","v"]])", ""));
  EXPECT_FALSE(holds(R"([["arg_k","~=","v"]])", "k=v"));
  EXPECT_TRUE(holds(R"([["arg_k","~=","v"]])", ""));
  EXPECT_TRUE(holds(R"([["http_test","==","v"]])", ""));
  EXPECT_TRUE(holds(R"([["http_x_a","==","1, 2"]])", ""));
  EXPECT_FALSE(holds(R"([["arg_age","~=","18"]])", "age=18"));
  EXPECT_FALSE(holds(R"([["arg_age","==","18"]])", "age=18.0"));
  EXPECT_FALSE(holds(R"([["arg_k","==",true]])", "k=true"));
  EXPECT_FALSE(holds(R"([["arg_k","==",["v"]]])", "k=v"));
}

TEST(Condition, ANumberOnTheRightConverts) {
  EXPECT_TRUE(holds(R"([["arg_age","==",18]])", "age=18"));
  EXPECT_TRUE(holds(R"([["arg_age","==",18]])", "age=18.0"));
  EXPECT_TRUE(holds(R"([["arg_age","==",18]])", "age=0x12"));
  EXPECT_TRUE(holds(R"([["arg_age","==",18]])", "age=+18+"));
  EXPECT_FALSE(holds(R"([["arg_age","==",18]])", "age=18a"));
  EXPECT_FALSE(holds(R"([["arg_age","==",18]])", ""));
  EXPECT_FALSE(holds(R"([["arg_age","~=",18]])", "age=18"));
  EXPECT_TRUE(holds(R"([["arg_age","~=",18]])", "age=19"));
  EXPECT_TRUE(holds(R"([["arg_age","~=",18]])", "age=x"));
  EXPECT_TRUE(holds(R"([["arg_age","~=",18]])", ""));
}

TEST(Condition, Order) {
  EXPECT_TRUE(holds(R"([["arg_k",">",10]])", "k=11"));
  EXPECT_FALSE(holds(R"([["arg_k",">",10]])", "k=10"));
  EXPECT_FALSE(holds(R"([["arg_k",">",10]])", ""));
  EXPECT_TRUE(holds(R"([["arg_k",">=","2"]])", "k=2"));
  EXPECT_FALSE(holds(R"([["arg_k",">=",3]])", "k=2"));
  EXPECT_TRUE(holds(R"([["arg_k","<=",3]])", "k=2"));
  EXPECT_TRUE(holds(R"([["arg_k","<","10"]])", "k=9"));
  EXPECT_FALSE(holds(R"([["arg_k","<","x"]])", "k=9"));
  EXPECT_TRUE(holds(R"([["arg_k","!","<","x"]])", "k=9"));
}

TEST(Condition, Null) {
  EXPECT_TRUE(holds(R"([["arg_k","==",null]])", ""));
  EXPECT_FALSE(holds(R"([["arg_k","==",null]])", "k="));
  EXPECT_TRUE(holds(R"([["arg_k","~=",null]])", "k=v"));
  EXPECT_FALSE(holds(R"([["arg_k","~=",null]])", ""));
  EXPECT_FALSE(holds(R"([["http_absent","~="]])", ""));
  EXPECT_TRUE(holds(R"([["http_test","~="]])", ""));
}

TEST(Condition, TwoElementsAreEqualityWithLowerCasedText) {
  EXPECT_TRUE(holds(R"([["arg_k","v"]])", "k=v"));
  EXPECT_TRUE(holds(R"([["arg_k","V"]])", "k=v"));
  EXPECT_FALSE(holds(R"([["arg_k","V"]])", "k=V"));
  EXPECT_TRUE(holds(R"([["arg_k",18]])", "k=18"));
  EXPECT_FALSE(holds(R"([["arg_k",18]])", "k=18.0"));
}

TEST(Condition, Search) {
  EXPECT_TRUE(holds(R"([["arg_k","~~","[a-z]{1,4}"]])", "k=xay"));
  EXPECT_FALSE(holds(R"([["arg_k","~~","A"]])", "k=a"));
  EXPECT_FALSE(holds(R"([["arg_k","~~","A"]])", ""));
  EXPECT_TRUE(holds(R"([["arg_k","~*","A"]])", "k=a"));
  EXPECT_FALSE(holds(R"([["arg_k","~*","A"]])", "k="));
  EXPECT_TRUE(holds(R"([["arg_k","!","~*","A"]])", "k="));
  EXPECT_TRUE(holds(R"j([["arg_k","~~","^(?!a)"]])j", "k=b"));
  EXPECT_TRUE(holds(R"([["arg_k","~~",1]])", "k=213"));
}

TEST(Condition, Lists) {
  EXPECT_TRUE(holds(R"([["arg_k","in",["1","2"]]])", "k=2"));
  EXPECT_TRUE(holds(R"([["arg_k","IN",["1","2"]]])", "k=2"));
  EXPECT_FALSE(holds(R"([["arg_k","in",["1","2"]]])", "k=3"));
  EXPECT_FALSE(holds(R"([["arg_k","in",["1",null]]])", ""));
  EXPECT_FALSE(holds(R"([["arg_k","in",[1,2]]])", "k=2"));
  EXPECT_FALSE(holds(R"([["arg_k","in","2"]])", "k=2"));
  EXPECT_TRUE(holds(R"([["arg_k","!","in",["1"]]])", ""));
  EXPECT_FALSE(holds(R"([["arg_k","has","1"]])", "k=1"));
}

TEST(Condition, Addresses) {
  EXPECT_TRUE(holds(R"([["remote_addr","ipmatch","127.0.0.1"]])", ""));
  EXPECT_TRUE(holds(R"([["remote_addr","IPMATCH",["10.0.0.0/8","127.0.0.0/16"]]])", ""));
  EXPECT_FALSE(holds(R"([["remote_addr","ipmatch",["127.0.0.2"]]])", ""));
  EXPECT_TRUE(holds(R"([["arg_ip","ipmatch",["2001:db8::/32"]]])", "ip=2001:db8::7"));
  EXPECT_FALSE(holds(R"([["arg_ip","ipmatch",["0.0.0.0/0"]]])", "ip=x"));
  EXPECT_FALSE(holds(R"([["arg_ip","ipmatch",["0.0.0.0/0"]]])", ""));
  EXPECT_EQ(error_of(R"([["remote_addr","ipmatch",null]])"), "invalid ip address");
  EXPECT_EQ(error_of(R"([["remote_addr","ipmatch",""]])"), "invalid ip address");
  EXPECT_EQ(error_of(R"([["remote_addr","ipmatch",[]]])"), "invalid ip address");
  EXPECT_EQ(error_of(R"([["remote_addr","ipmatch",[""]]])"), "invalid ip address: ");
  EXPECT_EQ(error_of(R"([["remote_addr","ipmatch",["1.2.3.4","x"]]])"), "invalid ip address: x");
}

TEST(Condition, Logic) {
  std::string_view both = R"(["!AND",["arg_w",">",10],["arg_w","!",">",15]])";
  EXPECT_FALSE(holds(both, "w=12"));
  EXPECT_TRUE(holds(both, "w=8"));
  std::string_view neither = R"(["!or",["arg_w",">",10],["arg_w","!",">",15]])";
  EXPECT_FALSE(holds(neither, "w=12"));
  EXPECT_FALSE(holds(neither, "w=8"));
  EXPECT_TRUE(holds(R"(["!OR",["arg_w",">",10],["arg_w","!","<",15]])", "w=8"));
  EXPECT_TRUE(holds(R"(["or",["arg_a","==","1"],["arg_b","==","1"]])", "b=1"));
  EXPECT_FALSE(holds(R"(["OR",["arg_a","==","1"],["arg_b","==","1"]])", "b=2"));
  EXPECT_TRUE(holds(R"([["OR",["arg_a","1"],["arg_b","1"]],["arg_c","1"]])", "b=1&c=1"));
  std::string_view nested = R"(["!OR",
      ["!AND",["arg_w","<",20],["arg_w","!","<",15]],
      ["!OR",["arg_h",">",10],["arg_h","!","<",15]]])";
  EXPECT_TRUE(holds(nested, "w=16&h=16"));
  std::string_view groups = R"(["!OR",
      ["AND",["arg_w","<",20],["arg_w","!","<",15]],
      [["arg_h",">",10],["arg_h","!","<",15]],
      ["OR",["arg_h",">",10],["arg_h","!","<",15]]])";
  EXPECT_FALSE(holds(groups, "w=16&h=16"));
}

TEST(Condition, EmptyIsAlwaysTrue) {
  EXPECT_TRUE(compile("[]").is_always_true());
  EXPECT_TRUE(holds("[]", ""));
  EXPECT_TRUE(Condition().is_always_true());
}

TEST(Condition, Errors) {
  EXPECT_EQ(error_of("null"), "missing argument rule");
  EXPECT_EQ(error_of(R"(["arg_k","==","v"])"), "rule should be wrapped inside brackets");
  EXPECT_EQ(error_of(R"(["http_user_agent","~*","android"])"),
            "rule should be wrapped inside brackets");
  EXPECT_EQ(error_of("[null]"), "rule should be wrapped inside brackets");
  EXPECT_EQ(error_of("{}"), "rule should be wrapped inside brackets");
  EXPECT_EQ(error_of("5"), "rule should be wrapped inside brackets");
  EXPECT_EQ(error_of(R"([["arg_k","=","v"]])"), "invalid operator '='");
  EXPECT_EQ(error_of(R"([["arg_k","Invalid",10]])"), "invalid operator 'invalid'");
  EXPECT_EQ(error_of(R"([["arg_k",5,10]])"), "invalid operator '5'");
  EXPECT_EQ(error_of(R"([["arg_k"]])"), "invalid expression");
  EXPECT_EQ(error_of(R"([["arg_k",null,1]])"), "invalid expression");
  EXPECT_EQ(error_of(R"([["post_arg.a[.b[*].c","has","x"]])"),
            "invalid expression: post_arg.a[.b[*].c");
  EXPECT_EQ(error_of(R"([[1,"==",1]])"), "invalid expression");
  EXPECT_EQ(error_of(R"([["arg_k","==","v"],"x"])"), "invalid expression");
  EXPECT_EQ(error_of("[[]]"), "rule too short");
  EXPECT_EQ(error_of("[{}]"), "rule too short");
  EXPECT_EQ(error_of(R"(["OR",["arg_w",">",10]])"), "rule too short");
  EXPECT_EQ(error_of(R"(["OR",["arg_w",">",10],["AND"]])"), "rule too short");
  EXPECT_EQ(error_of(R"([["!","arg_k","==","1"]])"), "bad 'not' expression");
  EXPECT_NE(error_of(R"([["arg_k","~~","("]])"), "none");
}

TEST(LuaNumber, AsTonumber) {
  EXPECT_EQ(lua_number("12"), 12);
  EXPECT_EQ(lua_number(" -1.5e2\n"), -150);
  EXPECT_EQ(lua_number("+.5"), 0.5);
  EXPECT_EQ(lua_number("5."), 5);
  EXPECT_EQ(lua_number("0xfF"), 255);
  EXPECT_EQ(lua_number("-0x10"), -16);
  for (auto bad : {"", " ", "-", "--1", "+-1", "0x", "1 2", "1a", "e5", "0x-1"}) {
    EXPECT_FALSE(lua_number(bad)) << bad;
  }
}

}  // namespace
}  // namespace pylon::expr

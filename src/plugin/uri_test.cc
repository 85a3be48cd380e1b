#include "plugin/uri.h"

#include <gtest/gtest.h>

#include "base/arena.h"
#include "http/exchange.h"

namespace pylon::plugin {
namespace {

TEST(Uri, PathsAreEncodedAsNginxDoes) {
  Arena arena;
  EXPECT_EQ(encode_path("/plain/path-1_~", arena), "/plain/path-1_~");
  EXPECT_EQ(encode_path("/a b?c%d#\r\n\xc3\xa4", arena), "/a%20b%3Fc%25d%23%0D%0A%C3%A4");
  EXPECT_EQ(encode_path("", arena), "");
}

TEST(Uri, QueriesOnlyLoseTheirControls) {
  Arena arena;
  EXPECT_EQ(encode_controls("?a=b&c=%20 \r\n", arena), "?a=b&c=%20%20%0D%0A");
}

TEST(Uri, TargetsOfAllForms) {
  EXPECT_EQ(target_path("/a/b?c=d"), "/a/b");
  EXPECT_EQ(target_path("http://host/a?b"), "/a");
  EXPECT_EQ(target_path("http://host?b"), "/");
  EXPECT_EQ(target_path("http://host"), "/");
  EXPECT_EQ(target_path("*"), "*");
  EXPECT_EQ(target_path(""), "");
}

TEST(Uri, FindsArguments) {
  Arena arena;
  Argument argument = find_argument("a=1&key=x%20y+z&b", "key", arena);
  EXPECT_EQ(argument.found, Argument::Found::one);
  EXPECT_EQ(argument.value, "x y z");
  EXPECT_EQ(find_argument("a=1&a=2", "a", arena).found, Argument::Found::many);
  EXPECT_EQ(find_argument("k%65y=1", "key", arena).value, "1");
  EXPECT_EQ(find_argument("key", "key", arena).found, Argument::Found::one);
  EXPECT_EQ(find_argument("key=%zz%4", "key", arena).value, "%zz%4");
  EXPECT_EQ(find_argument("", "key", arena).found, Argument::Found::none);
  EXPECT_EQ(find_argument("&&=&", "key", arena).found, Argument::Found::none);
}

TEST(Uri, RemovesArguments) {
  Arena arena;
  http::Exchange exchange(arena);
  exchange.request.target = "/p%20q?a=1&key=2&b=%41";
  exchange.request.args = "a=1&key=2&b=%41";
  exchange.request.has_args = true;
  remove_argument(exchange, "none");
  EXPECT_TRUE(exchange.forward.uri.empty());
  remove_argument(exchange, "key");
  EXPECT_EQ(exchange.request.args, "a=1&b=%41");
  EXPECT_EQ(exchange.forward.uri, "/p%20q?a=1&b=%41");
  remove_argument(exchange, "a");
  remove_argument(exchange, "b");
  EXPECT_EQ(exchange.forward.uri, "/p%20q");
  EXPECT_FALSE(exchange.request.has_args);
}

}  // namespace
}  // namespace pylon::plugin

#include "http/h1/parser.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace pylon::http::h1 {
namespace {

struct Parsed {
  Arena arena;
  Request request{arena};
  ParseResult result;
};

std::unique_ptr<Parsed> parse(std::string_view text, const HeadLimits& limits = {}) {
  auto parsed = std::make_unique<Parsed>();
  parsed->result = parse_request_head(text, limits, parsed->request);
  return parsed;
}

TEST(RequestHead, TakesAnOrdinaryRequestApart) {
  std::string text =
      "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\naccept:  */* \t\r\nX-Empty:\r\n\r\nrest";
  auto parsed = parse(text);
  ASSERT_EQ(parsed->result.state, Parse::complete);
  EXPECT_EQ(parsed->result.head_bytes, text.size() - 4);
  EXPECT_EQ(parsed->request.method, Method::get);
  EXPECT_EQ(parsed->request.target, "/a?b=c");
  EXPECT_EQ(parsed->request.version, Version::http11);
  EXPECT_EQ(parsed->request.fields.get(FieldId::host), "example.org");
  EXPECT_EQ(parsed->request.fields.get("Accept"), "*/*");
  EXPECT_TRUE(parsed->request.fields.contains("x-empty"));
  EXPECT_EQ(parsed->request.fields.get("x-empty"), "");
}

TEST(RequestHead, FieldsAreTheSameHoweverTheyArePadded) {
  for (std::string_view between : {":", ": ", ":  ", ":\t"}) {
    for (std::string_view behind : {"", " ", "\t "}) {
      std::string text = "GET / HTTP/1.1\r\n";
      for (std::string_view name :
           {"TE", "via", "Host", "X", "x-forwarded-for", "X-Long-And-Unknown"}) {
        text.append(name).append(between).append("a b").append(behind).append("\r\n");
      }
      text += "\r\n";
      auto parsed = parse(text);
      ASSERT_EQ(parsed->result.state, Parse::complete);
      const Fields& fields = parsed->request.fields;
      EXPECT_EQ(fields.size(), 6u);
      for (FieldId id : {FieldId::te, FieldId::via, FieldId::host, FieldId::x_forwarded_for}) {
        EXPECT_EQ(fields.get(id), "a b");
      }
      EXPECT_EQ(fields.get("x"), "a b");
      EXPECT_EQ(fields.get("x-long-and-unknown"), "a b");
    }
  }
}

TEST(RequestHead, EveryPrefixIsIncomplete) {
  std::string text = "\r\nPOST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
  for (size_t size = 0; size < text.size(); size++) {
    EXPECT_EQ(parse(text.substr(0, size))->result.state, Parse::incomplete) << size;
  }
  EXPECT_EQ(parse(text)->result.state, Parse::complete);
}

struct Refusal {
  const char* why;
  std::string text;
  int status;
};

class RefusedHead : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedHead, IsAnswered) {
  auto parsed = parse(GetParam().text);
  EXPECT_EQ(parsed->result.state, Parse::error) << GetParam().why;
  EXPECT_EQ(parsed->result.status, GetParam().status) << GetParam().why;
}

const std::string kLine = "GET / HTTP/1.1\r\n";

INSTANTIATE_TEST_SUITE_P(
    Rfc9112, RefusedHead,
    testing::Values(Refusal{"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n",
                            400},
                    Refusal{"bare LF after a field", kLine + "Host: a\n\r\n", 400},
                    Refusal{"bare CR in a value", kLine + "A: b\rc\r\n\r\n", 400},
                    Refusal{"NUL in a value", kLine + std::string("A: b\0c\r\n\r\n", 10), 400},
                    Refusal{"NUL in a name", kLine + std::string("A\0b: c\r\n\r\n", 10), 400},
                    Refusal{"folded line", kLine + "A: b\r\n c\r\n\r\n", 400},
                    Refusal{"folded line with a tab", kLine + "A: b\r\n\tc\r\n\r\n", 400},
                    Refusal{"space before the colon", kLine + "A : b\r\n\r\n", 400},
                    Refusal{"space before the first field", kLine + " A: b\r\n\r\n", 400},
                    Refusal{"no colon", kLine + "Ab\r\n\r\n", 400},
                    Refusal{"empty name", kLine + ": b\r\n\r\n", 400},
                    Refusal{"two spaces", "GET  / HTTP/1.1\r\n\r\n", 400},
                    Refusal{"tab as separator", "GET\t/ HTTP/1.1\r\n\r\n", 400},
                    Refusal{"no target", "GET HTTP/1.1\r\n\r\n", 400},
                    Refusal{"no version", "GET /\r\n\r\n", 400},
                    Refusal{"8-bit target", "GET /\xc3\xa9 HTTP/1.1\r\n\r\n", 400},
                    Refusal{"control in the target", "GET /\x01 HTTP/1.1\r\n\r\n", 400},
                    Refusal{"space after the version", "GET / HTTP/1.1 \r\n\r\n", 400},
                    Refusal{"lower-case version", "GET / http/1.1\r\n\r\n", 400},
                    Refusal{"version with two digits", "GET / HTTP/1.10\r\n\r\n", 400},
                    Refusal{"HTTP/2.0", "GET / HTTP/2.0\r\n\r\n", 505},
                    Refusal{"HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 505},
                    Refusal{"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
                    Refusal{"a TLS ClientHello", std::string("\x16\x03\x01\x02\x00", 5), 400},
                    Refusal{"DEL in a value", kLine + "A: b\x7f\r\n\r\n", 400}));

TEST(RequestHead, LimitsAreHeldWhileTheHeadIsStillComing) {
  HeadLimits limits{.line_bytes = 64, .head_bytes = 256, .field_bytes = 128, .fields = 4};
  EXPECT_EQ(parse("GET /" + std::string(80, 'a'), limits)->result.status, 414);
  EXPECT_EQ(parse(kLine + "A: " + std::string(200, 'a'), limits)->result.status, 431);
  std::string many = kLine;
  for (int i = 0; i < 5; i++) many += "A: b\r\n";
  EXPECT_EQ(parse(many + "\r\n", limits)->result.status, 431);
  EXPECT_EQ(parse(kLine + "A: " + std::string(100, 'a') + "\r\nB: " + std::string(100, 'b') +
                      "\r\nC: " + std::string(100, 'c'),
                  limits)
                ->result.status,
            431);
}

// A Field counts its name's octets in 16 bits: a longer one would turn into another name.
TEST(RequestHead, NamesAreAsLongAsAFieldCanTellWhateverTheLimits) {
  HeadLimits limits{.line_bytes = 64, .head_bytes = 1 << 20, .field_bytes = 1 << 20, .fields = 9};
  auto with_name = [](size_t size) {
    std::string long_value = "A: " + std::string(80'000, 'a') + "\r\n";
    return kLine + "Host: a\r\n" + long_value + std::string(size, 'n') + ": b\r\n\r\n";
  };
  std::string text = with_name(65535);
  auto longest = parse(text, limits);
  ASSERT_EQ(longest->result.state, Parse::complete);
  EXPECT_EQ(longest->request.fields.get(std::string(65535, 'n')), "b");
  for (size_t size : {65536, 65536 + 14, 200'000}) {
    EXPECT_EQ(parse(with_name(size), limits)->result.status, 431) << size;
  }
}

TEST(RequestHead, RelocatedFieldsPointIntoTheCopy) {
  std::string text = kLine + "Host: a\r\nB: c\r\n\r\n";
  auto parsed = parse(text);
  std::string copy = text;
  parsed->request.fields.relocate(copy.data() - text.data());
  text.assign(text.size(), '#');
  EXPECT_EQ(parsed->request.fields.get("b"), "c");
}

TEST(ResponseHead, TakesAnAnswerApart) {
  Arena arena;
  Response response(arena);
  int minor = -1;
  std::string text = "HTTP/1.0 404 Not  Found\r\nServer : x\r\n\r\n";
  ParseResult result = parse_response_head(text, {}, response, minor);
  ASSERT_EQ(result.state, Parse::complete);
  EXPECT_EQ(minor, 0);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.reason, "Not  Found");
  EXPECT_EQ(response.fields.get(FieldId::server), "x");  // RFC 9112 5.1: white space removed
}

TEST(ResponseHead, RefusesBadStatusLines) {
  for (const char* line :
       {"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 abc OK", "HTTP/2.0 200 OK",
        "http/1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 600 OK", "HTTP/1.1 099 OK", "ICY 200 OK",
        "HTTP/1.1 +20 OK", "HTTP/1.1\t200 OK"}) {
    Arena arena;
    Response response(arena);
    int minor;
    ParseResult result = parse_response_head(std::string(line) + "\r\n\r\n", {}, response, minor);
    EXPECT_EQ(result.state, Parse::error) << line;
  }
}

TEST(Trailers, RefuseFieldsThatMayNotStandThere) {
  Arena arena;
  Fields fields(arena);
  EXPECT_EQ(parse_trailers("X-Sum: 1\r\n\r\n", {}, fields).state, Parse::complete);
  EXPECT_EQ(parse_trailers("Content-Length: 1\r\n\r\n", {}, fields).state, Parse::error);
  EXPECT_EQ(parse_trailers("Host: a\r\n\r\n", {}, fields).state, Parse::error);
  EXPECT_EQ(parse_trailers("X-Consumer-Username: a\r\n\r\n", {}, fields).state, Parse::error);
}

TEST(WorthParsing, OnlyAtTheFirstLineAndAtTheEnd) {
  std::string text = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
  EXPECT_FALSE(worth_parsing(text.substr(0, 10), 5));
  EXPECT_TRUE(worth_parsing(text.substr(0, 16), 10));
  EXPECT_FALSE(worth_parsing(text.substr(0, 22), 16));
  EXPECT_TRUE(worth_parsing(text, 22));
  EXPECT_TRUE(worth_parsing(text, text.size() - 1));
}

}  // namespace
}  // namespace pylon::http::h1

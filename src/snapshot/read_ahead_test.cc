#include "snapshot/read_ahead.h"

#include <gtest/gtest.h>

#include "snapshot/builder_fixture_test.h"

namespace pylon::snapshot {
namespace {

using config::Kind;

class ReadAheadTest : public testing::Test {
 protected:
  // Routes, named by their place; every hundredth is wrong.
  explicit ReadAheadTest(size_t count = 10'000) {
    for (size_t i = 0; i < count; ++i) {
      std::string id = std::to_string(i);
      std::string uri = i % 100 == 99 ? "7" : "\"/r/" + id + "\"";
      changes_.push_back({Kind::route, id, R"({"uri":)" + uri + R"(,"upstream_id":"u"})", 1});
    }
    for (const Change& change : changes_) pointers_.push_back(&change);
  }

  void expect_draft(Draft& draft, size_t place) {
    if (place % 100 == 99) {
      EXPECT_FALSE(draft.content);
      return;
    }
    ASSERT_TRUE(draft.content);
    EXPECT_EQ(draft.as<config::Route>().uris[0], "/r/" + std::to_string(place));
    EXPECT_NE(draft.digest, 0u);
  }

  BuilderFixture fixture_;
  DraftReader reader_{fixture_.plugins.catalogue, nullptr};
  std::vector<Change> changes_;
  std::vector<const Change*> pointers_;
};

TEST_F(ReadAheadTest, GivesDraftsInTheOrderOfTheChanges) {
  for (unsigned threads : {0, 1, 3}) {
    ReadAhead ahead(reader_, pointers_, threads);
    for (size_t i = 0; i < changes_.size(); ++i) {
      Draft& draft = ahead.next();
      expect_draft(draft, i);
    }
  }
}

TEST_F(ReadAheadTest, MayEndBeforeAllIsTaken) {
  ReadAhead ahead(reader_, pointers_, 3);
  for (size_t i = 0; i < ReadAhead::kBlock + 1; ++i) {
    Draft& draft = ahead.next();
    expect_draft(draft, i);
  }
}

TEST_F(ReadAheadTest, TakesFewAndNone) {
  ReadAhead none(reader_, {}, 2);
  ReadAhead few(reader_, std::span(pointers_).first(3), 2);
  for (size_t i = 0; i < 3; ++i) {
    Draft& draft = few.next();
    expect_draft(draft, i);
  }
}

TEST(DraftTest, DigestsTellWhatWasSaid) {
  auto digest = [](std::string_view text, std::string_view except = {}) {
    return digest_of(*Json::parse(text), except);
  };
  EXPECT_EQ(digest(R"({"a":[1,"b",null]})"), digest(R"({ "a": [1, "b", null] })"));
  EXPECT_NE(digest(R"({"a":1})"), digest(R"({"a":"1"})"));
  EXPECT_NE(digest(R"({"a":1})"), digest(R"({"a":1.0})"));
  EXPECT_NE(digest(R"({"a":[],"b":1})"), digest(R"({"a":{},"b":1})"));
  EXPECT_NE(digest(R"([[1],2])"), digest(R"([[1,2]])"));
  EXPECT_NE(digest(R"({"a":true})"), digest(R"({"a":false})"));
  EXPECT_EQ(digest(R"({"a":1,"upstream":2})", "upstream"), digest(R"({"a":1})", "upstream"));
  EXPECT_NE(digest(R"({"a":1,"upstream":2})"), digest(R"({"a":1})"));
}

}  // namespace
}  // namespace pylon::snapshot

#include "snapshot/certificates.h"

#include <gtest/gtest.h>

#include "snapshot/builder_fixture_test.h"

namespace pylon::snapshot {
namespace {

using config::Kind;

class CertificatesTest : public testing::Test, protected BuilderFixture {
 protected:
  bool put_ssl(const std::string& id, const std::string& names, const std::string& more = "") {
    std::string text(128, 'x');
    return put(
        Kind::ssl, id,
        R"({"cert":")" + text + R"(","key":")" + text + R"(","snis":[)" + names + "]" + more + "}");
  }
  std::string shown(std::string_view name) const {
    const tls::ServerIdentity* identity = snapshot->certificates.server(name);
    return identity != nullptr ? identity->id : "none";
  }
};

TEST_F(CertificatesTest, TheMostSpecificNameWins) {
  EXPECT_TRUE(put_ssl("exact", R"("a.test")"));
  EXPECT_TRUE(put_ssl("star", R"("*.test","Other.Example.")"));
  EXPECT_EQ(shown("a.test"), "exact");
  EXPECT_EQ(shown("b.test"), "star");
  EXPECT_EQ(shown("other.example"), "star");
  EXPECT_EQ(shown("test"), "none");
  EXPECT_EQ(shown("b.a.test"), "none");
  EXPECT_EQ(shown(""), "none");
  EXPECT_EQ(shown(std::string(5000, 'a')), "none");
  EXPECT_TRUE(put_ssl("part", R"("*x.test")"));
  EXPECT_EQ(shown("fox.test"), "part");
  EXPECT_EQ(shown("x.test"), "part");
  EXPECT_EQ(shown("fog.test"), "star");
  EXPECT_TRUE(put_ssl("any", R"("*")"));
  EXPECT_EQ(shown("b.a.test"), "any");
  EXPECT_TRUE(erase(Kind::ssl, "part"));
  EXPECT_EQ(shown("fox.test"), "star");
  EXPECT_TRUE(snapshot->certificates.partial_stars.empty());
}

TEST_F(CertificatesTest, AStarForAPartOfALabelGoesNoFarther) {
  EXPECT_TRUE(put_ssl("x", R"("*x.test")"));
  EXPECT_TRUE(put_ssl("box", R"("*box.test","*b.x.test")"));
  EXPECT_TRUE(put_ssl("word", R"("*word")"));
  EXPECT_EQ(shown("sandbox.test"), "box");  // the longest
  EXPECT_EQ(shown("vox.test"), "x");
  EXPECT_EQ(shown("ab.x.test"), "box");
  EXPECT_EQ(shown("a.x.test"), "none");  // "*x.test" has no label for "a"
  EXPECT_EQ(shown("a.box.test"), "none");
  EXPECT_EQ(shown("password"), "word");
  EXPECT_EQ(shown("a.word"), "none");
  EXPECT_TRUE(put_ssl("a", R"("*box.test")"));  // the smaller id has it
  EXPECT_EQ(shown("box.test"), "a");
  EXPECT_TRUE(erase(Kind::ssl, "a"));
  EXPECT_EQ(shown("box.test"), "box");
  EXPECT_TRUE(erase(Kind::ssl, "box"));
  EXPECT_EQ(shown("box.test"), "x");
  EXPECT_EQ(shown("ab.x.test"), "none");
}

TEST_F(CertificatesTest, ObjectsComeChangeAndGo) {
  EXPECT_TRUE(put_ssl("1", R"("a.test","b.test")"));
  EXPECT_FALSE(put_ssl("1", R"("a.test","b.test")"));
  EXPECT_TRUE(put_ssl("2", R"("a.test")"));
  EXPECT_EQ(shown("a.test"), "1");  // two claim it
  EXPECT_TRUE(put_ssl("1", R"("b.test")"));
  EXPECT_EQ(shown("a.test"), "2");
  EXPECT_TRUE(put_ssl("2", R"("a.test")", R"(,"status":0)"));
  EXPECT_EQ(shown("a.test"), "none");
  EXPECT_TRUE(erase(Kind::ssl, "1"));
  EXPECT_EQ(shown("b.test"), "none");
  EXPECT_FALSE(erase(Kind::ssl, "1"));
  EXPECT_TRUE(snapshot->certificates.servers.empty());
}

TEST_F(CertificatesTest, DemandsAreCountedAndClientsKeptApart) {
  std::string ca(128, 'x');
  EXPECT_TRUE(put_ssl("1", R"("a.test")", R"(,"client":{"ca":")" + ca + R"("})"));
  EXPECT_EQ(snapshot->certificates.demanding, 1u);
  EXPECT_TRUE(put_ssl("1", R"("a.test")"));
  EXPECT_EQ(snapshot->certificates.demanding, 0u);
  std::string pair = R"({"type":"client","cert":")" + ca + R"(","key":")" + ca + R"("})";
  EXPECT_TRUE(put(Kind::ssl, "c", pair));
  EXPECT_NE(snapshot->certificates.client("c"), nullptr);
  EXPECT_EQ(snapshot->certificates.client("1"), nullptr);
  EXPECT_TRUE(erase(Kind::ssl, "c"));
  EXPECT_EQ(snapshot->certificates.client("c"), nullptr);
}

}  // namespace
}  // namespace pylon::snapshot

// The parts of the etcd store that need no etcd.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/etcd/client.h"
#include "store/etcd/mirror.h"
#include "store/etcd/wire.h"

namespace pylon::store::etcd {
namespace {

Json json(std::string_view text) { return Json::parse(text).value(); }

TEST(EtcdEndpoint, IsAUrlWithoutPath) {
  EXPECT_EQ(Endpoint::parse("http://127.0.0.1:2379")->text(), "http://127.0.0.1:2379");
  EXPECT_EQ(Endpoint::parse("https://etcd.local/")->text(), "https://etcd.local:2379");
  EXPECT_EQ(Endpoint::parse("http://[::1]:80")->text(), "http://[::1]:80");
  for (std::string_view bad : {"127.0.0.1:2379", "http://", "http://a:0", "http://a:70000",
                               "http://a:1x", "http://a/b", "http://[::1", "http://u@a:1"}) {
    EXPECT_FALSE(Endpoint::parse(bad)) << bad;
  }
}

TEST(EtcdWire, RangesCoverAPrefix) {
  EXPECT_EQ(range_request(range_of("/a/")), R"({"key":"L2Ev","range_end":"L2Ew"})");
  EXPECT_EQ(range_request(range_of("")), R"({"key":"AA==","range_end":"AA=="})");
  EXPECT_EQ(range_request({.first = "/a"}), R"({"key":"L2E="})");
}

TEST(EtcdWire, TransactionsCompareAndTellWhatWasThere) {
  Transaction transaction;
  transaction.compares = {{"/a", 7}};
  transaction.operations = {{Operation::Kind::put, "/a", "1"}, {Operation::Kind::erase, "/b"}};
  EXPECT_EQ(txn_request(transaction, {.leases = {5, 0}}),
            R"({"compare":[{"key":"L2E=","target":"MOD","result":"EQUAL","mod_revision":"7"}],)"
            R"("success":[{"request_put":{"key":"L2E=","value":"MQ==","prev_kv":true,)"
            R"("lease":"5"}},{"request_delete_range":{"key":"L2I="}}]})");
  auto done = read_txn(json(R"({"header":{"revision":"9"},"succeeded":true,"responses":[)"
                            R"({"response_put":{"prev_kv":{"key":"L2E="}}},)"
                            R"({"response_delete_range":{"deleted":"1"}}]})"),
                       transaction);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->header.revision, 9);
  EXPECT_EQ(done->existed, (std::vector<size_t>{1, 1}));
  EXPECT_FALSE(read_txn(json(R"({"header":{"revision":"9"}})"), transaction)->succeeded);
  EXPECT_FALSE(read_txn(json(R"({"header":{"revision":"9"},"succeeded":true})"), transaction));
}

TEST(EtcdWire, TheOriginGoesAlong) {
  Transaction two;
  two.operations = {{Operation::Kind::put, "/a", "1"}, {Operation::Kind::erase, "/b"}};
  std::string text = txn_request(two, {.leases = {}, .origin_key = "o", .origin = "x"});
  EXPECT_NE(text.find(R"(}},{"request_put":{"key":"bw==","value":"eA=="}}]})"), text.npos) << text;
  auto done = read_txn(json(R"({"header":{"revision":"9"},"succeeded":true,"responses":[)"
                            R"({"response_put":{}},{"response_delete_range":{}},)"
                            R"({"response_put":{}}]})"),
                       two);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->existed, (std::vector<size_t>{0, 0}));

  Transaction one;
  one.operations = {{Operation::Kind::erase, "/b"}};
  text = txn_request(one, {.leases = {}, .origin_key = "o", .origin = "x"});
  EXPECT_NE(text.find(R"("success":[{"request_txn":{"compare":[{"key":"L2I=","target":"VERSION")"),
            text.npos)
      << text;
  done = read_txn(json(R"({"header":{"revision":"9"},"succeeded":true,"responses":[)"
                       R"({"response_txn":{"succeeded":true}},)"
                       R"({"response_delete_range":{"deleted":"1"}}]})"),
                  one);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->existed, std::vector<size_t>{1});

  Authorship read = read_authorship(write_authorship({{"a", "s", "c"}, 7}));
  EXPECT_EQ(read.origin.comment, "c");
  EXPECT_EQ(read.time_us, 7);
  EXPECT_EQ(read_authorship("init").time_us, 0);
}

TEST(EtcdWire, EventsAreGroupedByRevision) {
  auto message =
      read_watch(R"({"result":{"header":{"revision":"6"},"events":[)"
                 R"({"kv":{"key":"L2E=","mod_revision":"4","value":"MQ=="}},)"
                 R"({"type":"DELETE","kv":{"key":"L2I=","mod_revision":"4"}},)"
                 R"({"kv":{"key":"L2Ev","mod_revision":"5","value":"MQ=="}},)"
                 R"({"kv":{"key":"L2EvcHlsb24vb3JpZ2lu","mod_revision":"5","value":"MQ=="}}]}})");
  ASSERT_TRUE(message);
  ASSERT_EQ(message->sets.size(), 2u);
  EXPECT_EQ(message->sets[0].changes.size(), 2u);
  EXPECT_TRUE(message->sets[0].changes[1].erased);
  EXPECT_TRUE(message->sets[1].changes.empty()) << "a directory of APISIX is no resource";
  ASSERT_EQ(message->origins.size(), 1u);
  EXPECT_EQ(message->origins[0].first, 5);
}

TEST(EtcdWire, KeysThatAreNoTextAreHidden) {
  EXPECT_FALSE(is_hidden("/apisix/routes/\xc3\xa4"));
  for (std::string_view key : {"/apisix/routes/", "/apisix/pylon/origin", "/apisix/routes/\xff"}) {
    EXPECT_TRUE(is_hidden(key)) << key;
  }
  EXPECT_FALSE(is_origin("/apisix/routes/\xff"));
}

TEST(EtcdWire, RefusalsAreToldApart) {
  EXPECT_EQ(refusal_of(16, "etcdserver: invalid auth token").fault, Fault::unauthenticated);
  EXPECT_EQ(refusal_of(3, "etcdserver: user name is empty").fault, Fault::unauthenticated);
  EXPECT_EQ(refusal_of(11, "etcdserver: mvcc: required revision has been compacted").fault,
            Fault::compacted);
  EXPECT_EQ(refusal_of(8, "etcdserver: mvcc: database space exceeded").fault, Fault::full);
  EXPECT_EQ(refusal_of(14, "etcdserver: no leader").fault, Fault::unavailable);
  EXPECT_EQ(refusal_of(7, "etcdserver: permission denied").failure().kind, Failure::Kind::refused);
  Refusal many = refusal_of(3, "etcdserver: too many operations in txn request");
  EXPECT_EQ(many.failure().kind, Failure::Kind::refused);
  EXPECT_NE(many.message.find("128"), std::string::npos);
  EXPECT_EQ(read_refusal(502, "<html>").fault, Fault::unavailable);
}

// A mirror as the store fills it, and listings as etcd gives them.
struct Mirrored {
  Mirrored(const std::vector<Entry>& all, int64_t revision) {
    mirror.begin_filling();
    for (const Entry& entry : all) mirror.fill(entry);
    mirror.end_filling(revision, 1);
  }

  // Each entry is a page.
  void list(const std::vector<Entry>& listed, int64_t revision) {
    for (const Entry& entry : listed) mirror.compare({entry}, revision);
    for (size_t part = 0; part < Mirror::kParts; ++part) mirror.compare_rest(part);
  }
  std::string difference(const std::vector<Entry>& listed, int64_t revision) {
    mirror.begin_comparison();
    list(listed, revision);
    return mirror.end_comparison().value_or("");
  }

  Mirror mirror{"/"};
};

Entry entry(const std::string& key, int64_t created, int64_t modified) {
  return {key, "{}", created, modified};
}

TEST(EtcdMirror, CutsItsKeysInPieces) {
  std::vector<Entry> all;
  for (size_t i = 0; i < 2 * Mirror::kPieceKeys; ++i) {
    all.push_back(entry("/" + std::to_string(100'000 + i), 2, 2));
  }
  Mirrored of_many(all, 5);
  EXPECT_EQ(of_many.mirror.bounds(), (std::vector<std::string>{"/100999", "/101999"}));
  EXPECT_TRUE(Mirrored({all[0]}, 6).mirror.bounds().empty());
}

TEST(EtcdMirror, FindsWhatDiffers) {
  std::vector<Entry> all = {entry("/a", 2, 2), entry("/b", 3, 5), entry("/c", 4, 4)};
  Mirrored here(all, 5);
  EXPECT_EQ(here.difference(all, 5), "");
  EXPECT_EQ(here.difference({all[0], all[1]}, 5), "/c is not in etcd");
  EXPECT_EQ(here.difference({all[1], all[2]}, 5), "/a is not in etcd");
  EXPECT_EQ(here.difference({all[0], all[1], entry("/bb", 6, 6), all[2]}, 6),
            "/bb is missing here");
  EXPECT_EQ(here.difference({all[0], entry("/b", 3, 6), all[2]}, 6),
            "/b is of revision 6 in etcd, and of 5 here");
  EXPECT_EQ(here.difference(all, 5), "");
}

TEST(EtcdMirror, KnowsWhatCameDuringTheComparison) {
  std::vector<Entry> all = {entry("/a", 2, 2), entry("/b", 3, 5)};
  Mirrored here(all, 5);
  Mirror& mirror = here.mirror;
  mirror.begin_comparison();
  mirror.apply({6, {{entry("/a", 0, 6), true}}});
  mirror.apply({7, {{entry("/b", 3, 7), false}, {entry("/c", 7, 7), false}}});
  here.list(all, 5);
  EXPECT_EQ(mirror.end_comparison(), std::nullopt);
  EXPECT_EQ(here.difference(all, 7), "/a is missing here");
}

// A feed that tells a page's changes only after the page has been looked at.
TEST(EtcdMirror, WaitsForWhatIsOnItsWay) {
  Mirrored here({entry("/a", 2, 2), entry("/b", 3, 5)}, 5);
  std::vector<Entry> newer = {entry("/b", 3, 6), entry("/c", 7, 7)};
  for (bool told : {false, true}) {
    here.mirror.begin_comparison();
    here.list(newer, 8);
    if (told) {
      here.mirror.apply({6, {{entry("/b", 3, 6), false}}});
      here.mirror.apply({7, {{entry("/c", 7, 7), false}}});
      here.mirror.apply({8, {{entry("/a", 0, 8), true}}});
    }
    EXPECT_EQ(here.mirror.end_comparison().has_value(), !told);
  }
  EXPECT_EQ(here.difference(newer, 8), "");
}

// The pages are of revision 5; the feed is ahead of them, or behind.
TEST(EtcdMirror, KeepsWhatIsToldWhileItIsFilled) {
  Mirrored here({entry("/a", 2, 2)}, 3);
  Mirror& mirror = here.mirror;
  mirror.begin_filling();
  EXPECT_TRUE(mirror.apply({5, {{entry("/b", 3, 5), false}}}));
  EXPECT_TRUE(mirror.apply({6, {{entry("/a", 0, 6), true}}}));
  mirror.fill(entry("/a", 2, 2));
  mirror.fill(entry("/b", 3, 5));
  EXPECT_TRUE(mirror.apply({7, {{entry("/b", 3, 7), false}, {entry("/c", 7, 7), false}}}));
  EXPECT_FALSE(mirror.apply({6, {{entry("/a", 0, 6), true}}}));
  mirror.end_filling(5, 1);
  EXPECT_EQ(mirror.revision(), 7);
  EXPECT_EQ(here.difference({entry("/b", 3, 7), entry("/c", 7, 7)}, 7), "");
  EXPECT_FALSE(mirror.apply({7, {{entry("/c", 0, 7), true}}}));
  EXPECT_TRUE(mirror.apply({8, {{entry("/c", 0, 8), true}}}));
  EXPECT_EQ(here.difference({entry("/b", 3, 7)}, 8), "");
}

TEST(EtcdMirror, IsToldAgainWhatIsTooMuchToKeep) {
  Mirrored here({}, 3);
  Mirror& mirror = here.mirror;
  mirror.begin_filling();
  int64_t revision = 3;
  while (!mirror.lacks_changes()) {
    ++revision;
    mirror.apply({revision, {{entry("/a", 4, revision), false}}});
  }
  EXPECT_EQ(static_cast<size_t>(revision - 3), Mirror::kMostTold);
  mirror.apply({revision + 1, {{entry("/b", revision + 1, revision + 1), false}}});
  mirror.fill(entry("/a", 4, 5));
  mirror.end_filling(5, 1);
  EXPECT_FALSE(mirror.lacks_changes());
  EXPECT_EQ(mirror.revision(), 5);
  EXPECT_TRUE(mirror.apply({6, {{entry("/a", 4, 6), false}}}));
  EXPECT_EQ(here.difference({entry("/a", 4, 6)}, 6), "");
}

// Another cluster may be younger.
TEST(EtcdMirror, AFillingMayGoBack) {
  Mirrored here({entry("/a", 90, 90)}, 100);
  here.mirror.begin_filling();
  here.mirror.fill(entry("/a", 2, 2));
  here.mirror.end_filling(5, 2);
  EXPECT_EQ(here.mirror.revision(), 5);
  EXPECT_TRUE(here.mirror.apply({6, {{entry("/a", 2, 6), false}}}));
}

TEST(EtcdMirror, KnowsTheNewestOfAFolder) {
  Mirror mirror("/p/");
  EXPECT_EQ(mirror.newest_in("/p/routes/"), std::nullopt);
  mirror.begin_filling();
  mirror.fill(entry("/p/consumers/bob", 2, 3));
  mirror.fill(entry("/p/consumers/bob/credentials/1", 4, 4));
  mirror.fill(entry("/p/routes/1", 2, 2));
  mirror.apply({6, {{entry("/p/routes/2", 6, 6), false}}});
  mirror.end_filling(5, 1);
  EXPECT_EQ(mirror.newest_in("/p/consumers/"), 4);
  EXPECT_EQ(mirror.newest_in("/p/routes/"), 6);
  EXPECT_EQ(mirror.newest_in("/p/services/"), 0);
  mirror.apply({7, {{entry("/p/routes/2", 0, 7), true}}});
  mirror.apply({8, {{entry("/p/services/1", 8, 8), false}}});
  EXPECT_EQ(mirror.newest_in("/p/routes/"), 6);
  EXPECT_EQ(mirror.newest_in("/p/services/"), 8);
  for (std::string_view other : {"", "/", "/p/", "/p/routes", "/p/consumers/bob/credentials/"}) {
    EXPECT_EQ(mirror.newest_in(other), std::nullopt) << other;
  }
}

TEST(EtcdMirror, AFillingEndsTheComparison) {
  Mirrored here({entry("/a", 2, 2)}, 5);
  here.mirror.begin_comparison();
  EXPECT_TRUE(here.mirror.comparing());
  here.mirror.begin_filling();
  EXPECT_FALSE(here.mirror.comparing());
}

}  // namespace
}  // namespace pylon::store::etcd

// The parts of the etcd store that need no etcd.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "store/etcd/client.h"
#include "store/etcd/copy_file.h"
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

Mirror::Held held(const std::string& key, int64_t created, int64_t modified) {
  return std::make_shared<const Entry>(Entry{key, "{}", created, modified});
}

std::vector<Entry> listed(const std::vector<Mirror::Held>& held) {
  std::vector<Entry> entries;
  for (const auto& entry : held) entries.push_back(*entry);
  return entries;
}

TEST(EtcdMirror, CutsItsKeysInPieces) {
  Mirror mirror;
  std::vector<Mirror::Held> all;
  for (size_t i = 0; i < 2 * Mirror::kPieceKeys; ++i) {
    all.push_back(held("/" + std::to_string(100'000 + i), 2, 2));
  }
  mirror.replace(all, 5, 1);
  EXPECT_EQ(mirror.bounds(), (std::vector<std::string>{"/104999", "/109999"}));
  mirror.replace({all[0]}, 6, 1);
  EXPECT_TRUE(mirror.bounds().empty());
}

TEST(EtcdMirror, FindsWhatDiffers) {
  Mirror mirror;
  std::vector<Mirror::Held> all = {held("/a", 2, 2), held("/b", 3, 5), held("/c", 4, 4)};
  mirror.replace(all, 5, 1);
  auto differs = [&](const std::vector<Entry>& list, int64_t revision) {
    mirror.begin_comparison();
    return mirror.difference(list, revision).value_or("");
  };
  EXPECT_EQ(differs(listed(all), 5), "");
  EXPECT_EQ(differs(listed({all[0], all[1]}), 5), "/c is not in etcd");
  EXPECT_EQ(differs(listed({all[1], all[2]}), 5), "/a is not in etcd");
  EXPECT_EQ(differs(listed({all[0], all[1], held("/bb", 6, 6), all[2]}), 6), "/bb is missing here");
  EXPECT_EQ(differs(listed({all[0], held("/b", 3, 6), all[2]}), 6),
            "/b is of revision 6 in etcd, and of 5 here");
}

TEST(EtcdMirror, KnowsWhatCameDuringTheComparison) {
  Mirror mirror;
  std::vector<Mirror::Held> all = {held("/a", 2, 2), held("/b", 3, 5)};
  mirror.replace(all, 5, 1);
  mirror.begin_comparison();
  mirror.apply({6, {{Entry{"/a", "", 0, 6}, true}}});
  mirror.apply({7, {{Entry{"/b", "{}", 3, 7}, false}, {Entry{"/c", "{}", 7, 7}, false}}});
  EXPECT_FALSE(mirror.difference(listed(all), 5));
  mirror.begin_comparison();
  EXPECT_TRUE(mirror.difference(listed(all), 7));
}

TEST(EtcdCopy, IsReadAsItWasWritten) {
  Copy copy{.cluster_id = 14841639068965178418u, .revision = 12, .saved_s = 1, .entries = {}};
  copy.entries = {held("/a", 2, 2), std::make_shared<const Entry>(Entry{"/\n", "\n 1\n", 3, 4})};
  std::string text = write_copy(copy);
  auto read = read_copy(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->cluster_id, copy.cluster_id);
  EXPECT_EQ(read->revision, 12);
  ASSERT_EQ(read->entries.size(), 2u);
  EXPECT_EQ(read->entries[1]->key, "/\n");
  EXPECT_EQ(read->entries[1]->value, "\n 1\n");
  for (size_t size : {size_t{0}, text.size() - 1, text.size() / 2}) {
    EXPECT_FALSE(read_copy(std::string_view(text).substr(0, size)));
  }
  text[text.size() - 3] ^= 1;
  EXPECT_EQ(read_copy(text).error().message, "it is damaged: its digest does not fit");
}

}  // namespace
}  // namespace pylon::store::etcd

// What is said to etcd v3 and what it answers, in the JSON form of its gRPC gateway: octets are
// base64, 64-bit numbers are texts, fields with their default value are left out.
//
// Pure functions. Source: etcd docs, "gRPC gateway" and the API reference (rpc.proto, kv.proto).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/secret.h"
#include "base/strings.h"
#include "store/store.h"

namespace pylon::store::etcd {

struct Header {
  uint64_t cluster_id = 0;
  int64_t revision = 0;
};

// Under the prefix: who made the change of a revision, when and why, written by the same
// transaction. Its older versions are the history's. APISIX knows no such type, and leaves it
// alone.
constexpr std::string_view kOriginKey = "pylon/origin";

// Keys that hold nothing of the configuration: that one, directories as APISIX makes them
// ("/apisix/routes/" -> init_dir), and those that are no UTF-8, which no JSON could tell.
inline bool is_origin(std::string_view key) {
  if (key == kOriginKey) return true;
  return key.ends_with(kOriginKey) && key[key.size() - kOriginKey.size() - 1] == '/';
}
inline bool is_hidden(std::string_view key) {
  return key.ends_with('/') || is_origin(key) || !is_valid_utf8(key);
}

struct Authorship {
  Origin origin;
  int64_t time_us = 0;  // since 1970; 0: not known
};
std::string write_authorship(const Authorship& authorship);
Authorship read_authorship(std::string_view text);  // what cannot be read is empty

// ---- POST /v3/kv/range

struct RangeQuery {
  std::string first;       // the key; the first one, when `end` is not empty
  std::string end = {};    // before this one; "\0": to the last
  int64_t revision = 0;    // 0: the newest
  size_t limit = 0;        // 0: all
  bool keys_only = false;  // without the values
};
// Every key that begins with the prefix.
RangeQuery range_of(std::string_view prefix);
std::string range_request(const RangeQuery& query);

struct RangeAnswer {
  Header header;
  std::vector<Entry> entries;  // by key
  bool more = false;           // the limit has cut it off
};
Outcome<RangeAnswer> read_range(const Json& answer);

// ---- POST /v3/kv/txn, of reads: at most 128, unless the server says otherwise

std::string gets_request(std::span<const std::string> keys, int64_t revision);
Outcome<RangeAnswer> read_gets(const Json& answer);  // the keys that are there, in their order

// ---- POST /v3/kv/txn

// What goes with a transaction.
struct TxnExtras {
  std::vector<int64_t> leases = {};  // one per operation, 0: none; empty: none at all
  std::string origin_key = {};       // empty: nobody is told to be the author
  std::string origin = {};           // its value
};
std::string txn_request(const Transaction& transaction, const TxnExtras& extras);

struct TxnAnswer {
  Header header;
  bool succeeded = false;
  std::vector<size_t> existed;  // per operation: how many keys were there before
};
Outcome<TxnAnswer> read_txn(const Json& answer, const Transaction& transaction);

// ---- POST /v3/lease/grant, /v3/lease/revoke, /v3/auth/authenticate

std::string grant_request(int64_t ttl_s);
std::string revoke_request(int64_t lease);
Outcome<int64_t> read_lease(const Json& answer);
std::string authenticate_request(const std::string& user, const Secret& password);
Outcome<Secret> read_token(const Json& answer);

// ---- POST /v3/watch: a line of JSON for each message

std::string watch_request(std::string_view prefix, int64_t first_revision);

struct WatchMessage {
  Header header;
  bool created = false;
  bool canceled = false;
  int64_t compact_revision = 0;  // canceled: the changes before it are gone
  std::string reason;            // canceled
  std::vector<ChangeSet> sets;   // by revision; whole revisions, without hidden keys
  std::vector<std::pair<int64_t, std::string>> origins;  // by revision
};
// The error is etcd's, or that the line cannot be understood.
Outcome<WatchMessage> read_watch(std::string_view line);

// ---- refusals

enum class Fault : uint8_t {
  unavailable,      // this member cannot answer now; another one may
  unauthenticated,  // no token, or one that has ended
  compacted,        // the revision asked for is gone
  full,
  refused,
};
struct Refusal {
  Fault fault = Fault::refused;
  std::string message;

  Failure failure() const;
};
// Of an answer whose status is not 200.
Refusal read_refusal(int status, std::string_view body);
// Of an error's number in gRPC and its text.
Refusal refusal_of(int64_t code, std::string_view message);

}  // namespace pylon::store::etcd

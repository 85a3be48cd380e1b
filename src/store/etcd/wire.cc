#include "store/etcd/wire.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/strings.h"

namespace pylon::store::etcd {
namespace {

constexpr Json::Limits kAnswerLimits{.max_depth = 32, .max_bytes = size_t{1} << 30};

// gRPC's numbers.
constexpr int64_t kInvalidArgument = 3;
constexpr int64_t kPermissionDenied = 7;
constexpr int64_t kExhausted = 8;
constexpr int64_t kOutOfRange = 11;
constexpr int64_t kUnavailable = 14;
constexpr int64_t kUnauthenticated = 16;

Json octets(std::string_view text) { return Json(base64_encode(text)); }
Json number(int64_t value) { return Json(std::to_string(value)); }

template <class T>
T read_number(const Json* value) {
  if (value == nullptr) return 0;
  if (!value->is_string()) return static_cast<T>(value->as_int());
  std::string_view text = value->as_string();
  T out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

bool read_flag(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value != nullptr && value->as_bool();
}

std::string_view read_text(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value != nullptr ? value->as_string() : std::string_view{};
}

Header read_header(const Json& answer) {
  const Json* header = answer.find("header");
  if (header == nullptr) return {};
  return {read_number<uint64_t>(header->find("cluster_id")),
          read_number<int64_t>(header->find("revision"))};
}

tl::unexpected<Failure> not_understood(std::string_view what) {
  return failed(Failure::Kind::unavailable,
                fmt::format("etcd's answer cannot be understood: {}", what));
}

bool read_entry(const Json& kv, Entry& entry) {
  auto key = base64_decode(read_text(kv, "key"));
  auto value = base64_decode(read_text(kv, "value"));
  if (!key || !value || key->empty()) return false;
  entry.key = std::move(*key);
  entry.value = std::move(*value);
  entry.create_revision = read_number<int64_t>(kv.find("create_revision"));
  entry.mod_revision = read_number<int64_t>(kv.find("mod_revision"));
  return true;
}

// False: one of them makes no sense.
bool read_keys(const Json& range, std::vector<Entry>& entries) {
  const Json* kvs = range.find("kvs");
  if (kvs == nullptr) return true;
  entries.reserve(entries.size() + kvs->size());
  return std::all_of(kvs->items().begin(), kvs->items().end(),
                     [&](const Json& kv) { return read_entry(kv, entries.emplace_back()); });
}

Json operation(const Operation& from, int64_t lease) {
  if (from.kind == Operation::Kind::put) {
    Json put =
        Json::object({{"key", octets(from.key)}, {"value", octets(from.value)}, {"prev_kv", true}});
    if (lease != 0) put["lease"] = number(lease);
    return Json::object({{"request_put", std::move(put)}});
  }
  Json range = Json::object({{"key", octets(from.key)}});
  if (from.kind == Operation::Kind::erase_prefix) {
    RangeQuery all = range_of(from.key);
    range = Json::object({{"key", octets(all.first)}, {"range_end", octets(all.end)}});
  }
  return Json::object({{"request_delete_range", std::move(range)}});
}

// Behind the others. A transaction that erases one key that is not there shall change nothing: the
// origin is then written only if the key is there, by a transaction within that runs first.
void add_origin(const Transaction& transaction, const TxnExtras& extras, Json& operations) {
  Json put = Json::object({{"request_put", Json::object({{"key", octets(extras.origin_key)},
                                                         {"value", octets(extras.origin)}})}});
  const Operation& first = transaction.operations.front();
  if (transaction.operations.size() > 1 || first.kind == Operation::Kind::put) {
    return operations.push_back(std::move(put));
  }
  Json there = Json::object(
      {{"key", octets(first.key)}, {"target", "VERSION"}, {"result", "GREATER"}, {"version", "0"}});
  if (first.kind == Operation::Kind::erase_prefix) {
    there["key"] = octets(range_of(first.key).first);
    there["range_end"] = octets(range_of(first.key).end);
  }
  Json within = Json::object(
      {{"compare", Json::array({std::move(there)})}, {"success", Json::array({std::move(put)})}});
  Json::Array& items = operations.items();
  items.insert(items.begin(), Json::object({{"request_txn", std::move(within)}}));
}

Json compare(const Compare& compare) {
  Json made = Json::object({{"key", octets(compare.key)}});
  if (compare.kind == Compare::Kind::there) {
    made["target"] = Json("CREATE");
    made["result"] = Json("GREATER");
    made["create_revision"] = number(0);
    return made;
  }
  bool is_prefix = compare.kind == Compare::Kind::unwritten;
  if (is_prefix) made["range_end"] = octets(range_of(compare.key).end);
  made["target"] = Json("MOD");
  made["result"] = Json(is_prefix ? "LESS" : "EQUAL");
  made["mod_revision"] = number(compare.revision + (is_prefix ? 1 : 0));
  return made;
}

// False: it makes no sense.
bool read_event(const Json& event, Change& change) {
  const Json* kv = event.find("kv");
  if (kv == nullptr || !read_entry(*kv, change.entry)) return false;
  change.erased = read_text(event, "type") == "DELETE";
  return change.entry.mod_revision > 0;
}

}  // namespace

// ---- range

RangeQuery range_of(std::string_view prefix) {
  const std::string zero(1, '\0');  // as a key: from the first; as an end: to the last
  std::string end = prefix.empty() ? std::string() : end_of_prefix(prefix);
  return {.first = prefix.empty() ? zero : std::string(prefix),
          .end = end.empty() ? zero : std::move(end)};
}

std::string range_request(const RangeQuery& query) {
  Json request = Json::object({{"key", octets(query.first)}});
  if (!query.end.empty()) request["range_end"] = octets(query.end);
  if (query.revision != 0) request["revision"] = number(query.revision);
  if (query.limit != 0) request["limit"] = number(static_cast<int64_t>(query.limit));
  if (query.keys_only) request["keys_only"] = Json(true);
  return request.dump();
}

Outcome<RangeAnswer> read_range(const Json& answer) {
  RangeAnswer range{
      .header = read_header(answer), .entries = {}, .more = read_flag(answer, "more")};
  if (range.header.revision <= 0) return not_understood("a range without a revision");
  if (!read_keys(answer, range.entries)) return not_understood("a key of a range");
  return range;
}

std::string gets_request(std::span<const std::string> keys, int64_t revision) {
  Json gets = Json::array();
  for (const std::string& key : keys) {
    Json range = Json::object({{"key", octets(key)}});
    if (revision != 0) range["revision"] = number(revision);
    gets.push_back(Json::object({{"request_range", std::move(range)}}));
  }
  return Json::object({{"success", std::move(gets)}}).dump();
}

Outcome<RangeAnswer> read_gets(const Json& answer) {
  RangeAnswer range{.header = read_header(answer), .entries = {}, .more = false};
  const Json* responses = answer.find("responses");
  bool understood = range.header.revision > 0 && responses != nullptr;
  if (!understood) return not_understood("a transaction of reads");
  for (const Json& response : responses->items()) {
    const Json* one = response.find("response_range");
    if (one == nullptr || !read_keys(*one, range.entries)) return not_understood("a key's answer");
  }
  return range;
}

// ---- txn

std::string write_authorship(const Authorship& authorship) {
  return Json::object({{"author", Json(authorship.origin.author)},
                       {"source", Json(authorship.origin.source)},
                       {"comment", Json(authorship.origin.comment)},
                       {"time_us", Json(authorship.time_us)}})
      .dump();
}

Authorship read_authorship(std::string_view text) {
  Result<Json> parsed = Json::parse(text);
  if (!parsed) return {};
  Authorship authorship;
  authorship.origin = {std::string(read_text(*parsed, "author")),
                       std::string(read_text(*parsed, "source")),
                       std::string(read_text(*parsed, "comment"))};
  authorship.time_us = read_number<int64_t>(parsed->find("time_us"));
  return authorship;
}

std::string txn_request(const Transaction& transaction, const TxnExtras& extras) {
  Json compares = Json::array();
  for (const Compare& each : transaction.compares) compares.push_back(compare(each));
  Json operations = Json::array();
  for (size_t i = 0; i < transaction.operations.size(); ++i) {
    int64_t lease = i < extras.leases.size() ? extras.leases[i] : 0;
    operations.push_back(operation(transaction.operations[i], lease));
  }
  if (!extras.origin_key.empty()) add_origin(transaction, extras, operations);
  return Json::object({{"compare", std::move(compares)}, {"success", std::move(operations)}})
      .dump();
}

Outcome<TxnAnswer> read_txn(const Json& answer, const Transaction& transaction) {
  TxnAnswer txn{
      .header = read_header(answer), .succeeded = read_flag(answer, "succeeded"), .existed = {}};
  if (txn.header.revision <= 0) return not_understood("a transaction without a revision");
  if (!txn.succeeded) return txn;
  const Json* responses = answer.find("responses");
  size_t wanted = transaction.operations.size();
  if (responses == nullptr) return not_understood("a transaction's answers");
  for (const Json& response : responses->items()) {
    bool of_origin = response.contains("response_txn") || txn.existed.size() == wanted;
    if (of_origin) continue;
    const Json* erased = response.find("response_delete_range");
    const Json* put = response.find("response_put");
    bool replaced = put != nullptr && put->contains("prev_kv");
    txn.existed.push_back(erased != nullptr ? read_number<size_t>(erased->find("deleted"))
                                            : size_t{replaced});
  }
  if (txn.existed.size() != wanted) return not_understood("a transaction's answers");
  return txn;
}

// ---- leases and tokens

std::string grant_request(int64_t ttl_s) { return Json::object({{"TTL", number(ttl_s)}}).dump(); }

std::string revoke_request(int64_t lease) { return Json::object({{"ID", number(lease)}}).dump(); }

Outcome<int64_t> read_lease(const Json& answer) {
  auto lease = read_number<int64_t>(answer.find("ID"));
  if (lease == 0) return not_understood("a lease without a number");
  return lease;
}

std::string authenticate_request(const std::string& user, const Secret& password) {
  return Json::object({{"name", Json(user)}, {"password", Json(password.expose())}}).dump();
}

Outcome<Secret> read_token(const Json& answer) {
  std::string_view token = read_text(answer, "token");
  bool plain = token.find_first_of("\r\n") == token.npos;
  if (token.empty() || !plain) return not_understood("it has no token");
  return Secret(token);
}

// ---- watch

std::string watch_request(std::string_view prefix, int64_t first_revision) {
  RangeQuery all = range_of(prefix);
  Json create = Json::object({{"key", octets(all.first)},
                              {"range_end", octets(all.end)},
                              {"start_revision", number(first_revision)},
                              {"progress_notify", true}});
  return Json::object({{"create_request", std::move(create)}}).dump();
}

Outcome<WatchMessage> read_watch(std::string_view line) {
  Result<Json> parsed = Json::parse(line, kAnswerLimits);
  if (!parsed) return not_understood(parsed.error().message);
  if (const Json* error = parsed->find("error")) {
    const Json* code = error->find("grpc_code");
    return tl::unexpected(
        refusal_of(code != nullptr ? code->as_int() : 0, read_text(*error, "message")).failure());
  }
  const Json* result = parsed->find("result");
  if (result == nullptr) return not_understood("a watch's message");
  WatchMessage message;
  message.header = read_header(*result);
  message.created = read_flag(*result, "created");
  message.canceled = read_flag(*result, "canceled");
  message.compact_revision = read_number<int64_t>(result->find("compact_revision"));
  message.reason = read_text(*result, "cancel_reason");
  const Json* events = result->find("events");
  if (events == nullptr) return message;
  for (const Json& event : events->items()) {
    Change change;
    if (!read_event(event, change)) return not_understood("an event of a watch");
    int64_t revision = change.entry.mod_revision;
    if (message.sets.empty() || message.sets.back().revision != revision) {
      if (!message.sets.empty() && message.sets.back().revision > revision) {
        return not_understood("events of a watch are out of order");
      }
      message.sets.push_back({revision, {}});
    }
    if (is_hidden(change.entry.key)) {
      bool origin = is_origin(change.entry.key);
      if (origin) message.origins.emplace_back(revision, std::move(change.entry.value));
      continue;
    }
    message.sets.back().changes.push_back(std::move(change));
  }
  return message;
}

// ---- refusals

Failure Refusal::failure() const {
  switch (fault) {
    case Fault::full:
      return {Failure::Kind::full, "etcd: " + message};
    case Fault::refused:
      return {Failure::Kind::refused, "etcd: " + message};
    default:
      return {Failure::Kind::unavailable, "etcd: " + message};
  }
}

Refusal refusal_of(int64_t code, std::string_view text) {
  constexpr std::string_view kPrefix = "etcdserver: ";
  std::string message(text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text);
  auto says = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (says("too many operations in txn")) {
    return {Fault::refused,
            "one transaction may change at most as many keys as the server's --max-txn-ops says "
            "(128 unless it was set): " +
                message};
  }
  // An empty user: authentication is on, and no token was sent.
  bool no_token = code == kUnauthenticated || says("invalid auth token") ||
                  (code == kInvalidArgument && says("user name is empty")) ||
                  says("revision of auth store is old");
  if (no_token) return {Fault::unauthenticated, std::move(message)};
  if (code == kOutOfRange && says("compacted")) return {Fault::compacted, std::move(message)};
  if (says("database space exceeded")) return {Fault::full, std::move(message)};
  bool wrong = code == kInvalidArgument || code == kPermissionDenied || code == kOutOfRange;
  if (wrong) return {Fault::refused, std::move(message)};
  if (code == kExhausted || code == kUnavailable) return {Fault::unavailable, std::move(message)};
  return {Fault::unavailable, fmt::format("{} (code {})", message, code)};
}

Refusal read_refusal(int status, std::string_view body) {
  Result<Json> parsed = Json::parse(body);
  const Json* code = parsed ? parsed->find("code") : nullptr;
  if (code == nullptr) return {Fault::unavailable, fmt::format("it answered with {}", status)};
  std::string_view message = read_text(*parsed, "message");
  if (message.empty()) message = read_text(*parsed, "error");
  return refusal_of(code->as_int(), message);
}

}  // namespace pylon::store::etcd

// ResourceApi: GET, PUT, POST, PATCH and DELETE of every resource type, generic over their list.
// Source: Admin API reference, sections 2 and 3; statuses, bodies and the order of checks are
// APISIX's.
//
// A write validates a copy, stores what was sent plus `id` and times by compare-and-swap, waits
// until this node's workers serve it (`?wait=none` does not), and answers with X-Pylon-Revision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/checks.h"
#include "admin/list_query.h"
#include "admin/node.h"
#include "admin/target.h"
#include "async/task.h"
#include "async/turns.h"
#include "base/clock.h"
#include "base/secret.h"
#include "http/api.h"
#include "plugin/catalogue.h"
#include "plugin/field_cipher.h"
#include "store/store.h"

namespace pylon::admin {

// One call, taken apart.
struct Call {
  const http::ApiRequest& request;
  Target target;
  std::optional<Json> body;
  std::optional<int64_t> ttl_s;
  std::string author;
  async::Turns::Turn* turn = nullptr;  // of a write: ended once it is committed
  int attempt = 1;
  // What its checks have relied on and another node may change before it is committed.
  std::vector<store::Compare> relied_on = {};
};

class ResourceApi {
 public:
  struct Parts {
    store::Store& store;
    const plugin::Catalogue& catalogue;
    Node& node;
    const Clock& clock;
    const plugin::FieldCipher* cipher = nullptr;  // null: values are stored as they are written
  };
  // `v3`: the answers' shape; otherwise that of etcd v2, as older clients expect it.
  ResourceApi(const Parts& parts, std::string key_prefix, bool v3)
      : parts_(parts), keys_(std::move(key_prefix)), v3_(v3) {}

  // The method is one of the five.
  async::Task<http::ApiResponse> run(Call call);

  // Between the checks of a write and its commit nothing may come that it was checked against: on
  // this node it waits for its turn, and other nodes of an etcd are met by the compares of the
  // transaction. A write whose compares fail is checked and tried again.
  async::Turns& turns() { return turns_; }

 private:
  using Answer = async::Task<http::ApiResponse>;
  using Refusal = std::optional<http::ApiResponse>;
  enum class Write { put, post, patch };

  Answer write(Call call);
  Answer get(Call call);
  Answer get_item(const Call& call);
  Answer get_list(const Call& call);

  // What a list shows: how many items there are in all, and the texts of those that were asked for.
  struct List {
    size_t total = 0;
    bool any_key = false;    // under the collection, also when it is no item
    std::string items = {};  // with commas between them
  };
  bool knows_order(const Call& call, const ListQuery& query) const;
  async::Task<store::Outcome<std::optional<List>>> known_page(const Call& call,
                                                              const ListQuery& query);
  async::Task<store::Outcome<List>> scan(const Call& call, const ListQuery& query,
                                         std::string collection);
  async::Task<store::Outcome<List>> scan_page(const Call& call, const ListQuery& query,
                                              std::string collection);
  void add_item(const config::ResourceType& type, const store::Entry& entry, List& list) const;
  Answer put(Call call);
  Answer post(Call call);
  Answer patch(Call call);
  Answer erase(Call call);
  Answer refuse_method(Call call);

  // Everything that may be wrong with a value; settles its `id` and the target's.
  async::Task<Refusal> check(Call& call, Json& value, Write write);
  async::Task<Refusal> check_alone(Call& call, Json& value, Write write);
  async::Task<store::Outcome<References>> fetch_references(Call& call, const Json& value);
  async::Task<Refusal> check_others(Call& call, const Json& value);
  Refusal check_keys(Call& call, const Json& plugins) const;
  async::Task<Refusal> check_global_rules(Call& call, const Json& plugins);
  async::Task<Refusal> check_parent(Call& call);
  async::Task<Refusal> bind_decoration(Call& call, Json& value);
  static Refusal without_parent(const Call& call);
  static Refusal patch_fault(const Call& call);

  using Written = async::Task<store::Outcome<http::ApiResponse>>;
  Written store_put(const Call& call, const Json& value);
  Written store_post(Call& call, Json& value);
  Written store_patch(const Call& call, const store::Entry& stored, Json value);
  static bool may_try_again(const store::Failure& failure, int attempt);
  store::Transaction put_transaction(const Call& call, const std::string& key,
                                     const std::string& value, int64_t expected_mod_revision) const;
  store::Transaction erase_transaction(const Call& call, const std::string& key) const;
  std::string shown_value(const config::ResourceType& type, const store::Entry& entry) const;
  std::string item_json(const config::ResourceType& type, const store::Entry& entry) const;
  std::string as_stored(const config::ResourceType& type, Json value) const;
  Json stamped(const config::ResourceType& type, const Json& value,
               const std::optional<store::Entry>& previous) const;
  Result<Json> patched_value(const Call& call, const store::Entry& stored) const;
  Answer finish(const Call& call, int64_t revision, http::ApiResponse response);
  store::Origin origin_of(const Call& call) const;

  http::ApiResponse item_answer(const config::ResourceType& type, const store::Entry& entry) const;
  http::ApiResponse list_answer(std::string_view collection, const List& list) const;
  http::ApiResponse written_answer(int status, std::string_view action, const std::string& key,
                                   std::string_view value) const;
  http::ApiResponse deleted_answer(const std::string& key) const;

  Parts parts_;
  Keys keys_;
  bool v3_;
  async::Turns turns_;
};

}  // namespace pylon::admin

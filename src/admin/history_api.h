// HistoryApi: who changed what when, what differs between two revisions, and the way back. APISIX
// has none of it; the words and shapes are those of its Admin API.
//
//   GET  /apisix/admin/history?resource=routes&id=1&page=1&page_size=50   the newest first
//   GET  /apisix/admin/diff?from=12&to=15&resource=&id=                   `to`: the newest revision
//   POST /apisix/admin/rollback {"to": 12, "resource": "routes", "id": "1", "dry_run": true}
//
// A rollback is one transaction and itself a revision, so it can be undone in the same way. It does
// not bring back an item whose references are gone or whose key another consumer has now, nor take
// one away that others use. Secrets are not shown: of an ssl's keys only that they have changed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/node.h"
#include "admin/target.h"
#include "async/task.h"
#include "async/turns.h"
#include "base/json.h"
#include "http/api.h"
#include "plugin/catalogue.h"
#include "plugin/field_cipher.h"
#include "store/history.h"
#include "store/store.h"

namespace pylon::admin {

class HistoryApi {
 public:
  struct Parts {
    store::Store& store;
    Node& node;
    Keys keys;
    async::Turns& turns;  // of all writes
    const plugin::Catalogue& catalogue;
    const plugin::FieldCipher* cipher;  // null: values are stored as they are meant
  };
  explicit HistoryApi(Parts parts) : parts_(std::move(parts)) {}

  using Answer = async::Task<http::ApiResponse>;

  // The request must outlive the tasks.
  Answer history(const http::ApiRequest& request);
  Answer diff(const http::ApiRequest& request);
  Answer rollback(const http::ApiRequest& request, std::string author);

 private:
  using Differences = std::vector<store::KeyDifference>;

  // What is asked about: everything, the items of one type, or one item.
  struct Scope {
    std::string resource;
    std::string id;
  };
  Result<store::HistoryQuery> query_of(const Scope& scope) const;
  Json shown_change(const store::HistoryChange& change) const;
  Json shown_difference(const store::KeyDifference& difference) const;
  Json named(std::string_view key) const;

  Parts parts_;
};

}  // namespace pylon::admin

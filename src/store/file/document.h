// A whole configuration in one document, as apisix.yaml, apisix.json and PUT configs have it:
//
//   {"routes": [{"id": "1", "uri": "/a", ...}], "consumers": [...], "plugins": [...], ...}
//
// and what of it belongs under which key of a store. Source: APISIX docs, deployment modes,
// standalone; the shared reference of the Admin API, section 5.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "config/resource.h"
#include "store/store.h"

namespace pylon::store {

struct DesiredState {
  std::map<std::string, std::string, std::less<>> entries;  // key -> JSON text
  // Their keys are not among the entries. "/apisix/routes/" stands for all of a list.
  std::vector<Fault> faults;
};

// An item as it stands in a list of the document.
struct DocumentItem {
  config::Kind kind;   // of what stands among the consumers, perhaps a credential
  std::string id;      // "1"; of a consumer its name; of a secret "vault/1"; "arr_3" without an id
  std::string parent;  // of a credential the consumer, of a secret the manager
  Json value;          // without modifiedIndex
};

// The `index`th item of the list of that type; the error is for the person who wrote it.
Result<DocumentItem> document_item(const config::ResourceType& type, const Json& item,
                                   size_t index);

// Of a document written in YAML: a plugin without anything behind its colon has the empty
// configuration, as with APISIX's parser. In JSON null is a mistake.
void fill_empty_plugins(Json& document);

using ItemCheck = std::function<Result<void>(const DocumentItem& item)>;

// The document's list of enabled plugins, [{name, stream}]; null when it has none.
using PluginListUse = std::function<void(const Json* list)>;

// Of two items with one id the later counts. `prefix` is "/apisix".
DesiredState read_document(const Json& document, std::string_view prefix,
                           const PluginListUse& use_plugins, const ItemCheck& check);

}  // namespace pylon::store

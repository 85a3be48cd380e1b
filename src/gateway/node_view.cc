#include "gateway/node_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "admin/checks.h"
#include "base/ip.h"
#include "config/upstream.h"
#include "net/waker.h"
#include "store/scan.h"

namespace pylon::gateway {

using config::Kind;
using control::RuntimeItem;

namespace {

constexpr size_t kItemsPerTurn = 50;  // about 1 ms, then the thread looks after its other work
constexpr size_t kFewItems = 100;
constexpr Kind kChecked[] = {Kind::route, Kind::stream_route, Kind::service, Kind::upstream};

bool is_address(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return IpAddress::parse(host).has_value();
}

// {"1.2.3.4:80": 1} -> [{"host": "1.2.3.4", "port": 80, "weight": 1}]
Json listed(const Json& nodes) {
  Json list = Json::array();
  for (const auto& [address, weight] : nodes.members()) {
    config::HostAndPort parts = config::split_host_and_port(address);
    Json node = Json::object({{"host", Json(parts.host)}});
    if (parts.port) node["port"] = Json(*parts.port);
    node["weight"] = weight;
    list.push_back(std::move(node));
  }
  return list;
}

// Brings the nodes into one form; true when one of them is named by a domain.
bool settle_nodes(Json& upstream) {
  Json* nodes = upstream.find("nodes");
  if (nodes == nullptr) return false;
  if (nodes->is_object()) *nodes = listed(*nodes);
  const Json::Array& list = std::as_const(*nodes).items();
  return std::any_of(list.begin(), list.end(), [](const Json& node) {
    const Json* host = node.find("host");
    return host != nullptr && !is_address(host->as_string());
  });
}

// "10.0.0.1:80" or "[::1]:80".
control::NodeHealth describe(const upstream::HealthCell& cell) {
  config::HostAndPort parts = config::split_host_and_port(cell.address());
  control::NodeHealth node;
  node.ip = parts.host;
  node.port = static_cast<uint16_t>(parts.port.value_or(0));
  node.hostname = cell.host();
  node.status = upstream::health_state_name(cell.state());
  return node;
}

}  // namespace

std::string NodeView::prefix_of(Kind kind) const {
  return fmt::format("{}/{}/", parts_.key_prefix, config::resource_type(kind).name);
}

// Of what one reading has brought, so many items as one turn of the loop has time for.
class NodeView::ScanPages final : public Pages {
 public:
  ScanPages(NodeView& view, Kind kind)
      : view_(view),
        kind_(kind),
        faults_(view.faults_of(kind)),
        scan_(view.parts_.store, view.prefix_of(kind)),
        pause_(view.parts_.loop) {}

  async::Task<Result<std::vector<RuntimeItem>>> next() override {
    std::vector<RuntimeItem> items;
    while (items.empty()) {
      if (next_ < entries_.size()) {
        co_await pause_.wait(view_.parts_.loop.now_us());
      } else {
        store::Outcome<std::vector<store::Entry>> read = co_await scan_.next();
        if (!read) co_return fail(read.error().message);
        if (read->empty()) break;
        entries_ = std::move(*read);
        next_ = 0;
      }
      size_t end = std::min(entries_.size(), next_ + kItemsPerTurn);
      for (; next_ < end; ++next_) {
        view_.append_one(kind_, faults_, std::move(entries_[next_]), items);
      }
    }
    co_return items;
  }

 private:
  NodeView& view_;
  const Kind kind_;
  const Faults faults_;
  store::Scan scan_;
  std::vector<store::Entry> entries_;
  size_t next_ = 0;
  net::Waker pause_;
};

std::unique_ptr<NodeView::Pages> NodeView::pages(Kind kind) {
  return std::make_unique<ScanPages>(*this, kind);
}

// Few are asked for one by one: reading all takes seconds where there are a million keys.
async::Task<Result<std::vector<RuntimeItem>>> NodeView::checked_items() {
  std::vector<RuntimeItem> items;
  const upstream::HealthTable& checked = parts_.configuration.builder().health();
  if (checked.size() <= kFewItems) {
    std::vector<std::string> keys;
    checked.for_each([&](const std::string& key, auto&) { keys.push_back(key); });
    std::sort(keys.begin(), keys.end());
    for (const std::string& key : keys) {
      auto name = parts_.configuration.name_of(key);
      if (!name) continue;
      Result<std::optional<RuntimeItem>> found = co_await item(name->kind, std::move(name->id));
      if (!found) co_return tl::unexpected(found.error());
      if (*found) items.push_back(std::move(**found));
    }
    co_return items;
  }
  std::string text = "\"checks\"";
  for (Kind kind : kChecked) {
    store::Outcome<std::vector<store::Entry>> entries =
        co_await parts_.store.search(prefix_of(kind), text);
    if (!entries) co_return fail(entries.error().message);
    co_await append(kind, std::move(*entries), items);
  }
  co_return items;
}

async::Task<Result<std::optional<RuntimeItem>>> NodeView::item(Kind kind, std::string id) {
  store::Outcome<std::optional<store::Entry>> entry =
      co_await parts_.store.get(prefix_of(kind) + id);
  if (!entry) co_return fail(entry.error().message);
  std::optional<RuntimeItem> found;
  if (*entry) {
    std::vector<store::Entry> one;
    one.push_back(std::move(**entry));
    std::vector<RuntimeItem> items;
    co_await append(kind, std::move(one), items);
    if (!items.empty()) found = std::move(items.front());
  }
  co_return found;
}

async::Task<void> NodeView::append(Kind kind, std::vector<store::Entry> entries,
                                   std::vector<RuntimeItem>& items) {
  net::Waker pause(parts_.loop);
  Faults faults = faults_of(kind);
  size_t made = 0;
  for (store::Entry& entry : entries) {
    if (!append_one(kind, faults, std::move(entry), items)) continue;
    if (++made % kItemsPerTurn == 0) co_await pause.wait(parts_.loop.now_us());
  }
}

// False: it belongs to another resource.
bool NodeView::append_one(Kind kind, const Faults& faults, store::Entry entry,
                          std::vector<RuntimeItem>& items) const {
  std::string id = entry.key.substr(prefix_of(kind).size());
  if (id.find('/') != id.npos) return false;
  items.push_back(make(kind, std::move(entry)));
  if (auto fault = faults.find(id); fault != faults.end()) items.back().fault = fault->second;
  return true;
}

NodeView::Faults NodeView::faults_of(Kind kind) const {
  Faults faults;
  for (snapshot::Quarantined& fault : quarantined()) {
    if (fault.kind == kind) faults[std::move(fault.id)] = std::move(fault.reason);
  }
  return faults;
}

RuntimeItem NodeView::make(Kind kind, store::Entry entry) const {
  RuntimeItem item;
  item.create_revision = entry.create_revision;
  item.mod_revision = entry.mod_revision;
  item.key = std::move(entry.key);
  Result<Json> value = Json::parse(entry.value);
  if (!value) return item;
  parts_.cipher.decrypt_plugins(kind, *value);
  admin::Checks help(parts_.catalogue, nullptr);
  std::string_view id = std::string_view(item.key).substr(item.key.rfind('/') + 1);
  // Run for the defaults that it fills in; what it finds wrong is known from the builder.
  (void)config::resource_type(kind).check(*value, config::CheckContext{id, {}, help});
  if (Json* plugins = value->find("plugins"); plugins != nullptr && plugins->is_object()) {
    for (auto& [name, conf] : plugins->members()) {
      conf = parts_.catalogue.with_defaults(name, std::move(conf), plugin::Document::config);
      if (conf.is_object() && !conf.contains("_meta")) conf["_meta"] = Json::object();
    }
  }
  if (kind == Kind::upstream) item.has_domain = settle_nodes(*value);
  if (Json* upstream = value->find("upstream")) item.has_domain = settle_nodes(*upstream);
  item.value = std::move(*value);
  return item;
}

std::vector<control::NodeHealth> NodeView::health(std::string_view key) const {
  std::vector<control::NodeHealth> nodes;
  const upstream::HealthGroup* group = parts_.configuration.builder().health().find(key);
  if (group == nullptr) return nodes;
  group->for_each([&](const upstream::HealthCell& cell) {
    bool held = cell.refs() > 1;  // by an upstream; else the node has left
    if (held) nodes.push_back(describe(cell));
  });
  auto order = [](const control::NodeHealth& a, const control::NodeHealth& b) {
    return std::tie(a.ip, a.port, a.hostname) < std::tie(b.ip, b.port, b.hostname);
  };
  std::sort(nodes.begin(), nodes.end(), order);
  return nodes;
}

// What the builder could not use, and what the store could not take over from its source.
std::vector<snapshot::Quarantined> NodeView::quarantined() const {
  std::vector<snapshot::Quarantined> all = parts_.configuration.builder().quarantined();
  for (store::Fault& fault : parts_.store.faults()) {
    auto name = parts_.configuration.name_of(fault.key);
    if (name) all.push_back({name->kind, std::move(name->id), std::move(fault.reason)});
  }
  return all;
}

std::vector<control::SourceFault> NodeView::source_faults() const {
  std::vector<control::SourceFault> all;
  for (store::Fault& fault : parts_.store.faults()) {
    if (parts_.configuration.name_of(fault.key)) continue;
    all.push_back({std::move(fault.key), std::move(fault.reason)});
  }
  return all;
}

std::vector<control::SecretState> NodeView::secrets() const {
  std::vector<control::SecretState> all;
  parts_.configuration.secrets().for_each(
      [&](const std::string& name, bool known, const std::string& fault) {
        all.push_back({name, known, fault});
      });
  return all;
}

control::RuntimeView::Workers NodeView::workers() const {
  Workers workers{parts_.versions.workers(), 0};
  for (size_t i = 0; i < workers.all; ++i) workers.serving += parts_.versions.has_configuration(i);
  return workers;
}

std::vector<control::TypeState> NodeView::types() const {
  std::vector<control::TypeState> all;
  for (const auto& [kind, type] : parts_.configuration.applied_keys().types()) {
    all.push_back({kind, type.objects, type.digest, type.revision});
  }
  return all;
}

std::optional<std::string> NodeView::not_ready() const {
  if (draining_) return "this node is about to end";
  if (std::optional<std::string> missing = parts_.store.missing()) return missing;
  for (size_t worker = 0; worker < parts_.versions.workers(); ++worker) {
    if (parts_.versions.has_configuration(worker)) continue;
    return fmt::format("worker id: {} has not received configuration", worker);
  }
  return std::nullopt;
}

}  // namespace pylon::gateway

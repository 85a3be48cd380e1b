// An Admin API over a store in memory, with a few plugins, for tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "admin/admin_api.h"
#include "admin/target.h"
#include "base/clock.h"
#include "observe/metrics.h"
#include "plugin/catalogue.h"
#include "plugin/context.h"
#include "plugin/plugin.h"
#include "store/memory_store.h"

namespace pylon::admin {

// An auth plugin: named and declared as APISIX's, without its work.
class KeyAuth {
 public:
  struct Config {
    std::string header = "apikey";
    static constexpr auto fields = std::tuple{schema::field("header", &Config::header)};
  };
  struct ConsumerConfig {
    std::string key;
    static constexpr auto fields =
        std::tuple{schema::field("key", &ConsumerConfig::key).required()};
  };
  static constexpr plugin::PluginSpec spec{.name = "key-auth",
                                           .priority = 2500,
                                           .kind = plugin::PluginKind::auth,
                                           .key_attribute = "key"};
  explicit KeyAuth(Config) {}
  plugin::Verdict rewrite(http::Exchange&) const { return plugin::proceed(); }
};

class LimitCount {
 public:
  struct Config {
    int64_t count = 0;
    static constexpr auto fields =
        std::tuple{schema::field("count", &Config::count).required().at_least(1)};
  };
  struct Metadata {
    std::string policy;
    static constexpr auto fields = std::tuple{schema::field("policy", &Metadata::policy)};
  };
  static constexpr plugin::PluginSpec spec{.name = "limit-count", .priority = 1002};
  explicit LimitCount(Config) {}
  plugin::Verdict access(http::Exchange&) const { return plugin::proceed(); }
};

// Also for TCP.
class IpRestriction {
 public:
  struct Config {
    std::string message;
    static constexpr auto fields = std::tuple{schema::field("message", &Config::message)};
  };
  static constexpr plugin::PluginSpec spec{.name = "ip-restriction", .priority = 3000};
  explicit IpRestriction(Config) {}
  plugin::Verdict access(http::Exchange&) const { return plugin::proceed(); }
  plugin::Verdict preread(plugin::Connection&) const { return plugin::proceed(); }
};

// Plugins that name other resources.
class TrafficSplit {
 public:
  struct Config {
    Json split;
    static constexpr auto fields = std::tuple{schema::field("rules", &Config::split)};
  };
  static constexpr plugin::PluginSpec spec{.name = "traffic-split", .priority = 966};
  explicit TrafficSplit(Config) {}
  plugin::Verdict access(http::Exchange&) const { return plugin::proceed(); }
};

class GrpcTranscode {
 public:
  struct Config {
    Json proto_id;
    static constexpr auto fields = std::tuple{schema::field("proto_id", &Config::proto_id)};
  };
  static constexpr plugin::PluginSpec spec{.name = "grpc-transcode", .priority = 506};
  explicit GrpcTranscode(Config) {}
  plugin::Verdict access(http::Exchange&) const { return plugin::proceed(); }
};

class FakeNode final : public Node {
 public:
  explicit FakeNode(const store::MemoryStore& store) : store(store) {}
  async::Task<void> applied(int64_t revision) override {
    waited_for = revision;
    co_return;
  }
  int64_t known_revision() const override { return known_to; }
  std::optional<KeyOwner> key_owner(std::string_view plugin, std::string_view key) const override {
    auto found = owners.find({std::string(plugin), std::string(key)});
    if (found == owners.end()) return std::nullopt;
    return found->second;
  }
  bool may_be_used(config::Kind, std::string_view) const override { return used; }
  std::vector<std::string> some_users(config::Kind, std::string_view) const override {
    return users;
  }
  size_t listed(config::Kind kind) const override { return listed(kind, 0, SIZE_MAX).size(); }
  std::vector<Listed> listed(config::Kind kind, size_t from, size_t end) const override {
    const config::ResourceType& type = config::resource_type(kind);
    std::string collection = Keys("/apisix").collection(type, {});
    std::vector<Listed> found;
    store.for_each([&](const store::Entry& entry) {
      bool of_it = entry.key.starts_with(collection) && entry.create_revision <= known_to;
      if (!of_it || !Keys::is_direct(type, collection, entry.key)) return;
      found.push_back({entry.key, entry.create_revision});
    });
    std::stable_sort(found.begin(), found.end(), [](const Listed& a, const Listed& b) {
      return a.create_revision < b.create_revision;
    });
    from = std::min(from, found.size());
    end = std::clamp(end, from, found.size());
    auto at = [&](size_t place) { return found.begin() + static_cast<std::ptrdiff_t>(place); };
    return {at(from), at(end)};
  }
  void reload_plugins() override { ++reloads; }

  int64_t waited_for = 0;
  int64_t known_to = INT64_MAX;
  const store::MemoryStore& store;
  bool used = true;
  std::vector<std::string> users;
  int reloads = 0;
  std::map<std::pair<std::string, std::string>, KeyOwner> owners;
};

class Desk {
 public:
  explicit Desk(AdminOptions options = open_options())
      : services_(metrics_, clock),
        catalogue_({plugin::type_of<KeyAuth>(), plugin::type_of<LimitCount>(),
                    plugin::type_of<IpRestriction>(), plugin::type_of<TrafficSplit>(),
                    plugin::type_of<GrpcTranscode>()},
                   services_),
        api_({store, catalogue_, node, clock}, std::move(options)) {}

  static AdminOptions open_options() {
    AdminOptions options;
    options.access.key_required = false;
    return options;
  }

  // call("PUT", "/routes/1?ttl=5", "{}"), below /apisix/admin.
  http::ApiResponse call(std::string method, std::string_view target, std::string body = {}) {
    http::ApiRequest request;
    request.method = std::move(method);
    size_t question = target.find('?');
    request.path = "/apisix/admin" + std::string(target.substr(0, question));
    if (question != target.npos) request.query = target.substr(question + 1);
    request.body = std::move(body);
    return send(std::move(request));
  }
  http::ApiResponse send(http::ApiRequest request) {
    request.remote = *IpAddress::parse("127.0.0.1");
    return api_.handle(request).run_to_end();
  }
  http::ApiResponse send_from(std::string_view address, http::ApiRequest request) {
    request.remote = *IpAddress::parse(address);
    return api_.handle(request).run_to_end();
  }

  // "201 {...}", without the line feed.
  std::string talk(const std::string& method, std::string_view target, std::string body = {}) {
    http::ApiResponse response = call(method, target, std::move(body));
    std::string text = std::to_string(response.status) + " " + response.body;
    if (text.ends_with('\n')) text.pop_back();
    return text;
  }

  SimulatedClock clock;
  store::MemoryStore store{clock};
  FakeNode node{store};

 private:
  observe::Metrics metrics_{observe::Metrics::Options{}};
  plugin::Services services_;
  plugin::Catalogue catalogue_;
  AdminApi api_;
};

inline std::string_view field_of(const http::ApiResponse& response, std::string_view name) {
  for (const auto& [known, value] : response.fields) {
    if (known == name) return value;
  }
  return {};
}

}  // namespace pylon::admin

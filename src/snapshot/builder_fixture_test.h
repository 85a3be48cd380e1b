// What tests and benchmarks of the builder need: plugins, a name server, and changes in few words.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "http/exchange.h"
#include "plugin/fixture.h"
#include "plugin/plugin.h"
#include "snapshot/builder.h"
#include "upstream/fake_transport_test.h"

namespace pylon::snapshot {

// Answers with its mark, so that a test sees which configuration runs.
class Mark {
 public:
  struct Config {
    std::string mark;
    static constexpr auto fields = std::tuple{schema::field("mark", &Config::mark).required()};
  };
  static constexpr plugin::PluginSpec spec{.name = "mark", .priority = 10};
  explicit Mark(Config config) : config_(std::move(config)) {}
  plugin::Verdict access(http::Exchange&) const { return plugin::finish(200, config_.mark); }

 private:
  Config config_;
};

// Another, which runs before it and goes on.
class Note {
 public:
  struct Config {
    std::string text = "-";
    static constexpr auto fields = std::tuple{schema::field("text", &Config::text)};
  };
  static constexpr plugin::PluginSpec spec{.name = "note", .priority = 20};
  explicit Note(Config config) : config_(std::move(config)) {}
  plugin::Verdict access(http::Exchange& exchange) const {
    exchange.response.fields.add("Note", exchange.arena.copy(config_.text));
    return plugin::proceed();
  }

 private:
  Config config_;
};

class Key {
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
  static constexpr plugin::PluginSpec spec{
      .name = "key", .priority = 30, .kind = plugin::PluginKind::auth, .key_attribute = "key"};
  explicit Key(Config) {}
  plugin::Verdict rewrite(http::Exchange&) const { return plugin::proceed(); }
};

struct BuilderFixture {
  explicit BuilderFixture(router::Mode mode = router::Mode::host_uri,
                          std::vector<plugin::PluginType> types = {plugin::type_of<Mark>(),
                                                                   plugin::type_of<Note>(),
                                                                   plugin::type_of<Key>()})
      : plugins(std::move(types)), builder({plugins.catalogue, names, {}, mode}) {}

  static upstream::dns::Config dns_config() {
    upstream::dns::Config config;
    config.servers = {*upstream::dns::parse_server("10.0.0.1")};
    return config;
  }

  // One change; an empty text erases. True when there is a new snapshot.
  bool put(config::Kind kind, std::string id, std::string text) {
    return apply({{kind, std::move(id), std::move(text), next_revision++}});
  }
  bool erase(config::Kind kind, std::string id) { return put(kind, std::move(id), {}); }
  bool apply(const std::vector<Change>& changes) { return keep(builder.apply(changes)); }
  bool keep(std::unique_ptr<const Snapshot> next) {
    if (next == nullptr) return false;
    snapshot = std::move(next);
    return true;
  }
  void pass_ms(int64_t ms) {
    plugins.clock.advance_ms(ms);
    timers.fire_due(plugins.clock.monotonic_us());
  }

  // The route of a GET; null: none matches.
  const Route* route(std::string_view uri, std::string_view host = "any.test") {
    exchange_ = std::make_unique<plugin::TestExchange>(plugins, uri);
    exchange_->exchange.request.host = host;
    router::Match match = router::match(snapshot->rules, exchange_->exchange);
    return match ? &snapshot->route_at(match.target) : nullptr;
  }
  // What the plugins of that route answer: "note,note:mark".
  std::string answer(std::string_view uri) {
    const Route* found = route(uri);
    if (found == nullptr) return "no route";
    return run(found->chain->chain());
  }
  std::string run(const plugin::Chain& chain) {
    http::Exchange& exchange = exchange_->exchange;
    plugin::ActiveChain active(chain, exchange);
    plugin::Verdict verdict = active.run(plugin::Phase::access, exchange);
    return std::string(exchange.response.fields.get("Note")) + ":" + std::string(verdict.body());
  }
  // The address that the route's only node has: "10.0.0.1:80".
  std::string target(std::string_view uri) {
    const Route* found = route(uri);
    if (found == nullptr) return "no route";
    const upstream::Upstream* upstream = snapshot->upstream_of(*found);
    if (upstream == nullptr) return std::to_string(found->failure_status);
    if (upstream->empty()) return "empty";
    return std::string(upstream->targets[0].endpoint->text());
  }
  std::vector<std::string> quarantined() const {
    std::vector<std::string> all;
    for (const Quarantined& item : builder.quarantined())
      all.push_back(item.id + ": " + item.reason);
    return all;
  }

  plugin::Fixture plugins;
  net::TimerHeap timers;
  upstream::dns::FakeTransport dns;
  upstream::Resolver resolver{dns_config(), dns, plugins.clock};
  upstream::NameWatch names{
      timers, plugins.clock, resolver,
      [this](const std::string& host, const auto&) { keep(builder.readdress(host)); }};
  Builder builder;
  std::unique_ptr<const Snapshot> snapshot = builder.snapshot();
  int64_t next_revision = 1;

 private:
  std::unique_ptr<plugin::TestExchange> exchange_;
};

}  // namespace pylon::snapshot

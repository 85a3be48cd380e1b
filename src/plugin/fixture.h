// For tests of plugins: everything an exchange needs, on a simulated clock, without a network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "observe/metrics.h"
#include "plugin/catalogue.h"
#include "plugin/chain.h"
#include "plugin/http_client.h"
#include "plugin/log_courier.h"
#include "plugin/plugin.h"
#include "plugin/set.h"
#include "plugin/worker.h"

namespace pylon::plugin {

// Answers what it was told to, and remembers what it was asked.
class FakeHttpClient final : public HttpClient {
 public:
  async::Task<ClientResult> send(const ClientRequest& request) override {
    ++asked;
    method = request.method;
    target = request.target;
    host = request.host;
    port = request.port;
    https = request.https;
    body = request.body;
    timeout_ms = request.timeout_ms;
    fields.clear();
    for (const http::Field& field : request.fields) {
      if (!field.removed()) fields.emplace(field.name(), field.value());
    }
    co_return answer(request.fields.arena());
  }

  // Null status: fails.
  int status = 200;
  std::string answer_body;
  std::vector<std::pair<std::string, std::string>> answer_fields;

  int asked = 0;
  std::string method, target, host, body;
  uint16_t port = 0;
  bool https = false;
  int64_t timeout_ms = 0;
  std::multimap<std::string, std::string> fields;

 private:
  ClientResult answer(Arena& arena) const {
    if (status == 0) {
      return tl::unexpected(ClientFailure{ClientFailure::Kind::connect, "connection refused"});
    }
    ClientResponse response(arena);
    response.status = status;
    response.body = arena.copy(answer_body);
    for (const auto& [name, value] : answer_fields) {
      response.fields.add(arena.copy(name), arena.copy(value));
    }
    return response;
  }
};

// Lets no time pass; remembers how long it should have been.
class FakePauses final : public Pauses {
 public:
  async::Task<void> pause(int64_t us) override {
    paused_us += us;
    co_return;
  }
  int64_t paused_us = 0;
};

// Remembers what was sent.
class FakeLogCourier final : public LogCourier {
 public:
  void send(const std::shared_ptr<const LogDestination>& to, std::string_view message) override {
    destination = to;
    messages.emplace_back(message);
  }
  std::shared_ptr<const LogDestination> destination;
  std::vector<std::string> messages;
};

// The catalogue of some plugins and one worker to run them on.
class Fixture {
 public:
  explicit Fixture(std::vector<PluginType> types, Json plugin_attr = Json::object())
      : services(metrics, clock, std::move(plugin_attr)), catalogue(std::move(types), services) {}

  // {"key-auth":{...}} as the plugins of a route. The text must be right.
  Ref<const PluginSet> plugins(std::string_view json,
                               std::string_view resource = "/apisix/routes/1",
                               PluginSet::Owner owner = PluginSet::Owner::route) {
    auto set = PluginSet::build(catalogue, *Json::parse(json), resource, nullptr, owner);
    if (!set) std::abort();
    return *set;
  }
  // What is wrong with one plugin's configuration; empty when nothing is.
  std::string check(std::string_view name, std::string_view json,
                    Document document = Document::config) {
    auto checked = catalogue.check(name, *Json::parse(json), document);
    return checked ? std::string() : checked.error().message;
  }

  SimulatedClock clock;
  observe::Metrics metrics{{.shards = 1}};
  Services services;
  Catalogue catalogue;
  FakeHttpClient http;
  FakePauses pauses;
  FakeLogCourier logs;
  Worker worker{clock, metrics.shard(0), http, pauses, logs};
};

// One request on the fixture's worker.
class TestExchange {
 public:
  explicit TestExchange(Fixture& fixture, std::string_view target = "/hello") : exchange(arena) {
    exchange.worker = &fixture.worker;
    exchange.request.method = http::Method::get;
    exchange.request.method_text = "GET";
    exchange.request.host = "example.com";
    set_target(target);
    set_client("192.0.2.1");
    exchange.start_us = fixture.clock.monotonic_us();
    exchange.start_wall_us = fixture.clock.wall_us();
  }

  void set_target(std::string_view target) {
    size_t question = target.find('?');
    exchange.request.target = arena.copy(target);
    exchange.request.uri = exchange.request.target.substr(0, question);
    exchange.request.has_args = question != std::string_view::npos;
    exchange.request.args =
        exchange.request.has_args ? exchange.request.target.substr(question + 1) : "";
  }
  void set_client(std::string_view address) {
    exchange.client.address = *IpAddress::parse(address);
    exchange.client.text = arena.copy(address);
    exchange.client.port = 50000;
    exchange.socket = exchange.client;
  }
  void set_field(std::string_view name, std::string_view value) {
    exchange.request.fields.add(arena.copy(name), arena.copy(value));
  }
  std::string_view request_field(std::string_view name) const {
    return exchange.request.fields.get(name);
  }
  std::string_view response_field(std::string_view name) const {
    return exchange.response.fields.get(name);
  }

  // Runs the phases up to before_proxy of one set of plugins, as the proxy does.
  Verdict run(const PluginSet& set) {
    const PluginSet* sets[] = {&set};
    chain_ = Chain::build(sets);
    active = ActiveChain(chain_, exchange);
    for (Phase phase : {Phase::rewrite, Phase::access, Phase::before_proxy}) {
      Verdict verdict = active.run_async(phase, exchange).run_to_end();
      if (!verdict.proceeds()) return verdict;
    }
    return proceed();
  }
  // Then the answer of the upstream through the filters; the body as the client gets it.
  std::string respond(int status, std::string_view body) {
    exchange.response.status = status;
    exchange.response.from_upstream = true;
    exchange.response.content_length = static_cast<int64_t>(body.size());
    active.header_filter(exchange);
    http::TextBody source(body);
    return read_all(active.body_filter(exchange, source));
  }
  void log() { active.log(exchange); }

  static std::string read_all(http::Body& body) {
    std::string text;
    while (true) {
      http::Chunk chunk = body.pull();
      text += chunk.octets;
      if (chunk.state == http::Pull::end) return text;
      if (chunk.state == http::Pull::error) return text + "<error>";
    }
  }

  Arena arena;
  http::Exchange exchange;
  ActiveChain active;

 private:
  Chain chain_;
};

}  // namespace pylon::plugin

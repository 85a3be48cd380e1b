#include "gateway/explainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "config/common.h"
#include "expr/condition.h"
#include "http/fields.h"
#include "http/scan.h"
#include "plugin/chain.h"
#include "plugin/http_client.h"
#include "plugin/log_courier.h"
#include "proxy/intake.h"
#include "router/explain.h"
#include "schema/fields.h"
#include "upstream/balancer.h"

namespace pylon::gateway {

using config::Kind;
using plugin::ActiveChain;
using plugin::Chain;
using plugin::Phase;
using router::Obstacle;
using snapshot::Builder;

namespace {

struct Question {
  std::string method = "GET";
  std::string uri;
  std::string host;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string remote_addr = "127.0.0.1";
  std::string body;
  bool https = false;
  int server_port = 0;

  static constexpr auto fields =
      std::tuple{schema::field("method", &Question::method).non_empty(),
                 schema::field("uri", &Question::uri).required().non_empty(),
                 schema::field("host", &Question::host),
                 schema::field("headers", &Question::headers),
                 schema::field("remote_addr", &Question::remote_addr),
                 schema::field("body", &Question::body),
                 schema::field("https", &Question::https),
                 schema::field("server_port", &Question::server_port).range(0, 65535)};
  static constexpr bool closed = true;
};

// Nobody waits for an explanation.
class NoPauses final : public plugin::Pauses {
 public:
  async::Task<void> pause(int64_t) override { co_return; }
};

// Nothing happens that could be logged.
class NoLogs final : public plugin::LogCourier {
 public:
  void send(const std::shared_ptr<const plugin::LogDestination>&, std::string_view) override {}
};

// For auth plugins that would ask another service: they are told that it cannot be reached.
class NoHttp final : public plugin::HttpClient {
 public:
  async::Task<plugin::ClientResult> send(const plugin::ClientRequest&) override {
    co_return tl::unexpected(plugin::ClientFailure{});
  }
};

Json phases_of(const plugin::PluginType& type) {
  Json phases = Json::array();
  for (size_t i = 0; i < plugin::kPhases; ++i) {
    auto phase = static_cast<Phase>(i);
    if (type.has(phase)) phases.push_back(Json(plugin::phase_name(phase)));
  }
  return phases;
}

std::string_view balancing_name(upstream::Balancing balancing) {
  switch (balancing) {
    case upstream::Balancing::roundrobin:
      return "roundrobin";
    case upstream::Balancing::chash:
      return "chash";
    case upstream::Balancing::ewma:
      return "ewma";
    case upstream::Balancing::least_conn:
      break;
  }
  return "least_conn";
}

// The members of a stored route that say what the obstacle asks for.
Json wanted(const Json& route, std::string_view obstacle) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"method", "methods"},
      {"remote_addr", "remote_addrs"},
      {"remote_addr", "remote_addr"},
      {"host", "hosts"},
      {"host", "host"},
      {"uri", "uris"},
      {"uri", "uri"},
  };
  for (const auto& [word, member] : kNames) {
    const Json* value = word == obstacle ? route.find(member) : nullptr;
    if (value != nullptr) return *value;
  }
  return {};
}

// The first of the expressions that does not hold; the whole when they are under one operator.
Json failed_expression(const Json& route, http::Exchange& exchange) {
  const Json* vars = route.find("vars");
  if (vars == nullptr || !vars->is_array()) return {};
  for (const Json& each : vars->items()) {
    if (!each.is_array()) return *vars;
    auto condition = expr::Condition::compile(Json::array({each}));
    if (condition && !condition->matches(exchange)) return each;
  }
  return {};
}

}  // namespace

// One question on its way through the gateway, with the answer as far as it is known.
struct Explainer::Case {
  Case(Question from, const snapshot::Snapshot& newest, const Parts& parts)
      : question(std::move(from)),
        snapshot(newest),
        worker{parts.clock, parts.metrics, http, pauses, logs} {}

  Question question;
  snapshot::Snapshot snapshot;  // kept, whatever is published meanwhile
  NoHttp http;
  NoPauses pauses;
  NoLogs logs;
  plugin::Worker worker;
  Arena arena;
  http::Exchange exchange{arena};
  router::Explanation found;
  const snapshot::Route* route = nullptr;  // null: none matches
  Chain merged;                            // of route and consumer
  std::vector<Builder::Source> sources;    // of `merged`; a later one wins
  Json answer = Json::object();

  Result<void> prepare(const proxy::Options& options);
  Json& candidates() { return answer["candidates"]; }
};

// What no client could have sent is refused where a parser would refuse it.
Result<void> check_octets(const Question& question) {
  if (!std::ranges::all_of(question.method, http::is_token_octet)) {
    return fail("method: not a token");
  }
  for (const auto& [name, value] : question.headers) {
    if (!http::valid_field_name(name)) return fail(fmt::format("headers: no name: {}", name));
    if (!http::valid_field_value(value)) {
      return fail(fmt::format("headers: {} has a value with control octets", name));
    }
  }
  return {};
}

// The exchange as a connection and intake leave it.
Result<void> Explainer::Case::prepare(const proxy::Options& options) {
  http::Request& request = exchange.request;
  if (Result<void> sound = check_octets(question); !sound) return sound;
  std::optional<IpAddress> address = IpAddress::parse(question.remote_addr);
  if (!address) return fail("remote_addr: not an IP address");
  exchange.client = exchange.socket = {*address, 0, question.remote_addr};
  exchange.server_port = static_cast<uint16_t>(question.server_port);
  request.method_text = question.method;
  request.method = http::method_of(question.method);
  request.https = question.https;
  request.target = question.uri;
  for (const auto& [name, value] : question.headers) request.fields.add(name, value);
  if (!question.host.empty()) request.fields.set(http::FieldId::host, question.host);
  exchange.body = question.body;
  exchange.has_body = !question.body.empty();
  if (exchange.has_body) request.content_length = static_cast<int64_t>(question.body.size());
  exchange.worker = &worker;
  exchange.credentials = &snapshot.credentials;
  exchange.metadata = snapshot.metadata.get();
  if (proxy::take_in(exchange, options) >= 400) {
    return fail(fmt::format("such a request is refused: {}", exchange.refusal_reason));
  }
  answer["request"] = Json::object({{"method", Json(request.method_text)},
                                    {"uri", Json(request.uri)},
                                    {"args", Json(request.args)},
                                    {"host", Json(request.host)},
                                    {"remote_addr", Json(exchange.client.text)}});
  return {};
}

async::Task<Result<Json>> Explainer::explain(Json json) const {
  Result<Question> question = schema::parse<Question>(std::move(json));
  if (!question) co_return tl::unexpected(question.error());
  Case one(std::move(*question), parts_.builder.current(), parts_);
  if (Result<void> ready = one.prepare(parts_.proxy); !ready) {
    co_return tl::unexpected(ready.error());
  }
  search(one);
  add_not_reached(one);
  run_auth(one);
  list_plugins(one);
  pick_node(one);
  co_await add_reasons(one);
  co_return std::move(one.answer);
}

// ---- which route

void Explainer::search(Case& one) const {
  one.found = router::explain(one.snapshot.rules, one.exchange, kMaxTrials);
  one.candidates() = Json::array();
  for (const router::Trial& trial : one.found.trials) {
    const snapshot::Route& route = one.snapshot.route_at(trial.target);
    Json line = Json::object({{"id", Json(route.id)},
                              {"name", Json(route.name)},
                              {"uri", Json(trial.pattern)},
                              {"host", Json(trial.host)}});
    bool first = trial.obstacle == Obstacle::none && one.route == nullptr;
    bool takes = trial.obstacle == Obstacle::none;
    if (first) one.route = &route;
    line["result"] = Json(first ? "chosen" : takes ? "hidden" : "failed");
    if (!takes) line["failed"] = Json(router::obstacle_name(trial.obstacle));
    one.candidates().push_back(std::move(line));
  }
  one.answer["route"] = Json();
  if (one.route == nullptr) return;
  const snapshot::Route& route = *one.route;
  one.exchange.route = one.arena.make<http::RouteLabels>(
      http::RouteLabels{route.id, route.name, route.service_id, route.service_name,
                        one.found.match.pattern, one.found.match.host, 0});
  one.answer["route"] = Json::object({{"key", Json(parts_.builder.key_of(Kind::route, route.id))},
                                      {"id", Json(route.id)},
                                      {"name", Json(route.name)},
                                      {"service_id", Json(route.service_id)}});
}

// The routes that the search never came to, as their host or literal path is another one.
void Explainer::add_not_reached(Case& one) const {
  std::set<const void*> tried;
  for (const router::Trial& trial : one.found.trials) tried.insert(trial.target);
  size_t listed = 0;
  size_t left_out = 0;
  parts_.builder.for_each_route(
      [&](const std::string& id, const std::string& name, const router::Rule* rule) {
        if (rule != nullptr && tried.contains(rule->target())) return;
        if (++listed > kMaxListed) return void(++left_out);
        std::string_view why = "status";
        if (rule != nullptr) {
          why = router::obstacle_name(router::obstacle_before_search(*rule, one.exchange));
        }
        one.candidates().push_back(Json::object({{"id", Json(id)},
                                                 {"name", Json(name)},
                                                 {"result", "not reached"},
                                                 {"failed", Json(why)}}));
      });
  one.answer["left_out"] = Json(static_cast<int64_t>(left_out));
}

// What the failed conditions ask for, as it is stored.
async::Task<void> Explainer::add_reasons(Case& one) const {
  size_t read = 0;
  for (Json& line : one.candidates().items()) {
    const Json* failed = line.find("failed");
    if (failed == nullptr || read++ == 2 * kMaxListed) continue;
    std::string obstacle(failed->as_string());
    Json route = co_await stored_route(std::string(line.find("id")->as_string()));
    Json value =
        obstacle == "vars" ? failed_expression(route, one.exchange) : wanted(route, obstacle);
    if (!value.is_null()) line["wanted"] = std::move(value);
  }
}

async::Task<Json> Explainer::stored_route(const std::string& id) const {
  auto entry = co_await parts_.store.get(parts_.builder.key_of(Kind::route, id));
  if (!entry || !*entry) co_return Json();
  Result<Json> value = Json::parse((*entry)->value);
  co_return value ? std::move(*value) : Json();
}

// ---- which plugins

// Lets the auth plugins of the route look at the request, and merges what the consumer brings.
void Explainer::run_auth(Case& one) const {
  static const Chain kNothing;
  const Chain& route = one.route != nullptr ? one.route->chain->chain() : kNothing;
  one.merged = Chain::merge(route, nullptr, nullptr);
  if (one.route != nullptr) one.sources = parts_.builder.plugin_sources(one.route->id);
  Chain auth = route.only(plugin::PluginKind::auth);
  if (!auth.has(Phase::rewrite)) return;
  if (auth.is_async(Phase::rewrite)) {
    one.answer["consumer"] = Json("not asked: a plugin would ask another service");
    return;
  }
  plugin::Verdict verdict = ActiveChain(auth, one.exchange).run(Phase::rewrite, one.exchange);
  if (!verdict.proceeds()) one.answer["refused"] = Json(static_cast<int64_t>(verdict.status()));
  const http::ConsumerIdentity& consumer = one.exchange.consumer;
  if (!verdict.proceeds() || consumer.name.empty()) return;
  one.answer["consumer"] = Json::object({{"name", Json(consumer.name)},
                                         {"credential_id", Json(consumer.credential_id)},
                                         {"group_id", Json(consumer.group_id)}});
  const plugin::PluginSet* group = nullptr;
  const auto* found = one.snapshot.consumer_groups.find(consumer.group_id);
  if (found != nullptr) {
    group = found->get();
    one.sources.push_back({parts_.builder.key_of(Kind::consumer_group, consumer.group_id), *found});
  }
  if (auto own = parts_.builder.consumer_plugins(std::string(consumer.name))) {
    std::string key = parts_.builder.key_of(Kind::consumer, consumer.name);
    one.sources.push_back({std::move(key), std::move(own)});
  }
  one.merged = Chain::merge(route, group, consumer.plugins);
}

void Explainer::list_plugins(Case& one) const {
  Json& list = one.answer["plugins"] = Json::array();
  uint64_t hidden = one.merged.prefer_bits();
  auto add = [&](const Chain& chain, const std::vector<Builder::Source>& sources, uint64_t hides) {
    for (const Chain::Part& part : chain.parts()) {
      if ((part.type->prefer_bit & hides) != 0) continue;
      Json line = Json::object({{"name", Json(part.type->spec.name)},
                                {"priority", part.priority},
                                {"phases", phases_of(*part.type)}});
      if (part.filtered) line["filtered"] = Json(true);
      for (const Builder::Source& source : sources) {
        const plugin::PluginSet::Item* item = source.set->find(*part.type);
        bool same = item != nullptr && item->instance && item->instance->object() == part.plugin;
        if (same) line["source"] = Json(source.key);
      }
      list.push_back(std::move(line));
    }
  };
  add(one.snapshot.global_rules->chain(), parts_.builder.global_sources(), hidden);
  add(one.merged, one.sources, 0);
}

// ---- which node

// A balancer of its own, so that those of the workers do not move.
void Explainer::pick_node(Case& one) const {
  if (one.route == nullptr) {
    one.answer["status"] = Json(404);
    return;
  }
  if (one.route->refusal != 0) one.answer["status"] = Json(one.route->refusal);
  const upstream::Upstream* upstream = one.snapshot.upstream_of(*one.route);
  if (upstream == nullptr) {
    if (one.route->refusal == 0) one.answer["status"] = Json(one.route->failure_status);
    return;
  }
  Json nodes = Json::array();
  for (const upstream::Target& target : upstream->targets) {
    const upstream::Node& node = upstream->node_of(target);
    nodes.push_back(Json::object({{"address", Json(target.endpoint->text())},
                                  {"host", Json(node.host)},
                                  {"weight", static_cast<int64_t>(node.weight)},
                                  {"usable", target.usable()}}));
  }
  Json told = Json::object({{"source", Json(parts_.builder.upstream_source(one.route->id))},
                            {"scheme", Json(upstream::scheme_name(upstream->scheme))},
                            {"type", Json(balancing_name(upstream->balancing))},
                            {"nodes", std::move(nodes)}});
  upstream::Balancer balancer(parts_.clock);
  upstream::Tried tried;
  upstream::Pick pick = balancer.pick(*upstream, one.exchange, tried);
  told["node"] = pick ? Json(pick.endpoint().text()) : Json();
  // With other types than chash each worker's own turn, or its own measurements, decide.
  bool always = upstream->balancing == upstream::Balancing::chash || upstream->targets.size() < 2;
  told["always"] = Json(always);
  one.answer["upstream"] = std::move(told);
  if (!pick) one.answer["status"] = Json(503);
}

}  // namespace pylon::gateway

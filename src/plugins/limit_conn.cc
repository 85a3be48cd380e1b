#include <algorithm>

#include "base/hash.h"
#include "observe/log.h"
#include "plugin/plugin.h"
#include "plugins/concurrency_table.h"
#include "plugins/limit_key.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using schema::field;

constexpr std::string_view kConn =
    R"({"oneOf":[{"type":"integer","exclusiveMinimum":0},{"type":"string"}]})";
constexpr std::string_view kBurst =
    R"({"oneOf":[{"type":"integer","minimum":0},{"type":"string"}]})";

class LimitConn {
  struct Held;

 public:
  struct Rule {
    Json conn;
    Json burst;
    std::string key;

    static constexpr auto fields = std::tuple{
        field("conn", &Rule::conn, "As `conn`.").required().fragment(kConn),
        field("burst", &Rule::burst, "As `burst`.").required().fragment(kBurst),
        field("key", &Rule::key, "What is counted; a rule whose variables are absent is left out.")
            .required()};
  };
  struct Config {
    Json conn;
    Json burst;
    double default_conn_delay = 0;
    bool only_use_default_delay = false;
    std::string key;
    std::string key_type = "var";
    std::string policy = "local";
    int rejected_code = 503;
    std::optional<std::string> rejected_msg;
    bool allow_degradation = false;
    std::vector<Rule> rule_list;

    static constexpr auto fields = std::tuple{
        field("conn", &Config::conn,
              "How many may be under way at once; a text is read with variables.")
            .fragment(kConn),
        field("burst", &Config::burst, "How many more are let in after a delay.").fragment(kBurst),
        field("default_conn_delay", &Config::default_conn_delay,
              "Seconds of that delay, for each whole `conn` that is exceeded.")
            .fragment(R"({"type":"number","exclusiveMinimum":0})"),
        field("only_use_default_delay", &Config::only_use_default_delay,
              "Has no effect: the delay is never taken from the latency, as in APISIX in fact."),
        field("key", &Config::key, "What is counted: each value of it has its own counter."),
        field("key_type", &Config::key_type,
              "`key` is the name of a variable, or a text with variables.")
            .one_of({"var", "var_combination"}),
        field("policy", &Config::policy, "Where the counters are. Only `local` is supported yet.")
            .one_of({"redis", "redis-cluster", "local"}),
        field("rejected_code", &Config::rejected_code, "Status of a refusal.").range(200, 599),
        field("rejected_msg", &Config::rejected_msg, "`error_msg` of a refusal.").non_empty(),
        field("allow_degradation", &Config::allow_degradation,
              "Whether requests pass when the limit cannot be worked out."),
        field("rules", &Config::rule_list, "Several limits at once, in place of `conn`.")};
    static constexpr auto rules = schema::schema_fragment(
        R"({"oneOf":[{"required":["conn","burst","default_conn_delay","key"]},
                     {"required":["default_conn_delay","rules"]}]})");
  };

  // What a request or session was counted in.
  struct State {
    Held* held = nullptr;
    size_t count = 0;
  };

  static constexpr PluginSpec spec{
      .name = "limit-conn",
      .priority = 1003,
      .doc = "Limits how many requests, or connections, are under way at once."};

  static Result<void> check(const Config& config) {
    if (config.policy == "local") return {};
    return fail("property \"policy\" validation failed: " + config.policy +
                " is not supported yet, use local");
  }

  LimitConn(Config config, const Context& context)
      : table_(context.services.get<ConcurrencyTable>("limit-conn counters")),
        seed_(hash_guarded(std::string(context.resource) + ':' + context.conf.dump_sorted())),
        by_rules_(!config.rule_list.empty()),
        delay_s_(config.default_conn_delay),
        rejected_code_(config.rejected_code),
        rejected_body_(config.rejected_msg ? error_body(*config.rejected_msg) : ""),
        allow_degradation_(config.allow_degradation) {
    if (!by_rules_) {
      KeyType type = config.key_type == "var" ? KeyType::var : KeyType::var_combination;
      limits_.push_back(
          {LimitAmount(config.conn), LimitAmount(config.burst, 0), LimitKey(type, config.key)});
    }
    for (const Rule& rule : config.rule_list) {
      limits_.push_back({LimitAmount(rule.conn), LimitAmount(rule.burst, 0),
                         LimitKey(KeyType::var_combination, rule.key)});
    }
  }

  Task<Verdict> access(Exchange& exchange, State& state) const {
    int64_t delay_us = 0;
    Verdict verdict = enter(exchange, state, delay_us);
    if (verdict.proceeds() && delay_us >= 1000) {
      co_await exchange.worker->pauses.pause(delay_us);
    }
    co_return verdict;
  }
  void log(Exchange&, State& state) const { leave(state); }

  Verdict preread(Connection& connection, State& state) const {
    int64_t delay_us = 0;
    Verdict verdict = enter(connection.exchange, state, delay_us);
    if (!verdict.proceeds() || delay_us < 1000) return verdict;
    return pause_for(static_cast<int>(std::min<int64_t>(delay_us / 1000, kLongestDelayMs)));
  }
  void session_log(Exchange&, State& state) const { leave(state); }

 private:
  static constexpr int64_t kLongestDelayMs = 3'600'000;

  struct Limit {
    LimitAmount conn, burst;
    LimitKey key;
  };
  struct Held {
    uint32_t place;
  };

  Verdict enter(Exchange& exchange, State& state, int64_t& delay_us) const {
    state.held = exchange.arena.make_array<Held>(limits_.size());
    bool any = false;
    for (const Limit& limit : limits_) {
      std::optional<int64_t> conn = limit.conn.of(exchange), burst = limit.burst.of(exchange);
      bool resolved = false;
      std::string_view key = limit.key.of(exchange, resolved);
      bool usable = conn && burst;
      if (by_rules_ && (!usable || !resolved)) continue;
      if (!usable) return degraded(exchange, "the variables give no number");
      any = true;
      if (!resolved) key = exchange.client.text;
      Verdict verdict = count(hash_bytes(key, seed_), *conn, *burst, exchange, state, delay_us);
      if (!verdict.proceeds()) return verdict;
    }
    return any ? proceed() : degraded(exchange, "no rule applies");
  }

  Verdict count(uint64_t key, int64_t conn, int64_t burst, Exchange& exchange, State& state,
                int64_t& delay_us) const {
    using Entry = ConcurrencyTable::Entry;
    auto most = static_cast<uint64_t>(conn) + static_cast<uint64_t>(burst);
    ConcurrencyTable::Answer answer = table_.enter(key, most);
    if (answer.entry == Entry::crowded) return degraded(exchange, "the table is full");
    if (answer.entry == Entry::refused) {
      if (rejected_body_.empty()) return finish(rejected_code_);
      return finish(rejected_code_, rejected_body_);
    }
    state.held[state.count++] = {answer.place};
    auto above = static_cast<double>((answer.count - 1) / static_cast<uint64_t>(conn));
    double delay = std::min(above * delay_s_ * 1e6, static_cast<double>(kLongestDelayMs) * 1e3);
    delay_us += static_cast<int64_t>(delay);
    return proceed();
  }

  void leave(State& state) const {
    for (size_t i = 0; i < state.count; i++) table_.leave(state.held[i].place);
    state.count = 0;
  }

  Verdict degraded(Exchange& exchange, std::string_view reason) const {
    observe::log(observe::Level::error,
                 {.connection = exchange.connection_id, .client = exchange.client.text},
                 "failed to get limit conn rules: {}", reason);
    return allow_degradation_ ? proceed() : finish(500);
  }

  ConcurrencyTable& table_;
  uint64_t seed_;  // of this configuration's counters
  std::vector<Limit> limits_;
  bool by_rules_;
  double delay_s_;
  int rejected_code_;
  std::string rejected_body_;
  bool allow_degradation_;
};

}  // namespace

PluginType limit_conn() { return type_of<LimitConn>(); }

}  // namespace pylon::plugins

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/hash.h"
#include "observe/log.h"
#include "plugin/plugin.h"
#include "plugins/counter_table.h"
#include "plugins/limit_key.h"

namespace pylon::plugins {

enum class WindowType { fixed, sliding };

}  // namespace pylon::plugins

template <>
struct pylon::schema::EnumNames<pylon::plugins::WindowType> {
  static constexpr std::string_view names[] = {"fixed", "sliding"};
};

namespace pylon::plugins {
namespace {

using namespace plugin;
using schema::field;

constexpr std::string_view kNumberOrText =
    R"({"oneOf":[{"type":"integer","exclusiveMinimum":0},{"type":"string"}]})";
constexpr std::string_view kToken = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

// What the groups in use say: all members of a group must say the same. Control thread only.
class Groups {
 public:
  // Held by an instance as long as it lives; may be let go on any thread.
  using Membership = std::shared_ptr<const uint64_t>;

  bool agrees(std::string_view name, uint64_t digest) const {
    auto group = groups_.find(name);
    Membership said = group != groups_.end() ? group->second.lock() : nullptr;
    return said == nullptr || *said == digest;
  }

  Membership join(std::string_view name, uint64_t digest) {
    std::erase_if(groups_, [](const auto& group) { return group.second.expired(); });
    std::weak_ptr<const uint64_t>& group = groups_[std::string(name)];
    Membership membership = group.lock();
    if (membership == nullptr) {
      membership = std::make_shared<const uint64_t>(digest);
      group = membership;
    }
    return membership;
  }

 private:
  StringMap<std::weak_ptr<const uint64_t>> groups_;
};

// Of the plugin's own fields: what is said in _meta may differ between members of a group.
uint64_t digest_of(const Json& conf) {
  Json own = conf;
  own.erase("_meta");
  return hash_guarded(own.dump_sorted());
}

std::string_view number_text(int64_t number, Arena& arena) {
  constexpr size_t kMaxChars = 20;
  char* text = arena.bytes(kMaxChars);
  return {text, static_cast<size_t>(std::to_chars(text, text + kMaxChars, number).ptr - text)};
}

// Hundredths as seconds: "60", "59.9", "0.05".
std::string_view seconds_text(int64_t hundredths, Arena& arena) {
  std::string_view whole = number_text(hundredths / 100, arena);
  int rest = static_cast<int>(hundredths % 100);
  if (rest == 0) return whole;
  const char digits[] = {static_cast<char>('0' + rest / 10), static_cast<char>('0' + rest % 10)};
  return arena.join(whole, ".", {digits, rest % 10 == 0 ? size_t{1} : size_t{2}});
}

class LimitCount {
  struct Held;

 public:
  struct Rule {
    Json count;
    Json time_window;
    std::string key;
    std::optional<std::string> header_prefix;

    static constexpr auto fields = std::tuple{
        field("count", &Rule::count, "Requests per window.").required().fragment(kNumberOrText),
        field("time_window", &Rule::time_window, "Length of the window, seconds.")
            .required()
            .fragment(kNumberOrText),
        field("key", &Rule::key, "What is counted; a rule whose variables are absent is left out.")
            .required(),
        field("header_prefix", &Rule::header_prefix,
              "Names the fields of this rule: `X-<prefix>-RateLimit-Limit`; else its number does.")
            .pattern(kToken)};
  };
  struct Config {
    Json count;
    Json time_window;
    WindowType window_type = WindowType::fixed;
    std::vector<Rule> rule_list;
    std::optional<std::string> group;
    std::string key = "remote_addr";
    KeyType key_type = KeyType::var;
    int rejected_code = 503;
    std::optional<std::string> rejected_msg;
    std::string policy = "local";
    bool allow_degradation = false;
    bool show_limit_quota_header = true;
    double sync_interval = -1;

    static constexpr auto fields = std::tuple{
        field("count", &Config::count, "Requests per window; a text is read with variables.")
            .fragment(kNumberOrText),
        field("time_window", &Config::time_window,
              "Length of the window, seconds; a text is read with variables.")
            .fragment(kNumberOrText),
        field("window_type", &Config::window_type,
              "`fixed`: from the first request on; `sliding`: the window before counts in part."),
        field("rules", &Config::rule_list, "Several limits at once, in place of `count`."),
        field("group", &Config::group, "All with this group count together."),
        field("key", &Config::key, "What is counted: each value of it has its own counter."),
        field("key_type", &Config::key_type,
              "`key` is the name of a variable, a text with variables, or a constant."),
        field("rejected_code", &Config::rejected_code, "Status of a refusal.").range(200, 599),
        field("rejected_msg", &Config::rejected_msg, "`error_msg` of a refusal.").non_empty(),
        field("policy", &Config::policy, "Where the counters are. Only `local` is supported yet.")
            .one_of({"local", "redis", "redis-cluster", "redis-sentinel"}),
        field("allow_degradation", &Config::allow_degradation,
              "Whether requests pass when the limit cannot be worked out."),
        field("show_limit_quota_header", &Config::show_limit_quota_header,
              "Whether the client is told the quota."),
        field("sync_interval", &Config::sync_interval, "Only for redis: no effect yet.")};
    static constexpr auto rules = schema::schema_fragment(
        R"({"oneOf":[{"required":["count","time_window"]},
                     {"required":["rules"],"not":{"required":["count","time_window"]}}]})");
  };
  struct Metadata {
    std::string limit_header = "X-RateLimit-Limit";
    std::string remaining_header = "X-RateLimit-Remaining";
    std::string reset_header = "X-RateLimit-Reset";

    static constexpr auto fields = std::tuple{
        field("limit_header", &Metadata::limit_header, "Field with the quota.").pattern(kToken),
        field("remaining_header", &Metadata::remaining_header, "Field with what is left of it.")
            .pattern(kToken),
        field("reset_header", &Metadata::reset_header, "Field with the seconds until it is full.")
            .pattern(kToken)};
  };

  // What the client is to be told.
  struct State {
    Held* held = nullptr;
    size_t count = 0;
  };

  static constexpr PluginSpec spec{.name = "limit-count",
                                   .priority = 1002,
                                   .version = "0.5",
                                   .doc = "Limits the number of requests in a window of time."};

  static Result<void> check(const Config& config, const Context& context);
  LimitCount(Config config, const Context& context);

  Verdict access(Exchange& exchange, State& state) const;
  void header_filter(Exchange& exchange, State& state) const;

 private:
  // One counter that a request is held against.
  struct Limit {
    LimitAmount count;
    LimitAmount window_s;
    std::string header_prefix;  // empty: the plain names
    LimitKey key;
  };

  // What a request was held against, and how that went.
  struct Held {
    const Limit* limit;
    int64_t quota;
    CounterTable::Answer answer;
  };

  static Limit limit_of(const Json& count, const Json& window, KeyType type, std::string_view key,
                        std::string prefix);
  Verdict apply(const Limit& limit, std::string_view key, Exchange& exchange, State& state) const;
  Verdict degraded(Exchange& exchange, std::string_view reason) const;
  void tell(const Held& held, Exchange& exchange) const;

  CounterTable& counters_;
  uint64_t seed_;  // of this configuration's counters
  std::vector<Limit> limits_;
  bool by_rules_;
  WindowType window_type_;
  int rejected_code_;
  std::string rejected_body_;
  bool allow_degradation_;
  bool show_headers_;
  MetadataSlot<Metadata> metadata_;
  Groups::Membership membership_;  // null: in no group
};

Result<void> LimitCount::check(const Config& config, const Context& context) {
  bool counts = !config.count.is_null() || !config.time_window.is_null();
  if (!config.rule_list.empty() && counts) {
    return fail("count/time_window and rules cannot be specified at the same time");
  }
  if (!config.rule_list.empty() && config.group) {
    return fail("group and rules cannot be specified at the same time");
  }
  if (config.policy != "local") {
    return fail("property \"policy\" validation failed: " + config.policy +
                " is not supported yet, use local");
  }
  const Groups& groups = context.services.get<Groups>("limit-count groups");
  if (config.group && !groups.agrees(*config.group, digest_of(context.conf))) {
    return fail("group conf mismatched");
  }
  StringSet keys;
  for (const Rule& rule : config.rule_list) {
    if (!keys.insert(rule.key).second) return fail("duplicate key '" + rule.key + "' in rules");
  }
  return {};
}

// A group's counters outlive its configurations; those of a resource begin anew with another one.
uint64_t seed_of(const std::optional<std::string>& group, const Context& context) {
  if (group) return hash_guarded("group:" + *group);
  return hash_guarded(std::string(context.resource) + ':' + context.conf.dump_sorted());
}

LimitCount::LimitCount(Config config, const Context& context)
    : counters_(context.services.get<CounterTable>(CounterTable::kService)),
      seed_(seed_of(config.group, context)),
      by_rules_(!config.rule_list.empty()),
      window_type_(config.window_type),
      rejected_code_(config.rejected_code),
      rejected_body_(config.rejected_msg ? error_body(*config.rejected_msg) : ""),
      allow_degradation_(config.allow_degradation),
      show_headers_(config.show_limit_quota_header),
      metadata_(context) {
  if (!by_rules_) {
    limits_.push_back(limit_of(config.count, config.time_window, config.key_type, config.key, {}));
  }
  for (const Rule& rule : config.rule_list) {
    std::string number = std::to_string(limits_.size() + 1);
    limits_.push_back(limit_of(rule.count, rule.time_window, KeyType::var_combination, rule.key,
                               rule.header_prefix.value_or(number)));
  }
  if (!config.group) return;
  Groups& groups = context.services.get<Groups>("limit-count groups");
  membership_ = groups.join(*config.group, digest_of(context.conf));
}

LimitCount::Limit LimitCount::limit_of(const Json& count, const Json& window, KeyType type,
                                       std::string_view key, std::string prefix) {
  return {LimitAmount(count), LimitAmount(window), std::move(prefix), LimitKey(type, key)};
}

Verdict LimitCount::access(Exchange& exchange, State& state) const {
  if (show_headers_) state.held = exchange.arena.make_array<Held>(limits_.size());
  bool any = false;
  for (const Limit& limit : limits_) {
    bool resolved = false;
    std::string_view key = limit.key.of(exchange, resolved);
    if (!resolved && by_rules_) continue;
    any = true;
    if (!resolved) key = exchange.client.text;
    Verdict verdict = apply(limit, key, exchange, state);
    if (!verdict.proceeds()) return verdict;
  }
  return any ? proceed() : degraded(exchange, "no rule applies");
}

Verdict LimitCount::apply(const Limit& limit, std::string_view key, Exchange& exchange,
                          State& state) const {
  constexpr int64_t kLongestWindow_s = 1'000'000'000'000;  // in microseconds still an int64
  int64_t count = limit.count.of(exchange).value_or(0);
  int64_t window_s = std::min(limit.window_s.of(exchange).value_or(0), kLongestWindow_s);
  if (count == 0 || window_s == 0) {
    return degraded(exchange, "resolved value must be a positive integer");
  }
  uint64_t counter = hash_bytes(key, seed_);
  const Clock& clock = exchange.worker->clock;
  CounterTable::Limit quota{count, window_s * 1'000'000};
  CounterTable::Answer answer = window_type_ == WindowType::fixed
                                    ? counters_.fixed(counter, quota, clock.monotonic_us())
                                    : counters_.sliding(counter, quota, clock.wall_us());
  if (show_headers_) state.held[state.count++] = {&limit, count, answer};
  if (answer.admitted) return proceed();
  if (rejected_body_.empty()) return finish(rejected_code_);
  return finish(rejected_code_, rejected_body_);
}

Verdict LimitCount::degraded(Exchange& exchange, std::string_view reason) const {
  observe::log(observe::Level::error,
               {.connection = exchange.connection_id, .client = exchange.client.text},
               "failed to get rate limit rules: {}", reason);
  return allow_degradation_ ? proceed() : finish(500);
}

// "X-RateLimit-Limit" with the prefix "a" is "X-a-RateLimit-Limit".
std::string_view prefixed(std::string_view name, std::string_view prefix, Arena& arena) {
  size_t place = name.find("RateLimit-");
  if (prefix.empty() || place == std::string_view::npos) return name;
  std::string_view start = arena.join(name.substr(0, place), prefix, "-");
  return arena.join(start, name.substr(place));
}

// Not earlier: an upstream's answer replaces all fields, and its own quota is not the client's.
void LimitCount::header_filter(Exchange& exchange, State& state) const {
  for (size_t i = 0; i < state.count; ++i) tell(state.held[i], exchange);
}

void LimitCount::tell(const Held& held, Exchange& exchange) const {
  constexpr int64_t kHundredth_us = 10'000;
  const Metadata& names = metadata_.in(exchange);
  std::string_view prefix = held.limit->header_prefix;
  Arena& arena = exchange.arena;
  http::Fields& fields = exchange.response.fields;
  int64_t rounding = window_type_ == WindowType::sliding ? kHundredth_us - 1 : 0;
  int64_t hundredths = (held.answer.reset_us + rounding) / kHundredth_us;
  fields.set(prefixed(names.limit_header, prefix, arena), number_text(held.quota, arena));
  fields.set(prefixed(names.remaining_header, prefix, arena),
             number_text(held.answer.remaining, arena));
  fields.set(prefixed(names.reset_header, prefix, arena), seconds_text(hundredths, arena));
}

}  // namespace

PluginType limit_count() { return type_of<LimitCount>(); }

}  // namespace pylon::plugins

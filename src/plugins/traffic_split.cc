#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>

#include "config/inner_upstream.h"
#include "config/upstream.h"
#include "expr/condition.h"
#include "plugin/plugin.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using schema::field;

constexpr std::string_view kWeight =
    R"({"description":"its share of the traffic","type":"integer","default":1,"minimum":0})";

// Which of several weighted targets is next, shared by the workers: over any whole cycle each has
// exactly its share, spread as evenly as in smooth weighted round robin.
class Rotation {
 public:
  explicit Rotation(const std::vector<int>& weights) {
    int64_t total = std::accumulate(weights.begin(), weights.end(), int64_t{0});
    int divisor = 0;
    for (int weight : weights) divisor = std::gcd(divisor, weight);
    if (total == 0) return;
    if (total / divisor > kLongest) divisor = static_cast<int>((total + kLongest - 1) / kLongest);
    lay_out(weights, divisor);
  }

  // Nothing: all weights are 0.
  std::optional<uint16_t> next() const {
    if (order_.empty()) return std::nullopt;
    return order_[next_.fetch_add(1, std::memory_order_relaxed) % order_.size()];
  }

 private:
  static constexpr int64_t kLongest = 10'000;  // entries of a cycle

  void lay_out(const std::vector<int>& weights, int divisor) {
    std::vector<int64_t> current(weights.size());
    int64_t total = 0;
    for (int weight : weights) total += share(weight, divisor);
    for (int64_t step = 0; step < total; step++) {
      size_t best = 0;
      for (size_t i = 0; i < weights.size(); i++) {
        current[i] += share(weights[i], divisor);
        if (current[i] > current[best]) best = i;
      }
      current[best] -= total;
      order_.push_back(static_cast<uint16_t>(best));
    }
  }
  static int64_t share(int weight, int divisor) {
    return weight == 0 ? 0 : std::max(1, weight / divisor);
  }

  std::vector<uint16_t> order_;
  mutable std::atomic<size_t> next_{0};
};

class TrafficSplit {
 public:
  struct Match {
    Json vars;

    static constexpr auto fields =
        std::tuple{field("vars", &Match::vars, "Conditions, all of which must hold.")
                       .fragment(R"({"type":"array"})")};
  };
  struct Target {
    std::string upstream_id;
    std::unique_ptr<config::Upstream> upstream;
    int weight = 1;

    static constexpr auto fields =
        std::tuple{field("upstream_id", &Target::upstream_id, "An upstream that is kept elsewhere.")
                       .fragment(config::kId),
                   field("upstream", &Target::upstream,
                         "One of its own. With neither: the upstream of the route."),
                   field("weight", &Target::weight, "Its share.").fragment(kWeight)};
  };
  struct Rule {
    std::vector<Match> match;
    std::vector<Target> weighted_upstreams;

    static constexpr auto fields = std::tuple{
        field("match", &Rule::match, "Who it is for: one of these must hold. None: everybody."),
        field("weighted_upstreams", &Rule::weighted_upstreams, "Where they are sent.")
            .length(1, 20)};
  };
  struct Config {
    std::vector<Rule> rules_of;

    static constexpr auto fields =
        std::tuple{field("rules", &Config::rules_of, "The first rule that matches decides.")};
  };

  static constexpr PluginSpec spec{
      .name = "traffic-split",
      .priority = 966,
      .doc = "Sends shares of the traffic, or some of it by conditions, to other upstreams."};

  static Result<void> check(const Config& config) {
    for (const Rule& rule : config.rules_of) {
      for (const Match& match : rule.match) {
        auto compiled = expr::Condition::compile(match.vars);
        if (compiled) continue;
        return fail("failed to validate the 'vars' expression: " + compiled.error().message);
      }
    }
    return {};
  }

  TrafficSplit(Config config, const Context& context) {
    for (size_t i = 0; i < config.rules_of.size(); i++) {
      rules_.push_back(make_rule(config.rules_of[i], context, i));
    }
  }

  Verdict access(Exchange& exchange) const {
    choose(exchange);
    return proceed();
  }
  Verdict preread(Connection& connection) const {
    choose(connection.exchange);
    return proceed();
  }

 private:
  struct Compiled {
    std::vector<expr::Condition> conditions;
    std::vector<UpstreamNames::Hold> targets;  // on none: the route's
    std::shared_ptr<const Rotation> rotation;
  };

  static Compiled make_rule(const Rule& rule, const Context& context, size_t number) {
    Compiled made;
    for (const Match& match : rule.match) {
      made.conditions.push_back(expr::Condition::compile(match.vars).value_or(expr::Condition()));
    }
    std::vector<int> weights;
    for (size_t i = 0; i < rule.weighted_upstreams.size(); i++) {
      const Target& target = rule.weighted_upstreams[i];
      std::string name = target.upstream_id;
      if (name.empty() && target.upstream != nullptr) {
        name = config::inner_upstream_name(context.resource, number, i);
      }
      made.targets.push_back(name.empty() ? UpstreamNames::Hold()
                                          : context.services.upstreams().hold(name));
      weights.push_back(target.weight);
    }
    made.rotation = std::make_shared<const Rotation>(weights);
    return made;
  }

  void choose(Exchange& exchange) const {
    for (const Compiled& rule : rules_) {
      bool matches = rule.conditions.empty();
      for (const expr::Condition& condition : rule.conditions) {
        matches = matches || condition.matches(exchange);
      }
      if (!matches) continue;
      std::optional<uint16_t> next = rule.rotation->next();
      exchange.chosen_upstream = next ? rule.targets[*next].slot() : http::kNoUpstream;
      return;
    }
  }

  std::vector<Compiled> rules_;
};

}  // namespace

PluginType traffic_split() { return type_of<TrafficSplit>(); }

}  // namespace pylon::plugins

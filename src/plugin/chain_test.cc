#include "plugin/chain.h"

#include <gtest/gtest.h>

#include "plugin/consumer_merge.h"
#include "plugin/fixture.h"

namespace pylon::plugin {
namespace {

using schema::field;

// Appends its mark to the request's `X-Trace`, so that tests see who ran in which order.
void trace(Exchange& exchange, std::string_view mark) {
  http::Fields& fields = exchange.request.fields;
  std::string_view so_far = fields.get("X-Trace");
  fields.set("X-Trace", exchange.arena.join(so_far, mark));
}

struct MarkConfig {
  std::string mark = "?";
  int status = 0;

  static constexpr auto fields =
      std::tuple{field("mark", &MarkConfig::mark), field("status", &MarkConfig::status)};
};

class High {
 public:
  using Config = MarkConfig;
  static constexpr PluginSpec spec{.name = "high", .priority = 100};
  explicit High(Config config) : config_(std::move(config)) {}
  Verdict rewrite(Exchange& exchange) const {
    trace(exchange, config_.mark);
    return proceed();
  }
  Verdict access(Exchange& exchange) const {
    trace(exchange, config_.mark);
    if (config_.status != 0) return finish(config_.status, exchange.arena.copy(message_body("no")));
    return proceed();
  }

 private:
  Config config_;
};

class Low {
 public:
  using Config = MarkConfig;
  struct State {
    int64_t seen = 40;
  };
  static constexpr PluginSpec spec{.name = "low", .priority = 10};
  explicit Low(Config config) : config_(std::move(config)) {}
  Task<Verdict> access(Exchange& exchange, State& state) const {
    ++state.seen;
    trace(exchange, config_.mark);
    co_return proceed();
  }
  Verdict rewrite(Exchange& exchange, State& state) const {
    ++state.seen;
    trace(exchange, config_.mark);
    return proceed();
  }
  void log(Exchange& exchange, State& state) const {
    trace(exchange, exchange.arena.copy(std::to_string(state.seen)));
  }

 private:
  Config config_;
};

class Preferring {
 public:
  using Config = MarkConfig;
  static constexpr PluginSpec spec{.name = "preferring", .priority = 5, .prefer_route = true};
  explicit Preferring(Config config) : config_(std::move(config)) {}
  void log(Exchange& exchange) const { trace(exchange, config_.mark); }

 private:
  Config config_;
};

class Shouting {
 public:
  struct Config {
    bool loud = true;
    static constexpr auto fields = std::tuple{field("loud", &Config::loud)};
  };
  static constexpr PluginSpec spec{.name = "shouting", .priority = 1};
  explicit Shouting(Config) {}

  class Upper final : public Body {
   public:
    Upper(Body& source, Arena& arena) : source_(source), arena_(arena) {}
    http::Chunk pull() override {
      http::Chunk chunk = source_.pull();
      char* text = arena_.bytes(chunk.octets.size());
      for (size_t i = 0; i < chunk.octets.size(); ++i) {
        text[i] = static_cast<char>(chunk.octets[i] & ~0x20);
      }
      return {chunk.state, {text, chunk.octets.size()}};
    }

   private:
    Body& source_;
    Arena& arena_;
  };
  Body& body_filter(Exchange& exchange, Body& source) const {
    return make_filter<Upper>(exchange, source, exchange.arena);
  }
};

class ChainTest : public testing::Test {
 protected:
  ChainTest()
      : fixture_({type_of<High>(), type_of<Low>(), type_of<Preferring>(), type_of<Shouting>()}),
        test_(fixture_) {}

  std::string_view trace_text() { return test_.request_field("X-Trace"); }

  Fixture fixture_;
  TestExchange test_;
};

TEST_F(ChainTest, RunsByPriority) {
  auto set = fixture_.plugins(R"({"low":{"mark":"l"},"high":{"mark":"h"}})");
  EXPECT_TRUE(test_.run(*set).proceeds());
  EXPECT_EQ(trace_text(), "hlhl");
}

TEST_F(ChainTest, MetaPriorityMovesAPlugin) {
  auto set =
      fixture_.plugins(R"({"low":{"mark":"l","_meta":{"priority":1000}},"high":{"mark":"h"}})");
  EXPECT_TRUE(test_.run(*set).proceeds());
  EXPECT_EQ(trace_text(), "lhlh");
}

TEST_F(ChainTest, AVerdictEndsThePhase) {
  auto set = fixture_.plugins(R"({"low":{"mark":"l"},"high":{"mark":"h","status":403}})");
  Verdict verdict = test_.run(*set);
  EXPECT_EQ(verdict.status(), 403);
  EXPECT_EQ(verdict.body(), "{\"message\":\"no\"}\n");
  EXPECT_EQ(trace_text(), "hlh");
}

TEST_F(ChainTest, ErrorResponseReplacesTheBody) {
  auto object =
      fixture_.plugins(R"({"high":{"status":403,"_meta":{"error_response":{"message":"own"}}}})");
  EXPECT_EQ(test_.run(*object).body(), "{\"message\":\"own\"}\n");
  auto text = fixture_.plugins(R"({"high":{"status":403,"_meta":{"error_response":"own"}}})");
  EXPECT_EQ(test_.run(*text).body(), "own");
  auto success = fixture_.plugins(R"({"high":{"status":200,"_meta":{"error_response":"own"}}})");
  EXPECT_EQ(test_.run(*success).body(), "{\"message\":\"no\"}\n");
}

TEST_F(ChainTest, DisabledPluginsDoNotRun) {
  auto set = fixture_.plugins(R"({"high":{"mark":"h","_meta":{"disable":true}}})");
  EXPECT_TRUE(test_.run(*set).proceeds());
  EXPECT_EQ(trace_text(), "");
}

TEST_F(ChainTest, AFilterThatDoesNotHoldKeepsThePluginOut) {
  auto set = fixture_.plugins(
      R"({"high":{"mark":"h","_meta":{"filter":[["arg_a","==","1"]]}},"low":{"mark":"l"}})");
  EXPECT_TRUE(test_.run(*set).proceeds());
  EXPECT_EQ(trace_text(), "ll");
}

TEST_F(ChainTest, StateLivesAsLongAsTheExchange) {
  auto set = fixture_.plugins(R"({"low":{"mark":""}})");
  EXPECT_TRUE(test_.run(*set).proceeds());
  test_.log();
  EXPECT_EQ(trace_text(), "42");
}

TEST_F(ChainTest, OnlyPhasesThatSomebodyHas) {
  auto set = fixture_.plugins(R"({"low":{}})");
  SharedChain shared({set});
  EXPECT_TRUE(shared.chain().has(Phase::access));
  EXPECT_TRUE(shared.chain().is_async(Phase::access));
  EXPECT_FALSE(shared.chain().is_async(Phase::rewrite));
  EXPECT_FALSE(shared.chain().has(Phase::body_filter));
  EXPECT_TRUE(Chain().empty());
  EXPECT_FALSE(ActiveChain().has(Phase::rewrite));
}

TEST_F(ChainTest, TheLastSetThatNamesAPluginCounts) {
  auto service = fixture_.plugins(R"({"high":{"mark":"S"},"low":{"mark":"s"}})");
  auto route = fixture_.plugins(R"({"high":{"mark":"R"}})");
  SharedChain shared({service, route});
  ActiveChain active(shared.chain(), test_.exchange);
  EXPECT_TRUE(active.run(Phase::rewrite, test_.exchange).proceeds());
  EXPECT_EQ(trace_text(), "Rs");
}

TEST_F(ChainTest, ADisabledPluginHidesTheServices) {
  auto service = fixture_.plugins(R"({"high":{"mark":"S"}})");
  auto route = fixture_.plugins(R"({"high":{"_meta":{"disable":true}}})");
  EXPECT_TRUE(SharedChain({service, route}).chain().empty());
}

TEST_F(ChainTest, ARoutesPluginReplacesTheGlobalOne) {
  auto global_set = fixture_.plugins(R"({"preferring":{"mark":"g"}})");
  auto route_set = fixture_.plugins(R"({"preferring":{"mark":"r"}})");
  SharedChain global({global_set});
  SharedChain route({route_set});
  ActiveChain(global.chain(), test_.exchange, route.chain().prefer_bits()).log(test_.exchange);
  EXPECT_EQ(trace_text(), "");
  ActiveChain(global.chain(), test_.exchange).log(test_.exchange);
  EXPECT_EQ(trace_text(), "g");
}

TEST_F(ChainTest, BodyFiltersWrapTheBody) {
  auto set = fixture_.plugins(R"({"shouting":{}})");
  EXPECT_TRUE(test_.run(*set).proceeds());
  EXPECT_EQ(test_.respond(200, "quiet"), "QUIET");
}

TEST_F(ChainTest, InstancesOfTheSameConfigurationAreKept) {
  Json plugins = *Json::parse(R"({"high":{"mark":"a"},"low":{"mark":"b"}})");
  auto first = *PluginSet::build(fixture_.catalogue, plugins, "r", nullptr);
  plugins["low"]["mark"] = Json("c");
  auto second = *PluginSet::build(fixture_.catalogue, plugins, "r", first.get());
  const PluginType& high = *fixture_.catalogue.find("high");
  const PluginType& low = *fixture_.catalogue.find("low");
  EXPECT_EQ(first->find(high)->instance, second->find(high)->instance);
  EXPECT_NE(first->find(low)->instance, second->find(low)->instance);
  EXPECT_NE(first->serial(), second->serial());
}

TEST_F(ChainTest, UnknownPluginsAreSkipped) {
  auto set = fixture_.plugins(R"({"nothing":{},"high":{}})");
  EXPECT_EQ(set->items().size(), 1u);
}

class ConsumerMergeTest : public ChainTest {};

TEST_F(ConsumerMergeTest, AConsumersPluginsReplaceAndAdd) {
  auto route = fixture_.plugins(R"({"high":{"mark":"R"}})");
  auto consumer = fixture_.plugins(R"({"high":{"mark":"C"},"low":{"mark":"c"}})");
  SharedChain shared({route});
  ActiveChain active(shared.chain(), test_.exchange);
  EXPECT_TRUE(active.run(Phase::rewrite, test_.exchange).proceeds());
  ConsumerMerge merges;
  ConsumerMerge::Lease merged = merges.chain_of(shared.chain(), nullptr, consumer.get());
  active.adopt(merged.chain(), test_.exchange);
  EXPECT_TRUE(active.run(Phase::rewrite, test_.exchange).proceeds());  // only what is new
  EXPECT_TRUE(active.run_async(Phase::access, test_.exchange).run_to_end().proceeds());
  active.log(test_.exchange);
  EXPECT_EQ(trace_text(), "RcCc42");
}

TEST_F(ConsumerMergeTest, WithoutNewPluginsNothingIsRewrittenAgain) {
  auto route = fixture_.plugins(R"({"high":{"mark":"R"},"low":{"mark":"r"}})");
  auto consumer = fixture_.plugins(R"({"high":{"mark":"C"}})");
  SharedChain shared({route});
  Chain merged = Chain::merge(shared.chain(), nullptr, consumer.get());
  EXPECT_FALSE(merged.has(Phase::rewrite));
  EXPECT_TRUE(merged.has(Phase::access));
}

TEST_F(ConsumerMergeTest, StatesOfTheRouteAreKept) {
  auto route = fixture_.plugins(R"({"low":{"mark":""}})");
  auto consumer = fixture_.plugins(R"({"high":{"mark":""}})");
  SharedChain shared({route});
  ActiveChain active(shared.chain(), test_.exchange);
  EXPECT_TRUE(active.run(Phase::rewrite, test_.exchange).proceeds());
  Chain merged = Chain::merge(shared.chain(), nullptr, consumer.get());
  active.adopt(merged, test_.exchange);
  active.log(test_.exchange);
  EXPECT_EQ(trace_text(), "41");
}

TEST_F(ConsumerMergeTest, AConsumerGoesBeforeItsGroup) {
  auto group = fixture_.plugins(R"({"high":{"mark":"G"},"low":{"mark":"g"}})");
  auto consumer = fixture_.plugins(R"({"high":{"mark":"C"}})");
  Chain merged = Chain::merge(Chain(), group.get(), consumer.get());
  ActiveChain active(merged, test_.exchange);
  EXPECT_TRUE(active.run(Phase::rewrite, test_.exchange).proceeds());
  EXPECT_EQ(trace_text(), "Cg");
}

TEST_F(ConsumerMergeTest, ChainsAreKeptAndBounded) {
  ConsumerMerge merges(2);
  auto route = fixture_.plugins(R"({"high":{}})");
  SharedChain shared({route});
  std::vector<Ref<const PluginSet>> consumers;
  for (int i = 0; i < 3; ++i) consumers.push_back(fixture_.plugins(R"({"low":{}})"));
  ConsumerMerge::Lease first = merges.chain_of(shared.chain(), nullptr, consumers[0].get());
  const Chain* chain = &first.chain();
  EXPECT_EQ(&merges.chain_of(shared.chain(), nullptr, consumers[0].get()).chain(), chain);
  static_cast<void>(merges.chain_of(shared.chain(), nullptr, consumers[1].get()));
  static_cast<void>(merges.chain_of(shared.chain(), nullptr, consumers[2].get()));
  EXPECT_EQ(merges.size(), 2u);
  EXPECT_TRUE(first.chain().has(Phase::access));  // pushed out, but still leased
  EXPECT_NE(&merges.chain_of(shared.chain(), nullptr, consumers[0].get()).chain(), chain);
}

}  // namespace
}  // namespace pylon::plugin

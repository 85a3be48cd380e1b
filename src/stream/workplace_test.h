// What tests of sessions need: a worker without a thread, stream routes in few words, nodes in
// memory, and a plugin that does what it is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "net/memory_stream.h"
#include "plugin/plugin.h"
#include "snapshot/builder_fixture_test.h"
#include "stream/admission.h"
#include "tls/client_context.h"

namespace pylon::stream {

// Looks at what the client sends first, and counts the ends of sessions.
class Gate {
 public:
  struct Config {
    int wants = 0;  // octets before it decides
    bool refuses = false;
    int pause = 0;  // milliseconds
    static constexpr auto fields = std::tuple{schema::field("wants", &Config::wants),
                                              schema::field("refuses", &Config::refuses),
                                              schema::field("pause", &Config::pause)};
  };
  static constexpr plugin::PluginSpec spec{.name = "gate", .priority = 10};

  explicit Gate(Config config) : config_(std::move(config)) {}
  plugin::Verdict preread(plugin::Connection& connection) const {
    if (connection.octets.size() < static_cast<size_t>(config_.wants)) {
      return plugin::wait_for_octets();
    }
    if (config_.refuses) return plugin::finish(403);
    return config_.pause > 0 ? plugin::pause_for(config_.pause) : plugin::proceed();
  }
  void session_log(http::Exchange& exchange) const {
    logged.push_back({exchange.response.status, exchange.request_bytes, exchange.bytes_sent});
  }

  struct Line {
    int status;
    uint64_t up, down;
    bool operator==(const Line&) const = default;
  };
  static inline std::vector<Line> logged;

 private:
  Config config_;
};

// Connections to nodes: each ends in `nodes`, and does what the next of `plans` says.
class MemoryDialer final : public Dialer {
 public:
  enum class Plan { connects, fails, hangs };

  std::unique_ptr<net::Stream> connect(const upstream::Endpoint& endpoint) override {
    asked.emplace_back(endpoint.text());
    Plan plan = Plan::connects;
    if (!plans.empty()) {
      plan = plans.front();
      plans.erase(plans.begin());
    }
    if (plan == Plan::hangs) return std::make_unique<Hanging>();
    auto [near, far] = net::MemoryStream::pair(room);
    if (plan == Plan::fails) near->close(true);
    nodes.push_back(std::move(far));
    current = near.get();
    return std::move(near);
  }

  std::vector<Plan> plans;
  std::vector<std::string> asked;
  std::vector<std::unique_ptr<net::MemoryStream>> nodes;  // their ends
  net::MemoryStream* current = nullptr;                   // our end of the last
  size_t room = 1 << 20;

 private:
  class Hanging final : public net::Stream {
   public:
    Hanging() { connecting_ = true; }
    net::Io read(char*, size_t) override { return {net::IoState::again}; }
    net::Io write(const iovec*, int) override { return {net::IoState::again}; }
    void shutdown_write() override {}
    void close(bool) override {
      connecting_ = false;
      broken_ = true;
    }
  };
};

struct TestWorkplace : snapshot::BuilderFixture {
  TestWorkplace() : BuilderFixture(router::Mode::host_uri, {plugin::type_of<Gate>()}) {
    Gate::logged.clear();
  }

  // The stream route "1": its upstream, and the configuration of its gate ("" for none).
  void serve(const std::string& upstream, const std::string& gate = "") {
    std::string plugins_text = gate.empty() ? "" : R"("plugins":{"gate":)" + gate + "},";
    put(config::Kind::stream_route, "1", "{" + plugins_text + R"("upstream":)" + upstream + "}");
    publish();
  }
  void publish() {
    versions.publish(builder.snapshot());
    versions.seat(0).take_newest();
  }

  static std::unique_ptr<tls::ClientContext> tls_context() {
    tls::ClientOptions options;
    options.trust_system = false;
    return tls::ClientContext::make(options).value();
  }
  Workplace place() {
    return {loop, versions.seat(0), plugins.worker, balancer, *tls, dialer, nullptr};
  }

  net::Loop loop;
  snapshot::Versions versions{1};
  upstream::Balancer balancer{plugins.clock};
  std::unique_ptr<tls::ClientContext> tls = tls_context();
  MemoryDialer dialer;
};

}  // namespace pylon::stream

#include "plugin/consumer.h"
#include "plugin/forward_policy.h"
#include "plugin/plugin.h"
#include "plugins/basic_credentials.h"
#include "schema/value_types.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using http::FieldId;
using schema::field;

class ForwardProxy {
 public:
  struct User {
    std::string username;
    Secret password;

    static constexpr auto fields = std::tuple{
        field("username", &User::username, "Name, without a colon.").required().pattern("^[^:]+$"),
        field("password", &User::password, "Password.").required().encrypted()};
  };
  struct Config {
    std::vector<std::string> allow_hosts;
    std::vector<int> allow_ports = {80, 443};
    std::vector<Cidr> allow_cidrs;
    std::vector<Cidr> deny_cidrs;
    std::vector<User> users;
    bool consumers = false;
    std::string realm = "forward-proxy";
    double connect_timeout = 10;
    double idle_timeout = 60;
    bool tell_client = false;
    std::string via = "pylon";

    static constexpr auto fields = std::tuple{
        field("allow_hosts", &Config::allow_hosts,
              "Only these may be named: `a.test`, or `*.a.test` for all below it. None: any.")
            .items(schema::each().pattern("^(\\*\\.)?[0-9a-z._\\[\\]:-]+$")),
        field("allow_ports", &Config::allow_ports, "Only these ports may be connected to.")
            .items(schema::each().range(1, 65535)),
        field("allow_cidrs", &Config::allow_cidrs,
              "Addresses that may be connected to although they are private, local or otherwise "
              "not of the public internet, or this machine's own."),
        field("deny_cidrs", &Config::deny_cidrs, "Addresses that may not, whatever else is said."),
        field("users", &Config::users,
              "Who may use it, by Proxy-Authorization (Basic). None, and no `consumers`: everybody "
              "whom the route's other plugins let in."),
        field("consumers", &Config::consumers,
              "Whether consumers may use it by what they have for basic-auth, in "
              "Proxy-Authorization: their plugins apply, and logs name them."),
        field("realm", &Config::realm, "Told with a 407.").pattern("^[^\"\\\\]*$"),
        field("connect_timeout", &Config::connect_timeout, "Seconds until a host is given up.")
            .greater_than(0),
        field("idle_timeout", &Config::idle_timeout, "Seconds that a connection may be silent.")
            .greater_than(0),
        field("tell_client", &Config::tell_client,
              "Whether hosts are told the client's address (X-Real-IP, X-Forwarded-*)."),
        field("via", &Config::via, "The name in Via; empty: no Via is sent.")
            .pattern("^[!#$%&'*+.^_`|~0-9A-Za-z-]*$")};
  };

  // Who asks has proved it.
  struct State {
    bool admitted = false;
  };

  static constexpr PluginSpec spec{
      .name = "forward-proxy",
      .priority = 1005,
      .doc =
          "Makes a route a forward proxy: CONNECT and requests for `http://host/...` go to where "
          "they name, within limits. Pylon's own; enabled only by a list `plugins` that names it."};

  explicit ForwardProxy(Config config)
      : users_(std::move(config.users)),
        consumers_(config.consumers),
        challenge_("Basic realm=\"" + config.realm + "\", charset=\"UTF-8\""),
        refusal_(message_body("Proxy authentication required")),
        via_(config.via.empty() ? "" : "1.1 " + config.via) {
    policy_.hosts = std::move(config.allow_hosts);
    for (int port : config.allow_ports) policy_.ports.push_back(static_cast<uint16_t>(port));
    policy_.allowed = IpSet(config.allow_cidrs);
    policy_.denied = IpSet(config.deny_cidrs);
    policy_.connect_timeout_ms = static_cast<int64_t>(config.connect_timeout * 1000);
    policy_.idle_timeout_ms = static_cast<int64_t>(config.idle_timeout * 1000);
    policy_.tells_client = config.tell_client;
  }

  // Here, because a consumer's plugins are merged after this phase. The field is gone before
  // anything is sent or logged.
  Verdict rewrite(Exchange& exchange, State& state) const {
    if (!names_where(exchange.request)) return proceed();  // as without the plugin
    http::Fields& fields = exchange.request.fields;
    std::optional<BasicCredentials> told;
    if (!fields.repeated(FieldId::proxy_authorization)) {
      told = read_basic_credentials(fields.get(FieldId::proxy_authorization), exchange.arena);
    }
    fields.remove(FieldId::proxy_authorization);
    bool open = users_.empty() && !consumers_;
    state.admitted = open || (told && (is_user(*told) || is_consumer(*told, exchange)));
    if (state.admitted) return proceed();
    exchange.response.fields.set(FieldId::proxy_authenticate, challenge_);
    return finish(407, refusal_);
  }
  Verdict access(Exchange& exchange, State& state) const {
    if (!state.admitted) return proceed();
    if (!via_.empty()) exchange.request.fields.add("Via", via_);
    exchange.forward_policy = &policy_;
    return proceed();
  }
  void header_filter(Exchange& exchange) const {
    if (exchange.forward_policy == &policy_ && !via_.empty() && exchange.response.from_upstream) {
      exchange.response.fields.add("Via", via_);
    }
  }

 private:
  static bool names_where(const http::Request& request) {
    if (request.method == http::Method::connect) return true;
    return !request.target.empty() && request.target[0] != '/' && request.target[0] != '*';
  }

  // All are looked at, whichever is right: how long it takes tells nothing.
  bool is_user(const BasicCredentials& told) const {
    bool known = false;
    for (const User& user : users_) {
      bool right = user.password.equals(told.password);
      known |= right && user.username == told.username;
    }
    return known;
  }

  // Whom hosts hear from is the proxy: they are not told the consumer.
  bool is_consumer(const BasicCredentials& told, Exchange& exchange) const {
    if (!consumers_ || exchange.credentials == nullptr) return false;
    const config::Credential* found = exchange.credentials->find(kBasicAuth, told.username);
    if (found == nullptr || !found->conf_as<BasicAuthConsumer>().password.equals(told.password)) {
      return false;
    }
    attach_consumer(exchange, *found);
    strip_identity(exchange);
    return true;
  }

  ForwardPolicy policy_;
  std::vector<User> users_;
  bool consumers_;
  std::string challenge_;
  std::string refusal_;
  std::string via_;
};

}  // namespace

PluginType forward_proxy() { return type_of<ForwardProxy>(); }

}  // namespace pylon::plugins

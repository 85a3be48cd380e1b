#include "base/strings.h"
#include "plugin/forward_policy.h"
#include "plugin/plugin.h"
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
              "Who may use it, by Proxy-Authorization (Basic). None: everybody whom the route's "
              "other plugins let in."),
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

  static constexpr PluginSpec spec{
      .name = "forward-proxy",
      .priority = 1005,
      .doc =
          "Makes a route a forward proxy: CONNECT and requests for `http://host/...` go to where "
          "they name, within limits. Pylon's own; enabled only by a list `plugins` that names it."};

  explicit ForwardProxy(Config config)
      : users_(std::move(config.users)),
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

  Verdict access(Exchange& exchange) const {
    if (!names_where(exchange.request)) return proceed();  // as without the plugin
    http::Fields& fields = exchange.request.fields;
    if (!users_.empty() && !is_known(fields.get(FieldId::proxy_authorization), exchange.arena)) {
      exchange.response.fields.set(FieldId::proxy_authenticate, challenge_);
      return finish(407, refusal_);
    }
    fields.remove(FieldId::proxy_authorization);
    if (!via_.empty()) fields.add("Via", via_);
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
  bool is_known(std::string_view value, Arena& arena) const {
    constexpr std::string_view kBasic = "basic ";
    if (value.size() < kBasic.size() || !iequals(value.substr(0, kBasic.size()), kBasic)) {
      return false;
    }
    std::optional<std::string> told = base64_decode(trim(value.substr(kBasic.size())));
    if (!told) return false;
    std::string_view text = arena.copy(*told);
    size_t colon = text.find(':');
    if (colon == text.npos) return false;
    bool known = false;
    for (const User& user : users_) {
      bool right = user.password.equals(text.substr(colon + 1));
      known |= right && user.username == text.substr(0, colon);
    }
    return known;
  }

  ForwardPolicy policy_;
  std::vector<User> users_;
  std::string challenge_;
  std::string refusal_;
  std::string via_;
};

}  // namespace

PluginType forward_proxy() { return type_of<ForwardProxy>(); }

}  // namespace pylon::plugins

#include "base/ip.h"
#include "plugin/plugin.h"
#include "schema/value_types.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using schema::field;

class IpRestriction {
 public:
  struct Config {
    std::string message = "Your IP address is not allowed";
    int response_code = 403;
    std::vector<Cidr> whitelist;
    std::vector<Cidr> blacklist;

    static constexpr auto fields = std::tuple{
        field("message", &Config::message, "Body of the refusal, as `message` of an object.")
            .length(1, 1024),
        field("response_code", &Config::response_code, "Status of the refusal.").range(403, 404),
        field("whitelist", &Config::whitelist, "Only these addresses and blocks may pass.")
            .non_empty(),
        field("blacklist", &Config::blacklist, "These addresses and blocks are refused.")
            .non_empty()};
    static constexpr auto rules = schema::exactly_one_of("whitelist", "blacklist");
  };

  static constexpr PluginSpec spec{.name = "ip-restriction",
                                   .priority = 3000,
                                   .doc = "Allows or denies requests by the client's address."};

  explicit IpRestriction(Config config)
      : status_(config.response_code),
        body_(message_body(config.message)),
        allow_(!config.whitelist.empty()),
        addresses_(allow_ ? config.whitelist : config.blacklist) {}

  Verdict access(Exchange& exchange) const { return judge(exchange.client.address); }
  Verdict preread(Connection& connection) const {
    return judge(connection.exchange.client.address);
  }

 private:
  Verdict judge(const IpAddress& address) const {
    bool listed = addresses_.contains(address.unmapped());
    return listed == allow_ ? proceed() : finish(status_, body_);
  }

  int status_;
  std::string body_;
  bool allow_;
  IpSet addresses_;
};

}  // namespace

PluginType ip_restriction() { return type_of<IpRestriction>(); }

}  // namespace pylon::plugins

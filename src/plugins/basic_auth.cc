#include "plugin/consumer.h"
#include "plugin/plugin.h"
#include "plugins/basic_credentials.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using config::Credential;
using http::FieldId;
using schema::field;

class BasicAuth {
 public:
  struct Config {
    bool hide_credentials = false;
    std::string realm = "basic";
    std::optional<std::string> anonymous_consumer;

    static constexpr auto fields =
        std::tuple{field("hide_credentials", &Config::hide_credentials,
                         "Whether the upstream does not get to see the Authorization field."),
                   field("realm", &Config::realm, "Realm told in `WWW-Authenticate`.")
                       .length(1, 128)
                       .pattern(R"(^[ -!#-[\]-~]+$)"),
                   field("anonymous_consumer", &Config::anonymous_consumer,
                         "Consumer of requests without valid credentials; unset refuses them.")
                       .non_empty()};
    static constexpr auto rules =
        schema::schema_fragment(R"({"title":"work with route or service object"})");
  };
  using ConsumerConfig = BasicAuthConsumer;

  static constexpr PluginSpec spec{
      .name = kBasicAuth,
      .priority = 2520,
      .kind = PluginKind::auth,
      .key_attribute = "username",
      .doc = "Authenticates consumers by name and password (Authorization: Basic)."};

  explicit BasicAuth(Config config)
      : config_(std::move(config)), challenge_("Basic realm=\"" + config_.realm + '"') {}

  Verdict rewrite(Exchange& exchange) const {
    strip_identity(exchange);
    http::Fields& fields = exchange.request.fields;
    const Credential* owner = nullptr;
    std::string_view fault = find_owner(exchange, owner);
    if (owner == nullptr && !config_.anonymous_consumer) return refuse(exchange, fault);
    if (config_.hide_credentials) fields.remove(FieldId::authorization);
    if (owner == nullptr) return let_in_anonymously(exchange);
    attach_consumer(exchange, *owner);
    return proceed();
  }

 private:
  static constexpr std::string_view kMissing =
      "{\"message\":\"Missing authorization in request\"}\n";
  static constexpr std::string_view kInvalid =
      "{\"message\":\"Invalid authorization in request\"}\n";
  static constexpr std::string_view kUnauthorized =
      "{\"message\":\"Invalid user authorization\"}\n";

  // The body of a refusal when nobody is found.
  static std::string_view find_owner(Exchange& exchange, const Credential*& owner) {
    const http::Fields& fields = exchange.request.fields;
    if (!fields.has(FieldId::authorization)) return kMissing;
    if (fields.repeated(FieldId::authorization)) return kInvalid;
    auto told = read_basic_credentials(fields.get(FieldId::authorization), exchange.arena);
    if (!told) return kInvalid;
    const Credential* found = exchange.credentials != nullptr
                                  ? exchange.credentials->find(kBasicAuth, told->username)
                                  : nullptr;
    if (found != nullptr && found->conf_as<ConsumerConfig>().password.equals(told->password)) {
      owner = found;
    }
    return kUnauthorized;
  }

  Verdict let_in_anonymously(Exchange& exchange) const {
    bool known = attach_anonymous(exchange, "basic-auth", *config_.anonymous_consumer);
    return known ? proceed() : refuse(exchange, kUnauthorized);
  }

  Verdict refuse(Exchange& exchange, std::string_view body) const {
    exchange.response.fields.set(FieldId::www_authenticate, challenge_);
    return finish(401, body);
  }

  Config config_;
  std::string challenge_;
};

}  // namespace

PluginType basic_auth() { return type_of<BasicAuth>(); }

}  // namespace pylon::plugins

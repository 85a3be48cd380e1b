#include "plugin/consumer.h"
#include "plugin/plugin.h"
#include "plugin/uri.h"
#include "schema/value_types.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using config::Credential;
using schema::field;

class KeyAuth {
 public:
  struct Config {
    std::string header = "apikey";
    std::string query = "apikey";
    std::string realm = "key";
    bool hide_credentials = false;
    std::optional<std::string> anonymous_consumer;

    static constexpr auto fields = std::tuple{
        field("header", &Config::header, "Request header that carries the key."),
        field("query", &Config::query, "Query argument that carries the key without the header."),
        field("realm", &Config::realm, "Realm told in `WWW-Authenticate`.")
            .length(1, 128)
            .pattern(R"(^[ -!#-[\]-~]+$)"),
        field("hide_credentials", &Config::hide_credentials,
              "Whether the upstream does not get to see the key."),
        field("anonymous_consumer", &Config::anonymous_consumer,
              "Consumer of requests without a valid key; unset refuses them.")
            .non_empty()};
  };
  struct ConsumerConfig {
    Secret key;

    static constexpr auto fields = std::tuple{
        field("key", &ConsumerConfig::key, "The consumer's key.").required().encrypted()};
  };

  static constexpr PluginSpec spec{
      .name = "key-auth",
      .priority = 2500,
      .kind = PluginKind::auth,
      .key_attribute = "key",
      .doc = "Authenticates consumers by a key in a header or a query argument."};

  explicit KeyAuth(Config config)
      : config_(std::move(config)),
        header_id_(http::field_id(config_.header)),
        challenge_("apikey realm=\"" + config_.realm + '"') {}

  Verdict rewrite(Exchange& exchange) const {
    strip_identity(exchange);
    Key key = find_key(exchange);
    const Credential* owner = key.place == Key::Place::none || exchange.credentials == nullptr
                                  ? nullptr
                                  : exchange.credentials->find(spec.name, key.text);
    if (owner != nullptr) {
      if (config_.hide_credentials) hide(exchange, key);
      attach_consumer(exchange, *owner);
      return proceed();
    }
    if (config_.anonymous_consumer) return let_in_anonymously(exchange);
    bool missing = key.place == Key::Place::none;
    return refuse(exchange, missing ? kMissing : kInvalid);
  }

 private:
  static constexpr std::string_view kMissing = "{\"message\":\"Missing API key in request\"}\n";
  static constexpr std::string_view kInvalid = "{\"message\":\"Invalid API key in request\"}\n";
  static constexpr std::string_view kUnauthorized =
      "{\"message\":\"Invalid user authorization\"}\n";

  struct Key {
    enum class Place { none, header, query };
    Place place = Place::none;
    std::string_view text;
  };

  std::string_view header_value(const Exchange& exchange) const {
    const http::Fields& fields = exchange.request.fields;
    return header_id_ != http::FieldId::other ? fields.get(header_id_) : fields.get(config_.header);
  }

  // A key given twice in the query is nobody's: gateway and upstream might read different ones.
  Key find_key(Exchange& exchange) const {
    std::string_view header = header_value(exchange);
    if (header.data() != nullptr) return {Key::Place::header, header};
    Argument argument = find_argument(exchange.request.args, config_.query, exchange.arena);
    if (argument.found == Argument::Found::none) return {};
    bool once = argument.found == Argument::Found::one;
    return {Key::Place::query, once ? argument.value : std::string_view{}};
  }

  void hide(Exchange& exchange, const Key& key) const {
    if (key.place == Key::Place::header) {
      exchange.request.fields.remove(config_.header);
    } else {
      remove_argument(exchange, config_.query);
    }
  }

  Verdict let_in_anonymously(Exchange& exchange) const {
    if (config_.hide_credentials) {
      exchange.request.fields.remove(config_.header);
      remove_argument(exchange, config_.query);
    }
    bool known = attach_anonymous(exchange, "key-auth", *config_.anonymous_consumer);
    return known ? proceed() : refuse(exchange, kUnauthorized);
  }

  Verdict refuse(Exchange& exchange, std::string_view body) const {
    exchange.response.fields.set(http::FieldId::www_authenticate, challenge_);
    return finish(401, body);
  }

  Config config_;
  http::FieldId header_id_;
  std::string challenge_;
};

}  // namespace

PluginType key_auth() { return type_of<KeyAuth>(); }

}  // namespace pylon::plugins

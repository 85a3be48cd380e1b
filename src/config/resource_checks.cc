#include "config/resource_checks.h"

#include <fmt/format.h>

#include "base/ip.h"
#include "config/consumer.h"
#include "config/plugin_config.h"
#include "config/proto.h"
#include "config/route.h"
#include "config/secret_manager.h"
#include "config/service.h"
#include "config/ssl.h"
#include "config/stream_route.h"
#include "config/upstream.h"

namespace pylon::config {
namespace {

Result<void> check_schema(const schema::JsonSchema& schema, Json& value) {
  if (auto message = schema.validate(value)) return fail("invalid configuration: " + *message);
  return {};
}

template <class T>
Result<void> check_schema_of(Json& value) {
  return check_schema(schema::compiled_schema_of<T>(), value);
}

Result<void> with_prefix(std::string_view prefix, Result<void> result) {
  if (result) return result;
  return fail(fmt::format("{}{}", prefix, result.error().message));
}

std::string_view text_member(const Json& value, std::string_view name) {
  const Json* member = value.find(name);
  return member != nullptr ? member->as_string() : std::string_view();
}

// A resource that another names by id must be there. `words`: "upstream", as the message says it.
Result<void> check_reference(const Json& value, std::string_view field, Kind kind,
                             std::string_view words, const CheckHelp& help) {
  const Json* id = value.find(field);
  if (id == nullptr || help.skips_references()) return {};
  std::string text = schema::text_of(*id);
  if (help.find(kind, text) != nullptr) return {};
  return fail(
      fmt::format("failed to fetch {} info by {} id [{}], response code: 404", words, words, text));
}

Result<void> check_client_certificate(const Json& tls, const CheckHelp& help) {
  if (const Json* id = tls.find("client_cert_id"); id != nullptr && !help.skips_references()) {
    std::string text = schema::text_of(*id);
    const Json* ssl = help.find(Kind::ssl, text);
    std::string message = fmt::format("failed to fetch ssl info by ssl id [{}], ", text);
    if (ssl == nullptr) return fail(message + "response code: 404");
    if (text_member(*ssl, "type") != "client") return fail(message + "wrong ssl type");
  }
  const Json* certificate = tls.find("client_cert");
  if (certificate == nullptr) return {};
  return help.check_certificate(certificate->as_string(), text_member(tls, "client_key"));
}

Result<void> check_whole_upstream(Json& value, const CheckHelp& help) {
  if (auto done = check_upstream(value); !done) return done;
  if (const Json* tls = value.find("tls")) {
    if (auto done = check_client_certificate(*tls, help); !done) return done;
  }
  return check_upstream_hash(value);
}

// The upstream inside, the reference to one, and the reference to a service.
Result<void> check_targets(Json& value, const CheckHelp& help) {
  if (Json* upstream = value.find("upstream")) {
    if (auto done = check_whole_upstream(*upstream, help); !done) return done;
  }
  if (auto done = check_reference(value, "upstream_id", Kind::upstream, "upstream", help); !done) {
    return done;
  }
  return check_reference(value, "service_id", Kind::service, "service", help);
}

Result<void> check_plugins(Json& value, PluginScope scope, const CheckHelp& help) {
  Json* plugins = value.find("plugins");
  return plugins != nullptr ? help.check_plugins(*plugins, scope) : Result<void>();
}

Result<void> check_only_one(const Json& value, std::string_view one, std::string_view many) {
  if (!value.contains(one) || !value.contains(many)) return {};
  return fail(fmt::format("only one of {} or {} is allowed", one, many));
}

Result<void> check_script(const Json& value, const CheckHelp& help) {
  const Json* script = value.find("script");
  return script != nullptr ? help.check_script(script->as_string()) : Result<void>();
}

Result<void> check_conditions(const Json& value, const CheckHelp& help) {
  if (const Json* vars = value.find("vars")) {
    auto done = help.check_vars(*vars);
    if (!done) return with_prefix("failed to validate the 'vars' expression: ", done);
  }
  if (const Json* function = value.find("filter_func")) {
    if (auto done = help.check_filter_func(function->as_string()); !done) return done;
  }
  return check_script(value, help);
}

// Runs the checks in order and stops at the first that fails.
template <class... Checks>
Result<void> all_of(Checks... checks) {
  Result<void> result;
  static_cast<void>((static_cast<bool>(result = checks()) && ...));
  return result;
}

template <class T>
Result<void> check_with_plugins(Json& value, const CheckContext& context) {
  return all_of([&] { return check_schema_of<T>(value); },
                [&] { return check_plugins(value, PluginScope::http, context.help); });
}

Result<void> check_address(const Json& value, std::string_view field) {
  const Json* address = value.find(field);
  if (address == nullptr || Cidr::parse(address->as_string())) return {};
  return fail(fmt::format("invalid {}: {}", field, address->as_string()));
}

// The schema's patterns let through what is no address: a prefix of 129 bits.
Result<void> check_addresses(const Json& value, std::string_view field) {
  const Json* addresses = value.find(field);
  if (addresses == nullptr) return {};
  for (const Json& address : addresses->items()) {
    if (Cidr::parse(address.as_string())) continue;
    return fail(fmt::format("invalid {}: {}", field, address.as_string()));
  }
  return {};
}

Result<void> check_superior(const Json& value, const CheckContext& context) {
  const Json* protocol = value.find("protocol");
  const Json* superior_id = protocol != nullptr ? protocol->find("superior_id") : nullptr;
  if (superior_id == nullptr || context.help.skips_references()) return {};
  std::string id = schema::text_of(*superior_id);
  if (id == context.id) return fail("stream route can not set itself as superior_id");
  const Json* superior = context.help.find(Kind::stream_route, id);
  if (superior == nullptr) {
    return fail(fmt::format("failed to fetch stream routes[{}], response code: 404", id));
  }
  const Json* theirs = superior->find("protocol");
  std::string_view name = text_member(*protocol, "name");
  if (theirs == nullptr || text_member(*theirs, "name") == name) return {};
  return fail(
      fmt::format("protocol mismatch: subordinate protocol [{}] does not match superior "
                  "protocol [{}]",
                  name, text_member(*theirs, "name")));
}

// APISIX's own ones: such a route is kept, though nothing here speaks them yet.
Result<void> check_protocol(const Json& value) {
  const Json* protocol = value.find("protocol");
  if (protocol == nullptr) return {};
  std::string_view name = text_member(*protocol, "name");
  if (name == "redis" || name == "dubbo") return {};
  return fail(fmt::format("unknown protocol [{}]", name));
}

bool is_reference(const Json& value) { return schema::is_secret_reference(value.as_string()); }

Result<void> check_pair(const Json& certificate, const Json& key, const CheckHelp& help) {
  if (is_reference(certificate) || is_reference(key)) return {};
  return help.check_certificate(certificate.as_string(), key.as_string());
}

Result<void> check_more_pairs(const Json& value, const CheckHelp& help) {
  const Json none = Json::array();
  const Json* certs = value.find("certs");
  const Json* keys = value.find("keys");
  const Json::Array& all_certs = (certs != nullptr ? certs : &none)->items();
  const Json::Array& all_keys = (keys != nullptr ? keys : &none)->items();
  if (all_certs.size() != all_keys.size()) return fail("mismatched number of certs and keys");
  for (size_t i = 0; i < all_certs.size(); ++i) {
    auto done = check_pair(all_certs[i], all_keys[i], help);
    if (!done) return with_prefix(fmt::format("failed to handle cert-key pair[{}]: ", i + 1), done);
  }
  const Json* client = value.find("client");
  const Json* ca = client != nullptr ? client->find("ca") : nullptr;
  if (ca == nullptr || is_reference(*ca)) return {};
  return with_prefix("failed to validate client_cert: ",
                     help.check_certificate(ca->as_string(), {}));
}

}  // namespace

Result<void> check_route(Json& value, const CheckContext& context) {
  const CheckHelp& help = context.help;
  return all_of([&] { return check_only_one(value, "host", "hosts"); },
                [&] { return check_only_one(value, "remote_addr", "remote_addrs"); },
                [&] { return check_schema_of<Route>(value); },
                [&] { return check_address(value, "remote_addr"); },
                [&] { return check_addresses(value, "remote_addrs"); },
                [&] { return check_targets(value, help); },
                [&] {
                  return check_reference(value, "plugin_config_id", Kind::plugin_config,
                                         "plugin config", help);
                },
                [&] { return check_plugins(value, PluginScope::http, help); },
                [&] { return check_conditions(value, help); });
}

Result<void> check_service(Json& value, const CheckContext& context) {
  return all_of([&] { return check_schema_of<Service>(value); },
                [&] { return check_targets(value, context.help); },
                [&] { return check_plugins(value, PluginScope::http, context.help); },
                [&] { return check_script(value, context.help); });
}

Result<void> check_upstream_resource(Json& value, const CheckContext& context) {
  return check_whole_upstream(value, context.help);
}

Result<void> check_consumer(Json& value, const CheckContext& context) {
  if (auto done = check_schema_of<Consumer>(value); !done) return done;
  if (!context.id.empty() && text_member(value, "username") != context.id) {
    return fail("wrong username");
  }
  if (auto done = check_plugins(value, PluginScope::consumer, context.help); !done) {
    return with_prefix("invalid plugins configuration: ", done);
  }
  return check_reference(value, "group_id", Kind::consumer_group, "consumer group", context.help);
}

Result<void> check_credential(Json& value, const CheckContext& context) {
  if (auto done = check_schema_of<ConsumerCredential>(value); !done) return done;
  if (auto done = check_plugins(value, PluginScope::consumer, context.help); !done) {
    return with_prefix("invalid plugins configuration: ", done);
  }
  const Json* plugins = value.find("plugins");
  if (plugins == nullptr) return {};
  for (const auto& [name, conf] : plugins->members()) {
    if (context.help.is_auth_plugin(name)) continue;
    return fail("only supports auth type plugins in consumer credential");
  }
  return {};
}

Result<void> check_consumer_group(Json& value, const CheckContext& context) {
  return check_with_plugins<ConsumerGroup>(value, context);
}

Result<void> check_plugin_config(Json& value, const CheckContext& context) {
  return check_with_plugins<PluginConfig>(value, context);
}

Result<void> check_global_rule(Json& value, const CheckContext& context) {
  return check_with_plugins<GlobalRule>(value, context);
}

Result<void> check_ssl(Json& value, const CheckContext& context) {
  if (auto done = check_schema_of<Ssl>(value); !done) return done;
  if (auto done = check_pair(*value.find("cert"), *value.find("key"), context.help); !done) {
    return done;
  }
  if (text_member(value, "type") == "client") return {};
  return check_more_pairs(value, context.help);
}

Result<void> check_proto(Json& value, const CheckContext& context) {
  if (auto done = check_schema_of<Proto>(value); !done) return done;
  return with_prefix("invalid content: ", context.help.check_proto(text_member(value, "content")));
}

Result<void> check_stream_route(Json& value, const CheckContext& context) {
  const CheckHelp& help = context.help;
  return all_of(
      [&] { return check_schema_of<StreamRoute>(value); },
      [&] { return check_reference(value, "upstream_id", Kind::upstream, "upstream", help); },
      [&] { return check_reference(value, "service_id", Kind::service, "service", help); },
      [&] { return check_superior(value, context); },
      [&] { return check_plugins(value, PluginScope::stream, help); },
      [&] { return check_protocol(value); }, [&] { return check_address(value, "remote_addr"); },
      [&] { return check_address(value, "server_addr"); });
}

Result<void> check_plugin_metadata(Json& value, const CheckContext& context) {
  if (context.id.empty()) return fail("missing plugin name");
  return context.help.check_plugin_metadata(context.id, value);
}

// The envelope of a stored resource: the managers' schemas do not know it and do not forbid it.
Result<void> check_secret_manager(std::string_view manager, Json& value) {
  if (manager == "vault") return check_schema_of<VaultSecret>(value);
  if (manager == "aws") return check_schema_of<AwsSecret>(value);
  if (manager == "gcp") return check_schema_of<GcpSecret>(value);
  return fail(fmt::format("invalid secret manager: {}", manager));
}

Result<void> check_secret(Json& value, const CheckContext& context) {
  if (context.parent.empty()) return fail("missing secret type");
  return check_secret_manager(context.parent, value);
}

Result<void> check_graphql_cost_decoration(Json& value, const CheckContext&) {
  return check_schema_of<GraphqlCostDecoration>(value);
}

}  // namespace pylon::config

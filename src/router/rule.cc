#include "router/rule.h"

#include "base/strings.h"
#include "config/route.h"

namespace pylon::router {
namespace {

uint16_t method_bits(const config::MethodSet& methods) {
  uint16_t bits = 0;
  for (std::string_view name : config::MethodSet::kNames) {
    if (!methods.contains(*config::MethodSet::method_of(name))) continue;
    bits = static_cast<uint16_t>(bits | 1u << static_cast<int>(http::method_of(name)));
  }
  return bits;
}

}  // namespace

Result<Ref<const Rule>> Rule::compile(const RuleSource& source, Mode mode) {
  const config::Route& route = source.route;
  if (route.status == 0) return Ref<const Rule>();
  auto rule = Ref<Rule>(new Rule);
  rule->methods_ = method_bits(route.methods);
  rule->priority_ = route.priority;
  rule->sequence_ = source.sequence;
  rule->target_ = source.target;
  rule->filter_ = source.filter;
  rule->patterns_.reserve(route.uris.size());
  for (const std::string& uri : route.uris) {
    rule->patterns_.emplace_back(uri, mode == Mode::uri_with_parameter);
  }
  rule->hosts_.reserve(source.hosts.size());
  for (const std::string& host : source.hosts) rule->hosts_.push_back(to_lower(host));
  if (!route.remote_addrs.empty()) {
    auto addresses = IpSet::parse(route.remote_addrs);
    if (!addresses) return fail("invalid IP address: " + addresses.error().message);
    rule->addresses_ = std::make_unique<const IpSet>(*std::move(addresses));
  }
  if (!route.vars.is_null()) {
    auto condition = expr::Condition::compile(route.vars);
    if (!condition) {
      return fail("failed to validate the 'vars' expression: " + condition.error().message);
    }
    rule->condition_ = *std::move(condition);
  }
  rule->looks_at_content_ = !rule->condition_.is_always_true() || rule->filter_.passes != nullptr;
  rule->needs_body_ = rule->condition_.needs_body();
  return Ref<const Rule>(rule);
}

std::string_view Rule::matching_host(const http::Exchange& exchange) const {
  for (const std::string& pattern : hosts_) {
    bool with_port = pattern.find(':') != std::string::npos;
    std::string_view host =
        with_port ? exchange.request.fields.get(http::FieldId::host) : exchange.request.host;
    std::string_view text = pattern;
    bool matched = false;
    if (is_wildcard(text)) {
      text.remove_prefix(1);
      matched = host.size() >= text.size() && iequals(host.substr(host.size() - text.size()), text);
    } else {
      matched = iequals(host, text);
    }
    if (matched) return pattern;
  }
  return {};
}

}  // namespace pylon::router

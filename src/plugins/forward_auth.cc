#include "base/strings.h"
#include "expr/template.h"
#include "http/uri.h"
#include "observe/log.h"
#include "plugin/http_client.h"
#include "plugin/plugin.h"
#include "plugin/worker.h"
#include "plugins/request_body.h"

namespace pylon::plugins {

enum class AskMethod { get, post };

}  // namespace pylon::plugins

template <>
struct pylon::schema::EnumNames<pylon::plugins::AskMethod> {
  static constexpr std::string_view names[] = {"GET", "POST"};
};

namespace pylon::plugins {
namespace {

using namespace plugin;
using expr::Template;
using http::FieldId;
using http::Fields;
using schema::field;

constexpr std::string_view kHeaderMap =
    R"({"type":"object","minProperties":1,"patternProperties":{"^[^:]+$":{"type":"string"}}})";

// The configured uri, taken apart.
struct Service {
  bool https = false;
  std::string host;  // an IPv6 address without its brackets
  uint16_t port = 0;
  std::string target;

  static Result<Service> parse(std::string_view uri) {
    Arena arena;
    http::Uri parts;
    http::UriError error = http::parse_target(uri, http::Method::get, {}, arena, parts);
    if (error != http::UriError::none || parts.form != http::TargetForm::absolute) {
      return fail("property \"uri\" validation failed: it is no http or https address");
    }
    std::string_view host = parts.authority.host;
    if (host.front() == '[') host = host.substr(1, host.size() - 2);
    return Service{istarts_with(uri, "https:"), std::string(host), parts.authority.port,
                   std::string(parts.raw)};
  }
};

// Encoded, so that the service cannot take it for another one than the upstream will see.
std::string_view forwarded_uri(Exchange& exchange) {
  std::string_view path = http::encode_uri(exchange.request.uri, exchange.arena);
  std::string_view args = exchange.request.args;
  return args.empty() ? path : exchange.arena.join(path, "?", args);
}

// All values of a field, in place of those that are there.
void replace(std::string_view name, const Fields& from, Fields& to) {
  to.remove(name);
  for (const http::Field& field : from) {
    if (!field.removed() && iequals(field.name(), name)) to.add(name, field.value());
  }
}

class ForwardAuth {
 public:
  struct Config {
    std::string uri;
    bool allow_degradation = false;
    int status_on_error = 403;
    bool ssl_verify = true;
    AskMethod request_method = AskMethod::get;
    int64_t max_req_body_size = 64 << 20;
    std::vector<std::string> request_headers;
    std::vector<std::pair<std::string, std::string>> extra_headers;
    std::vector<std::string> upstream_headers;
    std::vector<std::string> client_headers;
    int timeout_ms = 3000;
    bool keepalive = true;
    int64_t keepalive_timeout_ms = 60'000;
    int keepalive_pool = 5;

    static constexpr auto fields = std::tuple{
        field("uri", &Config::uri, "Address of the service that decides.").required(),
        field("allow_degradation", &Config::allow_degradation,
              "Whether requests pass when the service cannot be asked."),
        field("status_on_error", &Config::status_on_error,
              "Status when the service cannot be asked.")
            .range(200, 599),
        field("ssl_verify", &Config::ssl_verify, "Whether the service's certificate is verified."),
        field("request_method", &Config::request_method,
              "How the service is asked; `POST` sends the body of the request, too."),
        field("max_req_body_size", &Config::max_req_body_size,
              "Bytes of a body that is sent to the service; a longer one is refused with 413.")
            .at_least(1),
        field("request_headers", &Config::request_headers,
              "Fields of the request that the service gets to see."),
        field("extra_headers", &Config::extra_headers,
              "Further fields for the service; the values may hold variables.")
            .fragment(kHeaderMap),
        field("upstream_headers", &Config::upstream_headers,
              "Fields of the service's answer that the upstream gets in place of the client's."),
        field("client_headers", &Config::client_headers,
              "Fields of the service's refusal that the client gets."),
        field("timeout", &Config::timeout_ms, "Time for asking, milliseconds.").range(1, 60'000),
        field("keepalive", &Config::keepalive, "Whether connections to the service are kept."),
        field("keepalive_timeout", &Config::keepalive_timeout_ms,
              "How long an idle connection is kept, milliseconds.")
            .at_least(1000),
        field("keepalive_pool", &Config::keepalive_pool, "Idle connections that are kept.")
            .at_least(1)};
  };

  static constexpr PluginSpec spec{.name = "forward-auth",
                                   .priority = 2002,
                                   .doc = "Asks an HTTP service whether a request may pass."};

  static Result<void> check(const Config& config) {
    if (auto service = Service::parse(config.uri); !service) {
      return tl::unexpected(service.error());
    }
    for (const auto& [name, value] : config.extra_headers) {
      if (http::valid_field_name(name)) continue;
      return fail("property \"extra_headers\" validation failed: invalid header name");
    }
    return {};
  }

  explicit ForwardAuth(Config config)
      : config_(std::move(config)),
        service_(*Service::parse(config_.uri)),
        posts_(config_.request_method == AskMethod::post),
        reads_body_(posts_) {
    for (const auto& [name, value] : config_.extra_headers) {
      extra_.emplace_back(name, Template::compile(value));
      reads_body_ = reads_body_ || extra_.back().second.needs_body();
    }
  }

  Task<Verdict> access(Exchange& exchange) const {
    if (reads_body_) {
      Verdict read = co_await read_whole_body(exchange, config_.max_req_body_size);
      if (!read.proceeds()) co_return read;
    }
    ClientRequest question(exchange.arena);
    if (!ask_about(exchange, question)) {
      co_return cannot_ask(exchange, "invalid characters found in header value");
    }
    ClientResult answer = co_await exchange.worker->http.send(question);
    if (answer) co_return conclude(exchange, *answer);
    if (config_.allow_degradation) co_return proceed();
    co_return cannot_ask(exchange, answer.error().text);
  }

 private:
  // False when a variable brings what no field may hold.
  bool ask_about(Exchange& exchange, ClientRequest& question) const {
    question.method = posts_ ? "POST" : "GET";
    question.https = service_.https;
    question.host = service_.host;
    question.port = service_.port;
    question.target = service_.target;
    if (posts_) question.body = exchange.body;
    question.timeout_ms = config_.timeout_ms;
    question.ssl_verify = config_.ssl_verify;
    question.keepalive = config_.keepalive;
    question.keepalive_timeout_ms = config_.keepalive_timeout_ms;
    question.keepalive_pool = config_.keepalive_pool;
    describe(exchange, question.fields);
    for (const auto& [name, text] : extra_) {
      std::string_view value = text.render(exchange);
      if (!http::valid_field_value(value)) return false;
      question.fields.set(name, value);
    }
    for (const std::string& name : config_.request_headers) {
      std::string_view value = exchange.request.fields.get(name);
      if (value.data() == nullptr || question.fields.contains(name)) continue;
      question.fields.add(name, value);
    }
    return true;
  }

  void describe(Exchange& exchange, Fields& fields) const {
    const http::Request& request = exchange.request;
    fields.add(FieldId::x_forwarded_proto, request.https ? "https" : "http");
    fields.add("X-Forwarded-Method", request.method_text);
    fields.add(FieldId::x_forwarded_host, request.host);
    fields.add("X-Forwarded-Uri", forwarded_uri(exchange));
    fields.add(FieldId::x_forwarded_for, exchange.client.text);
    std::string_view encoding = request.fields.get(FieldId::content_encoding);
    if (posts_ && encoding.data() != nullptr) fields.add(FieldId::content_encoding, encoding);
  }

  Verdict conclude(Exchange& exchange, const ClientResponse& answer) const {
    if (answer.status < 300) {
      for (const std::string& name : config_.upstream_headers) {
        replace(name, answer.fields, exchange.request.fields);
      }
      return proceed();
    }
    for (const std::string& name : config_.client_headers) {
      if (answer.fields.contains(name)) replace(name, answer.fields, exchange.response.fields);
    }
    return finish(answer.status, answer.body.empty() ? std::string_view("") : answer.body);
  }

  Verdict cannot_ask(Exchange& exchange, std::string_view reason) const {
    observe::log(observe::Level::warn,
                 {.connection = exchange.connection_id, .client = exchange.client.text},
                 "failed to process forward auth, err: {}", reason);
    return finish(config_.status_on_error);
  }

  Config config_;
  Service service_;
  bool posts_;
  bool reads_body_;
  std::vector<std::pair<std::string, Template>> extra_;
};

}  // namespace

PluginType forward_auth() { return type_of<ForwardAuth>(); }

}  // namespace pylon::plugins

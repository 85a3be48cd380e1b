#include <fmt/format.h>

#include <algorithm>

#include "http/uri.h"
#include "plugin/plugin.h"
#include "plugin/uri.h"
#include "plugins/field_edits.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using schema::field;

constexpr std::string_view kHeadersSchema = R"({
  "description": "Fields of the request to add, set and remove; or only fields to set.",
  "oneOf": [
    {"type": "object", "minProperties": 1, "additionalProperties": false, "properties": {
      "add": {"type": "object", "minProperties": 1, "patternProperties": {"^[^:]+$": {"oneOf": [
        {"type": "string"}, {"type": "number"},
        {"type": "array", "minItems": 1,
         "items": {"oneOf": [{"type": "string"}, {"type": "number"}]}}]}}},
      "set": {"type": "object", "minProperties": 1, "patternProperties": {"^[^:]+$": {"oneOf": [
        {"type": "string"}, {"type": "number"},
        {"type": "array", "minItems": 1,
         "items": {"oneOf": [{"type": "string"}, {"type": "number"}]}}]}}},
      "remove": {"type": "array", "minItems": 1,
                 "items": {"type": "string", "pattern": "^[^:]+$"}}}},
    {"type": "object", "minProperties": 1, "patternProperties": {"^[^:]+$": {"oneOf": [
      {"type": "string"}, {"type": "number"}]}}}]})";

// A target to be sent, before it is encoded. `question` is where its query begins: a '?' that a
// variable brought along is none.
struct Target {
  std::string_view text;
  size_t question = std::string_view::npos;
};

// `uri` of the configuration: a path up to the first '?' that is not within `${...}`.
class UriTemplate {
 public:
  explicit UriTemplate(std::string_view text) {
    size_t question = find_question(text);
    path_ = expr::Template::compile(text.substr(0, question));
    has_query_ = question != text.npos;
    if (has_query_) query_ = expr::Template::compile(text.substr(question + 1));
  }

  Target render(Exchange& exchange) const {
    std::string_view path = escape_questions(path_.render(exchange), exchange.arena);
    if (!has_query_) return {path};
    return {exchange.arena.join(path, "?", query_.render(exchange)), path.size()};
  }

 private:
  static size_t find_question(std::string_view text) {
    bool in_braces = false;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '?' && !in_braces) return i;
      if (text.substr(i).starts_with("${")) in_braces = true;
      if (text[i] == '}') in_braces = false;
    }
    return text.npos;
  }

  // As APISIX does it, before the path is encoded: the upstream sees %253F.
  static std::string_view escape_questions(std::string_view text, Arena& arena) {
    auto count = static_cast<size_t>(std::count(text.begin(), text.end(), '?'));
    if (count == 0) return text;
    char* start = arena.bytes(text.size() + 2 * count);
    char* to = start;
    for (char c : text) {
      if (c == '?') {
        to = std::copy_n("%3F", 3, to);
      } else {
        *to++ = c;
      }
    }
    return {start, static_cast<size_t>(to - start)};
  }

  expr::Template path_;
  expr::Template query_;
  bool has_query_ = false;
};

// One pair of `regex_uri`.
struct Substitution {
  Regex regex;
  ReplaceTemplate with;

  std::string_view apply(std::string_view subject, const Captures& captures, Arena& arena) const {
    std::string_view match = captures[0];
    auto before = static_cast<size_t>(match.data() - subject.data());
    size_t bytes = with.size_with(captures);
    char* replaced = arena.bytes(bytes);
    with.write(captures, replaced);
    return arena.join(subject.substr(0, before), {replaced, bytes},
                      subject.substr(before + match.size()));
  }
};

class ProxyRewrite {
 public:
  struct Config {
    std::optional<std::string> uri;
    std::optional<std::string> method;
    std::vector<std::string> regex_uri;
    std::optional<std::string> host;
    Json headers;
    bool use_real_request_uri_unsafe = false;

    static constexpr auto fields = std::tuple{
        field("uri", &Config::uri, "New path and query for the upstream; may hold variables.")
            .length(1, 4096)
            .pattern(R"(^\/.*)"),
        field("method", &Config::method, "New method for the upstream.")
            .one_of({"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "MKCOL", "COPY", "MOVE",
                     "PROPFIND", "LOCK", "UNLOCK", "PATCH", "TRACE"}),
        field("regex_uri", &Config::regex_uri,
              "Pairs of a regular expression and what replaces its match in the path; the first "
              "that matches is taken. `uri` wins over it.")
            .min_items(2),
        field("host", &Config::host, "New Host for the upstream.")
            .pattern(R"(^[0-9a-zA-Z-.]+(:\d{1,5})?$)"),
        field("headers", &Config::headers,
              "Fields to `add`, `set` and `remove`; values may hold variables.")
            .fragment(kHeadersSchema),
        field("use_real_request_uri_unsafe", &Config::use_real_request_uri_unsafe,
              "Whether path and query go on as they were sent, not normalised.")};
    static constexpr auto rules = schema::schema_fragment(R"({"minProperties":1})");
  };

  static constexpr PluginSpec spec{
      .name = "proxy-rewrite",
      .priority = 1008,
      .doc = "Changes uri, method, Host and fields of the request for the upstream."};

  static Result<void> check(const Config& config) {
    if (auto pairs = compile_pairs(config.regex_uri); !pairs) return tl::unexpected(pairs.error());
    auto edits = FieldEdits::compile(config.headers, FieldEdits::Groups::captures);
    if (!edits) return tl::unexpected(edits.error());
    return {};
  }

  explicit ProxyRewrite(Config config)
      : config_(std::move(config)),
        uri_(config_.uri.value_or("")),
        substitutions_(*compile_pairs(config_.regex_uri)),
        edits_(*FieldEdits::compile(config_.headers, FieldEdits::Groups::captures)),
        removed_(edits_.removed_bits()) {}

  Verdict rewrite(Exchange& exchange) const {
    Captures captures;
    if (changes_uri() || exchange.forward.uri.data() == nullptr) {
      exchange.forward.uri = new_uri(exchange, captures);
    }
    if (config_.host) exchange.forward.host = *config_.host;
    if (config_.method) exchange.forward.method = *config_.method;
    edits_.apply(exchange, exchange.request.fields, &captures);
    exchange.forward.left_out |= removed_;
    return proceed();
  }

 private:
  static Result<std::vector<Substitution>> compile_pairs(const std::vector<std::string>& texts) {
    if (texts.size() % 2 != 0) return fail("The length of regex_uri should be an even number");
    std::vector<Substitution> pairs;
    for (size_t i = 0; i < texts.size(); i += 2) {
      auto regex = Regex::compile(texts[i]);
      auto with = ReplaceTemplate::compile(texts[i + 1]);
      if (!regex || !with) {
        return fail(fmt::format("invalid regex_uri({}, {}): {}", texts[i], texts[i + 1],
                                (regex ? with.error() : regex.error()).message));
      }
      pairs.push_back({std::move(*regex), std::move(*with)});
    }
    return pairs;
  }

  bool changes_uri() const {
    return config_.uri || !substitutions_.empty() || config_.use_real_request_uri_unsafe;
  }

  // Ready to be sent. `captures` stay empty unless an expression matches.
  std::string_view new_uri(Exchange& exchange, Captures& captures) const {
    bool raw = config_.use_real_request_uri_unsafe;
    std::string_view given = raw ? received(exchange) : exchange.request.uri;
    Target target{given};
    if (config_.uri) {
      target = uri_.render(exchange);
    } else if (!substitutions_.empty()) {
      target = substitute(given, captures, exchange.arena);
    }
    return raw ? finish_raw(target, exchange) : finish_encoded(target, exchange);
  }

  // Path and query as sent, without arguments that other plugins have taken out.
  static std::string_view received(Exchange& exchange) {
    const http::Request& request = exchange.request;
    std::string_view raw = exchange.forward.raw;
    std::string_view path = target_path(raw.empty() ? request.target : raw);
    return request.has_args ? exchange.arena.join(path, "?", request.args) : path;
  }

  Target substitute(std::string_view given, Captures& captures, Arena& arena) const {
    for (const Substitution& each : substitutions_) {
      if (!each.regex.search(given, captures)) continue;
      std::string_view text = each.apply(given, captures, arena);
      if (!text.starts_with('/')) text = arena.join("/", text);  // never another form of target
      bool ambiguous = given.find('?') != given.npos;            // decoded from %3F
      return {text, ambiguous ? text.npos : text.find('?')};
    }
    captures = {};
    return {given};
  }

  static std::string_view finish_encoded(const Target& target, Exchange& exchange) {
    Arena& arena = exchange.arena;
    const http::Request& request = exchange.request;
    bool has_query = target.question != std::string_view::npos;
    std::string_view uri = http::encode_uri(target.text.substr(0, target.question), arena);
    if (has_query) {
      uri = arena.join(uri, encode_controls(target.text.substr(target.question), arena));
    }
    return request.has_args ? arena.join(uri, has_query ? "&" : "?", request.args) : uri;
  }

  // Nothing is encoded but what could end the request line.
  std::string_view finish_raw(const Target& target, Exchange& exchange) const {
    Arena& arena = exchange.arena;
    std::string_view uri = encode_controls(target.text, arena);
    const http::Request& request = exchange.request;
    if (!config_.uri || !request.has_args) return uri;
    return arena.join(uri, uri.find('?') == uri.npos ? "?" : "&", request.args);
  }

  Config config_;
  UriTemplate uri_;
  std::vector<Substitution> substitutions_;
  FieldEdits edits_;
  uint64_t removed_;  // also of what the gateway would add itself
};

}  // namespace

PluginType proxy_rewrite() { return type_of<ProxyRewrite>(); }

}  // namespace pylon::plugins

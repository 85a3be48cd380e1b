#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "expr/condition.h"
#include "observe/log.h"
#include "plugin/plugin.h"
#include "plugins/field_edits.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using http::Chunk;
using http::FieldId;
using http::Pull;
using schema::field;

constexpr std::string_view kHeadersSchema = R"({
  "description": "Fields of the answer to add, set and remove; or only fields to set.",
  "anyOf": [
    {"type": "object", "minProperties": 1, "patternProperties": {"^[^:]+$": {"oneOf": [
      {"type": "string"}, {"type": "number"}]}}},
    {"properties": {
      "add": {"type": "array", "minItems": 1,
              "items": {"type": "string", "pattern": "^[^:]+:[^:]*[^/]$"}},
      "set": {"type": "object", "minProperties": 1, "patternProperties": {"^[^:]+$": {"oneOf": [
        {"type": "string"}, {"type": "number"}]}}},
      "remove": {"type": "array", "minItems": 1,
                 "items": {"type": "string", "pattern": "^[^:]+$"}}}}]})";

constexpr std::string_view kBodyOrFilters = R"({"dependencies": {
  "body": {"not": {"required": ["filters"]}}, "filters": {"not": {"required": ["body"]}}}})";

struct Filter {
  Regex regex;
  ReplaceTemplate with;
  bool global = false;

  // A view of `text`, or in the arena.
  std::string_view apply(std::string_view text, Arena& arena) const {
    if (global) return arena.copy(regex.replace_all(text, with));
    std::string_view replaced = regex.replace_first(text, with, arena);
    return replaced.data() != nullptr ? replaced : text;
  }
};

// Collects the whole body, then gives what the filters make of it. What exceeds the limit is cut
// off and not read any more.
class FilteredBody final : public Body {
 public:
  FilteredBody(Body& source, const std::vector<Filter>& filters, size_t limit, Arena& arena)
      : source_(source), filters_(filters), limit_(limit), arena_(arena) {}

  Chunk pull() override {
    if (finished_) return {Pull::end, {}};
    for (;;) {
      Chunk chunk = source_.pull();
      if (chunk.state == Pull::again || chunk.state == Pull::error) return {chunk.state, {}};
      append(chunk.octets);
      if (chunk.state == Pull::end || size_ == limit_) break;
    }
    finished_ = true;
    std::string_view text{data_, size_};
    for (const Filter& filter : filters_) text = filter.apply(text, arena_);
    return {Pull::end, text};
  }

 private:
  static constexpr size_t kFirstBytes = 16 * 1024;

  void append(std::string_view octets) {
    octets = octets.substr(0, limit_ - size_);
    if (octets.empty()) return;
    if (octets.size() > capacity_ - size_) grow(size_ + octets.size());
    std::copy(octets.begin(), octets.end(), data_ + size_);
    size_ += octets.size();
  }

  void grow(size_t needed) {
    capacity_ = std::max({needed, 2 * capacity_, kFirstBytes});
    char* larger = arena_.bytes(capacity_);
    std::copy_n(data_, size_, larger);
    data_ = larger;
  }

  Body& source_;
  const std::vector<Filter>& filters_;
  size_t limit_;
  Arena& arena_;
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool finished_ = false;
};

class ResponseRewrite {
 public:
  struct FilterConfig {
    std::string regex;
    std::string scope = "once";
    std::string replace;
    std::string options = "jo";

    static constexpr auto fields = std::tuple{
        field("regex", &FilterConfig::regex, "What to look for in the body.")
            .required()
            .non_empty(),
        field("scope", &FilterConfig::scope, "Whether the first or each match is replaced.")
            .one_of({"once", "global"}),
        field("replace", &FilterConfig::replace, "What replaces it; `$1` is a group.").required(),
        field("options", &FilterConfig::options,
              "Letters: i ignores case, m has ^ and $ at line ends, s lets a dot match a line "
              "feed, x allows blanks and comments, a holds the match to the start.")};
  };
  struct Config {
    int64_t max_resp_body_size = 64 << 20;
    Json headers;
    std::optional<std::string> body;
    bool body_base64 = false;
    std::optional<int> status_code;
    Json vars;
    std::vector<FilterConfig> filters;

    static constexpr auto fields = std::tuple{
        field("max_resp_body_size", &Config::max_resp_body_size,
              "Octets of a body that filters hold in memory; what is longer is cut off.")
            .at_least(1),
        field("headers", &Config::headers,
              "Fields to `add`, `set` and `remove`; values may hold variables.")
            .fragment(kHeadersSchema),
        field("body", &Config::body, "New body of the answer."),
        field("body_base64", &Config::body_base64, "Whether `body` is given in base64."),
        field("status_code", &Config::status_code, "New status of the answer.").range(200, 598),
        field("vars", &Config::vars, "Only answers for which it holds are changed.")
            .fragment(R"({"type":"array",
          "description":"Only answers for which this expression holds are changed."})"),
        field("filters", &Config::filters, "Replacements in the body, in order.").non_empty()};
    static constexpr auto rules = schema::schema_fragment(kBodyOrFilters);
  };
  struct State {
    bool matched = false;
    bool new_body = false;
  };

  static constexpr PluginSpec spec{.name = "response-rewrite",
                                   .priority = 899,
                                   .doc = "Changes status, fields and body of the answer."};

  static Result<void> check(const Config& config) {
    auto edits = FieldEdits::compile(config.headers, FieldEdits::Groups::none);
    if (!edits) return tl::unexpected(edits.error());
    if (auto body = body_of(config); !body) return tl::unexpected(body.error());
    if (auto condition = condition_of(config); !condition) {
      return fail("failed to validate the 'vars' expression: " + condition.error().message);
    }
    if (auto filters = filters_of(config); !filters) return tl::unexpected(filters.error());
    return {};
  }

  explicit ResponseRewrite(Config config)
      : status_(config.status_code),
        limit_(static_cast<size_t>(config.max_resp_body_size)),
        edits_(*FieldEdits::compile(config.headers, FieldEdits::Groups::none)),
        body_(*body_of(config)),
        condition_(*condition_of(config)),
        filters_(*filters_of(config)) {}

  void header_filter(Exchange& exchange, State& state) const {
    http::Response& response = exchange.response;
    state.matched = response.status != 101 && condition_.matches(exchange);
    if (!state.matched) return;
    if (status_) change_status(response);
    state.new_body = body_ || (!filters_.empty() && is_plain(exchange));
    if (state.new_body) {
      response.content_length = body_ ? static_cast<int64_t>(body_->size()) : -1;
      for (FieldId id : {FieldId::content_encoding, FieldId::last_modified, FieldId::etag}) {
        response.fields.remove(id);
      }
    }
    edits_.apply(exchange, response.fields, nullptr);
  }

  Body& body_filter(Exchange& exchange, Body& source, State& state) const {
    if (!state.new_body) return source;
    if (body_) return make_filter<http::TextBody>(exchange, *body_);
    return make_filter<FilteredBody>(exchange, source, filters_, limit_, exchange.arena);
  }

 private:
  static Result<std::optional<std::string>> body_of(const Config& config) {
    if (!config.body_base64) return config.body;
    auto decoded = base64_decode(config.body.value_or(""));
    if (!decoded || decoded->empty()) return fail("invalid base64 content");
    return decoded;
  }

  static Result<expr::Condition> condition_of(const Config& config) {
    if (config.vars.is_null()) return expr::Condition();
    return expr::Condition::compile(config.vars);
  }

  static Result<std::vector<Filter>> filters_of(const Config& config) {
    std::vector<Filter> filters;
    for (const FilterConfig& each : config.filters) {
      auto regex = regex_of(each);
      auto with = ReplaceTemplate::compile(each.replace);
      if (!regex || !with) {
        return fail(fmt::format("regex \"{}\" validation failed: {}", each.regex,
                                (regex ? with.error() : regex.error()).message));
      }
      filters.push_back({std::move(*regex), std::move(*with), each.scope == "global"});
    }
    return filters;
  }

  // The letters of ngx.re. Those about compiling, caching and UTF-8 change nothing here.
  static Result<Regex> regex_of(const FilterConfig& config) {
    constexpr std::string_view kWithoutEffect = "dDjJouU";
    RegexFlags flags;
    flags.lax_end = true;  // most bodies end with a line feed
    bool anchored = false;
    bool extended = false;
    for (char option : config.options) {
      switch (option) {
        case 'i':
          flags.ignore_case = true;
          break;
        case 'm':
          flags.multi_line = true;
          break;
        case 's':
          flags.dot_all = true;
          break;
        case 'a':
          anchored = true;
          break;
        case 'x':
          extended = true;
          break;
        default:
          if (kWithoutEffect.find(option) != kWithoutEffect.npos) break;
          return fail(fmt::format("unknown flag \"{}\" (flags \"{}\")", option, config.options));
      }
    }
    std::string pattern = extended ? "(?x)" + config.regex + "\n" : config.regex;
    return Regex::compile(anchored ? "\\A(?:" + pattern + ")" : pattern, flags);
  }

  // A 304 has the length of another answer, and no body.
  void change_status(http::Response& response) const {
    if (response.status == 304) response.content_length = 0;
    response.status = *status_;
    response.reason = {};
  }

  // An encoded body cannot be filtered: it stays what its fields say.
  static bool is_plain(const Exchange& exchange) {
    std::string_view encoding = exchange.response.fields.get(FieldId::content_encoding);
    if (encoding.empty() || iequals(encoding, "identity")) return true;
    observe::log(
        observe::Level::error,
        "filters may not work as expected due to unsupported compression encoding type: {}",
        encoding);
    return false;
  }

  std::optional<int> status_;
  size_t limit_;
  FieldEdits edits_;
  std::optional<std::string> body_;
  expr::Condition condition_;
  std::vector<Filter> filters_;
};

}  // namespace

PluginType response_rewrite() { return type_of<ResponseRewrite>(); }

}  // namespace pylon::plugins

#include "base/arena_text.h"
#include "base/strings.h"
#include "http/upstream_side.h"
#include "http/uri.h"
#include "observe/log.h"
#include "plugin/plugin.h"
#include "plugins/grpc_frames.h"
#include "plugins/request_body.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using http::Chunk;
using http::FieldId;
using http::Pull;
using schema::field;

struct WebType {
  std::string_view name;
  bool text;  // in base64
};
constexpr WebType kTypes[] = {
    {"application/grpc-web", false},
    {"application/grpc-web+proto", false},
    {"application/grpc-web-text", true},
    {"application/grpc-web-text+proto", true},
};

const WebType* web_type_of(std::string_view content_type) {
  for (const WebType& each : kTypes) {
    if (each.name == content_type) return &each;
  }
  return nullptr;
}

// The upstream's messages as they come, in base64 when asked for, and its trailers as the last
// frame. Every piece is base64 of its own, as the protocol allows.
class WebBody final : public Body {
 public:
  WebBody(Body& source, Exchange& exchange, bool text, bool with_trailers)
      : source_(source),
        exchange_(exchange),
        piece_(exchange.arena),
        text_(text),
        with_trailers_(with_trailers) {}

  Chunk pull() override {
    if (finished_) return {Pull::end, {}};
    Chunk chunk = source_.pull();
    if (chunk.state == Pull::again || chunk.state == Pull::error) return {chunk.state, {}};
    piece_.clear();
    finished_ = chunk.state == Pull::end;
    if (finished_ && with_trailers_) {
      std::string_view lines;
      if (exchange_.answering != nullptr) lines = exchange_.answering->trailers();
      std::string last = grpc_web_trailers(lines);
      put(chunk.octets);
      put(last);
    } else if (!text_) {
      return chunk;
    } else {
      put(chunk.octets);
    }
    return {chunk.state, piece_.view()};
  }

 private:
  void put(std::string_view octets) {
    if (octets.empty()) return;
    if (text_) return piece_.append(base64_encode(octets));
    piece_.append(octets);
  }

  Body& source_;
  Exchange& exchange_;
  ArenaText piece_;  // the last one given
  bool text_;
  bool with_trailers_;
  bool finished_ = false;
};

class GrpcWeb {
 public:
  struct Config {
    int64_t max_req_body_size = 64 << 20;
    std::string cors_allow_headers = "content-type,x-grpc-web,x-user-agent";

    static constexpr auto fields =
        std::tuple{field("max_req_body_size", &Config::max_req_body_size,
                         "Octets of a request that are held in memory; what is longer is refused.")
                       .at_least(1),
                   field("cors_allow_headers", &Config::cors_allow_headers,
                         "What a preflight is told as allowed fields.")};
  };
  struct State {
    const WebType* type = nullptr;  // null: the request was none of gRPC-Web
    bool with_trailers = false;
  };

  static constexpr PluginSpec spec{
      .name = "grpc-web",
      .priority = 505,
      .doc = "Lets clients of gRPC-Web talk to a gRPC upstream, in binary and in text."};

  static Result<void> check(const Config& config) {
    if (!http::valid_field_value(config.cors_allow_headers)) {
      return fail("invalid cors_allow_headers");
    }
    return {};
  }

  explicit GrpcWeb(Config config) : config_(std::move(config)) {}

  Task<Verdict> access(Exchange& exchange, State& state) const {
    if (exchange.request.method == http::Method::options) co_return finish(204);
    if (exchange.request.method != http::Method::post) {
      co_return refuse(405, "request method", exchange.request.method_text);
    }
    std::string_view named = exchange.request.fields.get(FieldId::content_type);
    const WebType* type = web_type_of(named);
    if (type == nullptr) co_return refuse(400, "request Content-Type", named);
    Verdict read = co_await read_whole_body(exchange, config_.max_req_body_size);
    if (!read.proceeds()) co_return read.status() == 413 ? finish(400) : read;
    if (type->text) {
      std::optional<std::string> octets = decode_grpc_web_text(exchange.body);
      if (!octets) co_return refuse(400, "request body", "not base64");
      put_request_body(exchange, exchange.arena.copy(*octets));
    }
    choose_path(exchange);
    exchange.request.fields.set(FieldId::content_type, "application/grpc");
    state.type = type;
    co_return proceed();
  }

  void header_filter(Exchange& exchange, State& state) const {
    http::Response& response = exchange.response;
    if (exchange.request.method == http::Method::options) {
      response.fields.set("Access-Control-Allow-Methods", "POST");
      response.fields.set("Access-Control-Allow-Headers", config_.cors_allow_headers);
    }
    if (!response.fields.contains("Access-Control-Allow-Origin")) {
      response.fields.set("Access-Control-Allow-Origin", "*");
    }
    response.fields.set("Access-Control-Expose-Headers", "grpc-message,grpc-status");
    if (state.type == nullptr || !response.from_upstream) return;
    response.fields.set(FieldId::content_type, state.type->name);
    response.content_length = -1;
    response.without_trailers = true;
    // An answer of trailers only has told its status in the head.
    state.with_trailers = !response.fields.contains("grpc-status");
  }

  Body& body_filter(Exchange& exchange, Body& source, State& state) const {
    if (state.type == nullptr || !exchange.response.from_upstream) return source;
    if (!state.type->text && !state.with_trailers) return source;
    return make_filter<WebBody>(exchange, source, exchange, state.type->text, state.with_trailers);
  }

 private:
  static Verdict refuse(int status, std::string_view what, std::string_view value) {
    observe::log(observe::Level::error, "{}: `{}` invalid", what, value);
    return finish(status);
  }

  // What the route's pattern left open is the name of the method; a whole path stays as it is.
  static void choose_path(Exchange& exchange) {
    if (exchange.route == nullptr || exchange.forward.uri.data() != nullptr) return;
    std::string_view pattern = exchange.route->matched_uri;
    if (!pattern.ends_with('*') || exchange.request.uri.size() < pattern.size()) return;
    std::string_view rest = exchange.request.uri.substr(pattern.size() - 1);
    if (!rest.starts_with('/')) rest = exchange.arena.join("/", rest);
    exchange.forward.uri = http::encode_uri(rest, exchange.arena);
  }

  Config config_;
};

}  // namespace

PluginType grpc_web() { return type_of<GrpcWeb>(); }

}  // namespace pylon::plugins

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/arena_text.h"
#include "base/strings.h"
#include "expr/form.h"
#include "http/upstream_side.h"
#include "observe/log.h"
#include "plugin/plugin.h"
#include "plugins/grpc_frames.h"
#include "plugins/request_body.h"
#include "protobuf/registry.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using http::Chunk;
using http::FieldId;
using http::Method;
using http::Pull;
using protobuf::JsonForm;
using protobuf::Registry;
using schema::field;

constexpr int64_t kMaxRequestBody = 64 << 20;
constexpr std::string_view kDecodeFailure = "failed to decode response data by protobuf";

constexpr std::string_view kIdSchema = R"({"anyOf": [
  {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[a-zA-Z0-9-_.]+$"},
  {"type": "integer", "minimum": 1}]})";
constexpr std::string_view kOptionSchema = R"({"type": "array", "minItems": 1,
  "default": ["enum_as_name", "int64_as_number", "auto_default_values", "disable_hooks"],
  "items": {"type": "string", "anyOf": [
    {"type": "string", "enum": ["enum_as_name", "enum_as_value"]},
    {"type": "string", "enum": ["int64_as_number", "int64_as_string", "int64_as_hexstring"]},
    {"type": "string", "enum": ["auto_default_values", "no_default_values", "use_default_values",
                                "use_default_metatable"]},
    {"type": "string", "enum": ["enable_hooks", "disable_hooks"]}]}})";

// What a status of gRPC is in HTTP; APISIX's table.
int http_status_of(std::string_view grpc_status) {
  static constexpr int kStatuses[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                      400, 409, 400, 501, 500, 503, 500, 401};
  std::optional<int64_t> code = parse_int(grpc_status);
  bool known = code && *code >= 0 && *code < static_cast<int64_t>(std::size(kStatuses));
  return known ? kStatuses[*code] : 599;
}

JsonForm form_of(const Json& options) {
  JsonForm form;
  for (const Json& option : options.items()) {
    std::string_view name = option.as_string();
    if (name == "enum_as_value") form.enum_names = false;
    if (name == "int64_as_string") form.int64 = protobuf::Int64Form::text;
    if (name == "int64_as_hexstring") form.int64 = protobuf::Int64Form::hex;
    if (name == "no_default_values" || name == "use_default_metatable") {
      form.defaults = protobuf::Defaults::none;
    }
    if (name == "use_default_values") form.defaults = protobuf::Defaults::all;
  }
  return form;
}

class GrpcTranscode;

// The upstream's messages as JSON: one object, or for a stream of them a line each.
class JsonBody final : public Body {
 public:
  JsonBody(Body& source, Exchange& exchange, const GrpcTranscode& plugin)
      : source_(source),
        exchange_(exchange),
        plugin_(plugin),
        in_(exchange.arena),
        out_(exchange.arena) {}

  Chunk pull() override;

 private:
  bool take(const protobuf::Method& method, bool end);
  bool put(const protobuf::Method& method, std::string_view message);

  Body& source_;
  Exchange& exchange_;
  const GrpcTranscode& plugin_;
  ArenaText in_;
  ArenaText out_;
  bool finished_ = false;
};

class GrpcTranscode {
 public:
  struct Config {
    int64_t max_resp_body_size = 64 << 20;
    Json proto_id;
    std::string service;
    std::string method;
    double deadline = 0;
    Json pb_option;
    bool show_status_in_body = false;
    std::string status_detail_type;

    static constexpr auto fields = std::tuple{
        field("max_resp_body_size", &Config::max_resp_body_size,
              "Octets of an answer that are held in memory; what is longer cannot be told.")
            .at_least(1),
        field("proto_id", &Config::proto_id, "The `protos` object that defines the service.")
            .fragment(kIdSchema)
            .required(),
        field("service", &Config::service, "Name of the service, with its package.").required(),
        field("method", &Config::method,
              "Name of the method. If it streams its answers, each is a line of JSON.")
            .required(),
        field("deadline", &Config::deadline, "Milliseconds the call may take; 0: any."),
        field("pb_option", &Config::pb_option,
              "How values are told: enums, 64-bit integers, fields without a value.")
            .fragment(kOptionSchema),
        field("show_status_in_body", &Config::show_status_in_body,
              "Whether grpc-status-details-bin is told in the body."),
        field("status_detail_type", &Config::status_detail_type,
              "Message that its details are; without it they are told as they are.")};
  };
  struct State {
    bool active = false;  // the request was transcoded
  };

  static constexpr PluginSpec spec{
      .name = "grpc-transcode",
      .priority = 506,
      .doc = "Makes a gRPC call of an HTTP request with JSON, and JSON of its answer."};

  GrpcTranscode(Config config, const Context& context)
      : config_(std::move(config)),
        form_(form_of(config_.pb_option)),
        path_(fmt::format("/{}/{}", config_.service, config_.method)),
        slot_(context.services.get<Registry>(Registry::kService).slot(id_text())) {
    if (config_.deadline > 0) timeout_ = fmt::format("{}m", static_cast<int64_t>(config_.deadline));
  }

  Task<Verdict> access(Exchange& exchange, State& state) const {
    Verdict read = co_await read_whole_body(exchange, kMaxRequestBody);
    if (!read.proceeds()) co_return read;
    Registry::SchemaPtr schema = slot_->load();
    const protobuf::Method* method = method_of(schema);
    if (method == nullptr) co_return refuse(503, "undefined service method: ", path_);
    std::optional<Json> values = values_of(exchange);
    if (!values) co_return refuse(400, "the body is not JSON", "");
    Result<std::string> octets = method->input->from_json(*values);
    if (!octets) {
      co_return refuse(400, "failed to encode request data to protobuf: ", octets.error().message);
    }
    send_on(exchange, *octets);
    state.active = true;
    co_return proceed();
  }

  void header_filter(Exchange& exchange, State& state) const {
    http::Response& response = exchange.response;
    state.active = state.active && response.from_upstream && response.status < 300;
    if (!state.active) return;
    bool streams = false;
    Registry::SchemaPtr schema = slot_->load();
    if (const auto* method = method_of(schema)) streams = method->server_streams;
    response.fields.set(FieldId::content_type,
                        streams ? "application/x-ndjson" : "application/json");
    response.content_length = -1;
    std::string_view status = response.fields.get("grpc-status");
    if (!status.empty() && status != "0") {
      response.status = http_status_of(status);
      response.reason = {};
      response.fields.set(FieldId::content_type, "application/json");
    } else {
      response.fields.set("Trailer", "grpc-status, grpc-message");
    }
  }

  Body& body_filter(Exchange& exchange, Body& source, State& state) const {
    if (!state.active) return source;
    if (exchange.response.status < 300)
      return make_filter<JsonBody>(exchange, source, exchange, *this);
    if (!config_.show_status_in_body) return source;
    return make_filter<http::TextBody>(exchange, exchange.arena.copy(status_text(exchange)));
  }

  // ---- for JsonBody
  Registry::SchemaPtr schema() const { return slot_->load(); }
  const protobuf::Method* method_of(const Registry::SchemaPtr& schema) const {
    return schema == nullptr ? nullptr : schema->method(config_.service, config_.method);
  }
  const JsonForm& form() const { return form_; }
  size_t limit() const { return static_cast<size_t>(config_.max_resp_body_size); }

 private:
  static Verdict refuse(int status, std::string_view what, std::string_view more) {
    observe::log(observe::Level::error, "transform request error: {}{}", what, more);
    return finish(status);
  }

  std::string id_text() const {
    return config_.proto_id.is_string() ? std::string(config_.proto_id.as_string())
                                        : config_.proto_id.dump();
  }

  // A JSON body, else a form, else the arguments of the query. None: it says it is JSON, and lies.
  static std::optional<Json> values_of(Exchange& exchange) {
    const http::Request& request = exchange.request;
    bool posts = request.method == Method::post;
    bool has_json = request.fields.get(FieldId::content_type).find("application/json") !=
                    std::string_view::npos;
    bool takes_json = posts || request.method == Method::put || request.method == Method::patch;
    if (has_json && takes_json && !exchange.body.empty()) {
      Result<Json> value = Json::parse(exchange.body);
      if (!value) return std::nullopt;
      return std::move(*value);
    }
    return expr::form_values(posts ? exchange.body : request.args);
  }

  void send_on(Exchange& exchange, std::string_view message) const {
    char* frame = exchange.arena.bytes(kGrpcFrameHead + message.size());
    write_grpc_head(frame, 0, message.size());
    std::copy(message.begin(), message.end(), frame + kGrpcFrameHead);
    put_request_body(exchange, {frame, kGrpcFrameHead + message.size()});
    exchange.forward.method = "POST";
    exchange.forward.uri = path_;
    http::Fields& fields = exchange.request.fields;
    fields.set(FieldId::content_type, "application/grpc");
    for (std::string_view name : {"content-encoding", "grpc-encoding", "grpc-accept-encoding"}) {
      fields.remove(name);
    }
    if (!timeout_.empty()) fields.set("grpc-timeout", timeout_);
  }

  // The body of an error.
  std::string status_text(const Exchange& exchange) const {
    std::string_view told = exchange.response.fields.get("grpc-status-details-bin");
    if (told.empty()) return {};
    std::optional<std::string> octets = base64_decode(told);
    if (!octets) return "grpc-status-details-bin is not base64 format";
    std::shared_ptr<const protobuf::Message> detail;
    if (!config_.status_detail_type.empty()) {
      if (Registry::SchemaPtr schema = slot_->load()) {
        detail = schema->message(config_.status_detail_type);
      }
      if (detail == nullptr) {
        return "failed to call pb.decode to decode details in grpc-status-details-bin";
      }
    }
    Result<Json> status = protobuf::status_json(*octets, detail.get(), form_);
    if (!status) return "failed to decode grpc-status-details-bin";
    return Json::object({{"error", std::move(*status)}}).dump();
  }

  Config config_;
  JsonForm form_;
  std::string path_;
  std::string timeout_;  // of grpc-timeout; empty: none
  std::shared_ptr<const Registry::Slot> slot_;
};

Chunk JsonBody::pull() {
  if (finished_) return {Pull::end, {}};
  Chunk chunk = source_.pull();
  if (chunk.state == Pull::again || chunk.state == Pull::error) return {chunk.state, {}};
  out_.clear();
  Registry::SchemaPtr schema = plugin_.schema();
  const protobuf::Method* method = plugin_.method_of(schema);
  bool fits = in_.size() + chunk.octets.size() <= plugin_.limit();
  if (fits) in_.append(chunk.octets);
  finished_ = chunk.state == Pull::end || !fits;
  if (method == nullptr || !fits || !take(*method, finished_)) {
    finished_ = true;
    observe::log(observe::Level::error, "transform response error: {}", kDecodeFailure);
    out_.append(kDecodeFailure);
  }
  return {finished_ ? Pull::end : Pull::data, out_.view()};
}

// Tells the messages that are whole. False: one of them cannot be told.
bool JsonBody::take(const protobuf::Method& method, bool end) {
  while (auto frame = first_grpc_frame(in_.view())) {
    if (!method.server_streams && !end) return true;  // its status comes with the end
    if (frame->flags & kGrpcCompressed) return false;
    if (!put(method, frame->message)) return false;
    in_.consume(frame->octets);
    if (!method.server_streams) return in_.empty();
    out_.append("\n");
  }
  if (!end) return true;
  if (!in_.empty()) return false;
  // No message, or no more: what the upstream said of it stands in the trailers.
  std::string_view lines;
  if (exchange_.answering != nullptr) lines = exchange_.answering->trailers();
  std::string_view status = trailer_value(lines, "grpc-status");
  if (status.empty() || status == "0") return method.server_streams || put(method, {});
  std::string_view text = trailer_value(lines, "grpc-message");
  Json error = Json::object({{"code", Json(parse_int(status).value_or(2))},
                             {"message", Json(percent_decode(text).value_or(std::string(text)))}});
  out_.append(Json::object({{"error", std::move(error)}}).dump());
  if (method.server_streams) out_.append("\n");
  return true;
}

bool JsonBody::put(const protobuf::Method& method, std::string_view message) {
  Result<Json> json = method.output->to_json(message, plugin_.form());
  if (!json) return false;
  out_.append(json->dump());
  return true;
}

}  // namespace

PluginType grpc_transcode() { return type_of<GrpcTranscode>(); }

}  // namespace pylon::plugins

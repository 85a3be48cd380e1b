#include "cli/api_call.h"

#include <fmt/format.h>
#include <string.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "cli/line.h"

namespace pylon::cli {
namespace {

using gateway::Settings;

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

std::string request_text(const std::string& host, const ApiCall& call) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", call.method,
                                 call.path, host);
  for (const auto& [name, value] : call.fields) {
    text += fmt::format("{}: {}\r\n", name, one_line(value));
  }
  return text + fmt::format("Content-Length: {}\r\n\r\n{}", call.body.size(), call.body);
}

// The gateway's own servers answer with Content-Length and close: what comes is the answer.
Result<ApiReply> read_reply(Line& line) {
  std::string text;
  char buffer[16 << 10];
  ssize_t count = 0;
  while ((count = line.receive(buffer, sizeof buffer)) != 0) {
    if (count < 0) return fail(fmt::format("no answer: {}", strerror(errno)));
    text.append(buffer, static_cast<size_t>(count));
  }
  size_t head = text.find("\r\n\r\n");
  size_t blank = text.find(' ');
  if (head == text.npos || blank > head) return fail("the answer is no HTTP");
  ApiReply reply;
  reply.status = static_cast<int>(parse_int(text.substr(blank + 1, 3)).value_or(0));
  reply.body = text.substr(head + 4);
  return reply;
}

Result<ApiReply> ask(Line& line, const ApiCall& call) {
  if (!line.send(request_text(line.name(), call))) {
    return fail(fmt::format("{}: {}", line.name(), strerror(errno)));
  }
  return read_reply(line);
}

}  // namespace

std::string ApiReply::fault() const {
  Result<Json> value = Json::parse(body);
  const Json* message = value ? value->find("error_msg") : nullptr;
  if (message == nullptr && value) message = value->find("message");
  std::string text(message != nullptr ? message->as_string() : trim(std::string_view(body)));
  const Json* more = value ? value->find("description") : nullptr;
  if (more != nullptr) text += fmt::format(" ({})", more->as_string());
  return fmt::format("{} {}", status, text);
}

Result<ApiReply> call_admin(const Settings& settings, ApiCall call) {
  if (!settings.admin.enabled) return fail("this node has no Admin API (apisix.enable_admin)");
  for (const gateway::AdminKey& key : settings.admin.keys) {
    if (key.role != gateway::AdminRole::admin || key.key.empty()) continue;
    call.fields.emplace_back("X-API-KEY", key.key.expose());
    break;
  }
  Result<Line> line = Line::open(settings.admin.listen);
  if (!line) return tl::unexpected(line.error());
  if (settings.admin.https) {
    Result<void> secured = line->secure(settings.in_conf(settings.admin.certificate),
                                        settings.in_conf(settings.admin.certificate_key));
    if (!secured) return tl::unexpected(secured.error());
  }
  return ask(*line, call);
}

Result<ApiReply> call_control(const Settings& settings, const ApiCall& call) {
  if (!settings.control.enabled)
    return fail("this node has no Control API (apisix.enable_control)");
  Result<Line> line = Line::open(settings.control.listen);
  if (!line) return tl::unexpected(line.error());
  return ask(*line, call);
}

Result<Json> value_of(const Result<ApiReply>& reply) {
  if (!reply) return tl::unexpected(reply.error());
  if (reply->status >= 300) return fail(reply->fault());
  return Json::parse(reply->body);
}

std::string text_of(const Json& value, std::string_view name) {
  const Json* member = value.find(name);
  return std::string(member != nullptr ? member->as_string() : std::string_view());
}

int64_t number_of(const Json& value, std::string_view name) {
  const Json* member = value.find(name);
  return member != nullptr ? member->as_int() : 0;
}

}  // namespace pylon::cli

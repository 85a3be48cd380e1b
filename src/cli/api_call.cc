#include "cli/api_call.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/strings.h"

namespace pylon::cli {
namespace {

using gateway::ListenAddress;
using gateway::Settings;

constexpr timeval kPatience{.tv_sec = 60, .tv_usec = 0};

// The address to call for one that is listened on.
ListenAddress reachable(ListenAddress address) {
  if (address.ip == "0.0.0.0") address.ip = "127.0.0.1";
  if (address.ip == "::") address.ip = "::1";
  return address;
}

Result<Fd> connect_to(const ListenAddress& address) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_in);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, address.ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
  } else if (inet_pton(AF_INET6, address.ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    size = sizeof(sockaddr_in6);
  }
  Fd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) {
    return fail(fmt::format("{}: {}; does Pylon run? `pylon start` starts it", address.text(),
                            strerror(errno)));
  }
  return fd;
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

std::string request_text(const ListenAddress& address, const ApiCall& call) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", call.method,
                                 call.path, address.text());
  for (const auto& [name, value] : call.fields) {
    text += fmt::format("{}: {}\r\n", name, one_line(value));
  }
  return text + fmt::format("Content-Length: {}\r\n\r\n{}", call.body.size(), call.body);
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t count = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

// The gateway's own servers answer with Content-Length and close: what comes is the answer.
Result<ApiReply> read_reply(int fd) {
  std::string text;
  char buffer[16 << 10];
  ssize_t count = 0;
  while ((count = recv(fd, buffer, sizeof buffer, 0)) != 0) {
    if (count < 0 && errno == EINTR) continue;
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

Result<ApiReply> call_at(const ListenAddress& listen, const ApiCall& call) {
  ListenAddress address = reachable(listen);
  Result<Fd> fd = connect_to(address);
  if (!fd) return tl::unexpected(fd.error());
  if (!send_all(fd->get(), request_text(address, call))) {
    return fail(fmt::format("{}: {}", address.text(), strerror(errno)));
  }
  return read_reply(fd->get());
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
  return call_at(settings.admin.listen, call);
}

Result<ApiReply> call_control(const Settings& settings, const ApiCall& call) {
  if (!settings.control.enabled)
    return fail("this node has no Control API (apisix.enable_control)");
  return call_at(settings.control.listen, call);
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

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace pylon::cli

#include "gateway/inherited.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/strings.h"

namespace pylon::gateway {
namespace {

constexpr std::string_view kKinds[] = {"proxy", "tls",     "stream", "stream-tls", "stream-udp",
                                       "admin", "control", "status", "metrics"};
constexpr size_t kMaxConfigBytes = 8 << 20;

std::optional<SocketKind> kind_named(std::string_view name) {
  const auto* found = std::find(std::begin(kKinds), std::end(kKinds), name);
  if (found == std::end(kKinds)) return std::nullopt;
  return static_cast<SocketKind>(found - kKinds);
}

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

bool read_all(int fd, std::string& text) {
  char buffer[16 << 10];
  while (text.size() < kMaxConfigBytes) {
    ssize_t count = pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    text.append(buffer, static_cast<size_t>(count));
  }
  return false;
}

}  // namespace

std::string_view kind_name(SocketKind kind) { return kKinds[static_cast<size_t>(kind)]; }

Result<InheritedSockets> InheritedSockets::take() {
  const char* variable = getenv(kInheritedVariable);
  if (variable == nullptr) {
    return fail("this is an inner command of `pylon start`: it cannot be used alone");
  }
  std::string text = variable;
  unsetenv(kInheritedVariable);
  std::vector<std::string_view> items = split(text, ' ');
  InheritedSockets out;
  if (items[0] != "v1") return fail("PYLON_INHERITED is of another version: restart Pylon");
  for (size_t i = 1; i < items.size(); ++i) {
    if (!out.take_item(items[i])) {
      return fail(fmt::format("PYLON_INHERITED: \"{}\" is no inherited descriptor", items[i]));
    }
  }
  if (!out.ready_.is_open() || !out.commands_.is_open()) {
    return fail("PYLON_INHERITED names no pipes to the supervisor");
  }
  return out;
}

// "ready=4" or "proxy@0.0.0.0:9080=6".
bool InheritedSockets::take_item(std::string_view item) {
  size_t equals = item.rfind('=');
  if (equals == item.npos) return false;
  auto number = parse_uint(item.substr(equals + 1));
  if (!number || *number > 1'000'000 || !is_open(static_cast<int>(*number))) return false;
  Fd fd(static_cast<int>(*number));
  fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  std::string_view name = item.substr(0, equals);
  if (name == "ready") {
    ready_ = std::move(fd);
  } else if (name == "commands") {
    commands_ = std::move(fd);
  } else if (name == "config") {
    return read_all(fd.get(), config_text_);
  } else if (name == "tickets") {
    std::string octets;
    bool read = read_all(fd.get(), octets);
    ticket_secret_ = Secret(octets);
    OPENSSL_cleanse(octets.data(), octets.size());
    return read;
  } else {
    size_t at = std::min(name.find('@'), name.size());
    auto kind = kind_named(name.substr(0, at));
    if (!kind || at == name.size()) return false;
    sockets_.push_back({*kind, std::string(name.substr(at + 1)), std::move(fd)});
  }
  return true;
}

std::vector<const InheritedSocket*> InheritedSockets::of_kind(SocketKind kind) const {
  std::vector<const InheritedSocket*> out;
  for (const InheritedSocket& socket : sockets_) {
    if (socket.kind == kind) out.push_back(&socket);
  }
  return out;
}

Command InheritedSockets::next_command() {
  char letter = 0;
  ssize_t count = 0;
  do {
    count = read(commands_.get(), &letter, 1);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return Command::stop;
  return count == 1 ? static_cast<Command>(letter) : Command::none;
}

void InheritedSockets::report(std::string_view text) {
  if (!ready_.is_open()) return;
  [[maybe_unused]] ssize_t count = write(ready_.get(), text.data(), text.size());
  ready_.reset();
}

void InheritedSockets::report_ready() { report(kReadyReport); }

void InheritedSockets::report_failure(std::string_view why) { report(why.substr(0, 2'000)); }

}  // namespace pylon::gateway

#include "cli/line.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace pylon::cli {
namespace {

using gateway::ListenAddress;

constexpr timeval kPatience{.tv_sec = 60, .tv_usec = 0};

// The address to call for one that is listened on.
ListenAddress reachable(ListenAddress address) {
  if (address.ip == "0.0.0.0") address.ip = "127.0.0.1";
  if (address.ip == "::") address.ip = "::1";
  return address;
}

}  // namespace

Result<Line> Line::open(const ListenAddress& listen) {
  ListenAddress address = reachable(listen);
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
  return Line(address.text(), std::move(fd));
}

Result<void> Line::secure(const std::string& certificate_path, const std::string& key_path) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = context_.get();
  if (SSL_CTX_use_certificate_chain_file(context, certificate_path.c_str()) != 1) {
    return fail(certificate_path + ": " + tls::take_error());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_path.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(key_path + ": " + tls::take_error());
  }
  tls::SslPtr ssl(SSL_new(context));
  SSL_set_fd(ssl.get(), fd_.get());
  if (SSL_connect(ssl.get()) != 1) return fail(name_ + ": TLS: " + tls::take_error());
  const X509* shown = SSL_get0_peer_certificate(ssl.get());
  if (shown == nullptr || X509_cmp(shown, SSL_get_certificate(ssl.get())) != 0) {
    return fail(name_ + ": TLS: another certificate than " + certificate_path);
  }
  ssl_ = std::move(ssl);
  return {};
}

bool Line::send(std::string_view text) {
  while (!text.empty()) {
    ssize_t count = ssl_ != nullptr
                        ? SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()))
                        : ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

ssize_t Line::receive(char* buffer, size_t size) {
  while (true) {
    ssize_t count = ssl_ != nullptr ? SSL_read(ssl_.get(), buffer, static_cast<int>(size))
                                    : recv(fd_.get(), buffer, size, 0);
    if (count < 0 && errno == EINTR) continue;
    bool ended = ssl_ != nullptr &&
                 SSL_get_error(ssl_.get(), static_cast<int>(count)) == SSL_ERROR_ZERO_RETURN;
    return ended ? 0 : count;
  }
}

}  // namespace pylon::cli

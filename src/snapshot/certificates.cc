#include "snapshot/certificates.h"

#include <algorithm>

namespace pylon::snapshot {
namespace {

constexpr size_t kMaxName = 255;

}  // namespace

const tls::ServerIdentity* Certificates::server(std::string_view name) const {
  if (servers.empty() || name.size() > kMaxName) return nullptr;
  if (const auto* exact = servers.find(name)) return exact->get();
  // "*" in front of what is left of the name: of the whole label, or part by part.
  char pattern[kMaxName + 1] = {'*'};
  size_t dot = std::min(name.find('.'), name.size());
  for (size_t from = partial_stars != 0 ? 0 : dot; from <= dot; from++) {
    std::string_view rest = name.substr(from);
    if (rest.empty()) break;
    std::copy(rest.begin(), rest.end(), pattern + 1);
    if (const auto* found = servers.find({pattern, rest.size() + 1})) return found->get();
  }
  const auto* any = servers.find("*");
  return any != nullptr ? any->get() : nullptr;
}

const tls::ClientIdentity* Certificates::client(std::string_view id) const {
  const auto* found = clients.find(id);
  return found != nullptr ? found->get() : nullptr;
}

}  // namespace pylon::snapshot

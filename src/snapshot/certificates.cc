#include "snapshot/certificates.h"

#include <algorithm>

namespace pylon::snapshot {
namespace {

constexpr size_t kMaxName = 255;

}  // namespace

const tls::ServerIdentity* Certificates::server(std::string_view name) const {
  if (name.size() > kMaxName) return nullptr;
  if (const auto* exact = servers.find(name)) return exact->get();
  std::string_view parent = name.substr(std::min(name.find('.'), name.size()));
  if (const auto* part = by_partial_star(name, parent.size())) return part;
  if (!parent.empty()) {
    char pattern[kMaxName + 1] = {'*'};
    std::copy(parent.begin(), parent.end(), pattern + 1);
    if (const auto* star = servers.find({pattern, parent.size() + 1})) return star->get();
  }
  const auto* any = servers.find("*");
  return any != nullptr ? any->get() : nullptr;
}

// The longest pattern decides: one that says no more than the parent has a star that would have to
// stand for more than a part of the first label.
const tls::ServerIdentity* Certificates::by_partial_star(std::string_view name,
                                                         size_t parent_bytes) const {
  if (partial_stars.empty()) return nullptr;
  char reversed[kMaxName];
  std::reverse_copy(name.begin(), name.end(), reversed);
  const tls::ServerIdentity* longest = nullptr;
  partial_stars.visit_prefixes_longest_first(
      {reversed, name.size()}, [&](const tls::ServerIdentity& identity, size_t length) {
        if (length > parent_bytes) longest = &identity;
        return true;
      });
  return longest;
}

std::string Certificates::partial_star_key(std::string_view name) {
  if (name.size() < 2 || name[0] != '*' || name[1] == '.') return {};
  return {name.rbegin(), name.rend() - 1};
}

const tls::ClientIdentity* Certificates::client(std::string_view id) const {
  const auto* found = clients.find(id);
  return found != nullptr ? found->get() : nullptr;
}

}  // namespace pylon::snapshot

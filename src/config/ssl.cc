#include "config/ssl.h"

namespace pylon::config {

Result<Ssl> parse_ssl(Json value) {
  auto ssl = schema::parse<Ssl>(std::move(value));
  if (ssl && !ssl->sni.empty()) ssl->snis.push_back(std::exchange(ssl->sni, {}));
  return ssl;
}

}  // namespace pylon::config

// PEM certificates and keys, as they arrive in ssl resources and upstreams.
#pragma once

#include <string_view>

#include "base/result.h"

namespace pylon::admin {

// The first certificate of the text parses and, when a key is given, it parses too and belongs to
// the certificate. Messages are APISIX's where it has one.
Result<void> check_certificate(std::string_view certificate, std::string_view key);

}  // namespace pylon::admin

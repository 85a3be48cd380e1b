// Options: what config.yaml says about how requests are taken in and passed on. One per
// process, immutable; shared by all workers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/ip.h"
#include "http/fields.h"
#include "http/h1/parser.h"
#include "http/uri.h"

namespace pylon::proxy {

// A field that the configuration names, looked up by its id where it is a well-known one.
class NamedField {
 public:
  NamedField() = default;  // none
  explicit NamedField(std::string name) : name_(std::move(name)), id_(http::field_id(name_)) {}
  std::string_view of(const http::Fields& fields) const {
    if (id_ != http::FieldId::other) return fields.get(id_);
    return name_.empty() ? std::string_view() : fields.get(name_);
  }

 private:
  std::string name_;
  http::FieldId id_ = http::FieldId::other;
};

struct Options {
  std::string server_field = "APISIX/3.18.0";  // Server of every answer
  http::UriOptions uri;
  std::string fallback_server_name;    // of TLS clients that send none
  bool show_upstream_status = false;   // X-APISIX-Upstream-Status on every answer, not only on 5xx
  bool has_trusted_addresses = false;  // apisix.trusted_addresses is set
  IpSet trusted_addresses;             // peers whose X-Forwarded-* are kept
  IpSet real_ip_from;                  // peers whose real_ip_field is believed
  NamedField real_ip_field{"X-Real-IP"};
  bool real_ip_recursive = false;  // of a list the last address that is not believed, not the last
  http::h1::HeadLimits answer_head{8 << 10, 64 << 10, 32 << 10, 200};  // limits of upstream heads
  int64_t body_timeout_us = 60'000'000;  // between two reads of a request's body
  int64_t send_timeout_us = 10'000'000;  // between two writes to the client
  int64_t known_body_bytes = 1 << 20;    // of a request body that conditions look at
};

}  // namespace pylon::proxy

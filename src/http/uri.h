// The request target, taken apart and normalised once: router, plugins and logs all see the same
// path. Also Host validation, and the way back from a path to octets for the wire.
//
// Source: RFC 9112 3.2 (forms of the target), RFC 3986 5.2.4 (dot segments). Where those leave a
// choice, nginx's is taken: escapes are decoded first, so that %2F is a slash and %2E a dot, then
// runs of slashes are merged. Octets above 0x7f are kept; a backslash is an ordinary character.
//
// All views point into the given text where nothing had to change, else into the arena.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "http/exchange.h"

namespace pylon::http {

enum class TargetForm : uint8_t {
  origin,     // "/path?query"
  absolute,   // "http://host/path?query"
  authority,  // "host:port", CONNECT only
  asterisk,   // "*", OPTIONS only; also an absolute target of OPTIONS without path and query
};

// `apisix.delete_uri_tail_slash`, `apisix.normalize_uri_like_servlet` and
// `apisix.match_uri_encoded_slash` of config.yaml.
struct UriOptions {
  bool delete_tail_slash = false;   // "/a/" is "/a"; "/" stays
  bool like_servlet = false;        // "/a;x=1/b" is "/a/b"
  bool keep_encoded_slash = false;  // fill Uri::match_path
};

struct Authority {
  std::string_view host;  // lower case, without trailing dot; an IPv6 address in its brackets
  uint16_t port = 0;      // 0: none given
};

struct Uri {
  TargetForm form = TargetForm::origin;
  bool has_args = false;        // a '?' was there
  std::string_view path;        // $uri; "*" in asterisk-form, empty in authority-form
  std::string_view match_path;  // for the router only: path with %2F kept; null: the same as path
  std::string_view args;        // after '?', as sent: $args
  std::string_view raw;         // path and query as sent: origin-form, fit for an upstream
  Authority authority;          // of an absolute or authority-form target; else empty
};

// Each is answered with 400.
enum class UriError : uint8_t {
  none,
  form,       // none of the four forms, or not the one the method asks for
  octet,      // control, space, DEL or '#'
  escape,     // '%' without two hexadecimal digits
  nul,        // %00
  root,       // ".." above the root
  authority,  // bad host or port, or user information
  parameter,  // like_servlet: a dot or empty segment hidden by ';'
};
std::string_view describe(UriError error);  // for the error log

UriError parse_target(std::string_view target, Method method, const UriOptions& options,
                      Arena& arena, Uri& uri);

// The value of a Host field, or an authority without user information: host [":" port].
// False when it is empty or not valid by RFC 3986 3.2.2 and 3.2.3.
bool parse_authority(std::string_view text, Arena& arena, Authority& authority);

// A path as nginx escapes it for the upstream when it was changed: controls, space, DEL, octets
// above 0x7f and any of "#%<>?\^`{|} become %XX.
std::string_view encode_uri(std::string_view path, Arena& arena);

// The first argument of that name in a query, '+' and escapes decoded on both sides. Null data when
// absent; "true" when it stands without '=', as APISIX has it.
std::string_view find_argument(std::string_view args, std::string_view name, Arena& arena);

// '+' is a space, bad escapes stay as they are.
std::string_view decode_argument(std::string_view text, Arena& arena);

}  // namespace pylon::http

// The normaliser on any octets: what it accepts is in normal form and stays so.
#include <cstdlib>
#include <string>

#include "http/uri.h"

namespace {

using pylon::Arena;
using pylon::http::Method;
using pylon::http::Uri;
using pylon::http::UriError;
using pylon::http::UriOptions;

void require(bool held) {
  if (!held) std::abort();
}

bool in_normal_form(std::string_view path) {
  std::string closed = std::string(path) + "/";
  return path.starts_with('/') && path.find("//") == path.npos &&
         closed.find("/../") == closed.npos && closed.find("/./") == closed.npos &&
         path.find('\0') == path.npos;
}

void check_path(const Uri& uri, const UriOptions& options, Method method) {
  require(in_normal_form(uri.path));
  require(uri.raw.starts_with('/'));
  require(uri.has_args || uri.args.empty());
  Arena arena;
  std::string encoded(pylon::http::encode_uri(uri.path, arena));
  Uri again;
  require(parse_target(encoded, method, options, arena, again) == UriError::none);
  require(again.path == uri.path);
  if (uri.match_path.data() != nullptr) require(uri.match_path.size() > uri.path.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  uint8_t choice = data[0];
  std::string target(reinterpret_cast<const char*>(data + 1), size - 1);
  UriOptions options{(choice & 1) != 0, (choice & 2) != 0, (choice & 4) != 0};
  Method method = (choice & 8) != 0 ? Method::options : Method::get;
  Arena arena;
  Uri uri;
  if (parse_target(target, method, options, arena, uri) == UriError::none &&
      uri.form != pylon::http::TargetForm::asterisk) {
    check_path(uri, options, method);
  }
  pylon::http::Authority authority;
  if (parse_authority(target, arena, authority)) {
    require(!authority.host.empty() && authority.host.find_first_of("/ @\\") == std::string::npos);
  }
  pylon::http::find_argument(target, "name", arena);
  return 0;
}

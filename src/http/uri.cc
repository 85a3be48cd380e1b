#include "http/uri.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/ip.h"
#include "base/strings.h"
#include "http/scan.h"

namespace pylon::http {
namespace {

// What an octet of a path means to the scanner.
enum class Kind : uint8_t { plain, slash, dot, percent, question, refused };

constexpr std::array<Kind, 256> kKinds = [] {
  std::array<Kind, 256> kinds{};
  for (int c = 0; c <= ' '; ++c) kinds[static_cast<size_t>(c)] = Kind::refused;
  kinds[0x7f] = kinds['#'] = Kind::refused;
  kinds['/'] = Kind::slash;
  kinds['.'] = Kind::dot;
  kinds['%'] = Kind::percent;
  kinds['?'] = Kind::question;
  return kinds;
}();

Kind kind_of(char c) { return kKinds[static_cast<uint8_t>(c)]; }

struct PathScan {
  size_t end = 0;      // of the path: the '?' or the end of the target
  bool normal = true;  // no escape, no empty segment, none that starts with a dot
  bool valid = true;
};

#if defined(__SSE2__)
// How many octets at the start, in whole sixteens, are nothing but plain ones, slashes and dots,
// with no slash or dot behind a slash and no slash at the end.
size_t plain_sixteens(std::string_view target) {
  const __m128i space = _mm_set1_epi8(' ');
  size_t at = 0;
  unsigned slash_before = 0;
  for (; at + 16 <= target.size(); at += 16) {
    __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(target.data() + at));
    auto where = [&](char c) {
      return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(octets, _mm_set1_epi8(c))));
    };
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(octets, space), octets);
    auto special = static_cast<unsigned>(_mm_movemask_epi8(control)) | where('%') | where('?') |
                   where('#') | where(0x7f);
    unsigned slashes = where('/');
    unsigned behind = (slashes << 1) | slash_before;
    if (special != 0 || (behind & (slashes | where('.'))) != 0) break;
    slash_before = slashes >> 15;
  }
  return at - (slash_before != 0 ? 1 : 0);
}
#else
size_t plain_sixteens(std::string_view) { return 0; }
#endif

PathScan scan_path(std::string_view target) {
  PathScan scan;
  Kind before = Kind::plain;
  scan.end = plain_sixteens(target);
  for (; scan.end < target.size(); ++scan.end) {
    Kind kind = kind_of(target[scan.end]);
    if (kind == Kind::question) break;
    if (kind == Kind::refused) scan.valid = false;
    bool odd = before == Kind::slash && (kind == Kind::slash || kind == Kind::dot);
    if (odd || kind == Kind::percent) scan.normal = false;
    before = kind;
  }
  return scan;
}

bool valid_query(std::string_view query) {
  return std::none_of(query.begin(), query.end(),
                      [](char c) { return kind_of(c) == Kind::refused; });
}

// The octet written as two hexadecimal digits at `at`; -1 when it is not.
int escaped_octet(std::string_view text, size_t at) {
  if (at + 2 > text.size()) return -1;
  int high = hex_digit(text[at]);
  int low = hex_digit(text[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

UriError decode_path(std::string_view raw, Arena& arena, std::string_view& decoded) {
  char* start = arena.bytes(raw.size());
  char* to = start;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      *to++ = raw[i];
      continue;
    }
    int octet = escaped_octet(raw, i + 1);
    if (octet < 0) return UriError::escape;
    if (octet == 0) return UriError::nul;
    *to++ = static_cast<char>(octet);
    i += 2;
  }
  decoded = {start, static_cast<size_t>(to - start)};
  return UriError::none;
}

// Merges slashes and resolves dot segments. What is kept always ends with a slash when the next
// segment is looked at. nullopt: ".." above the root.
std::optional<std::string_view> resolve_segments(std::string_view path, Arena& arena) {
  char* kept = arena.bytes(path.size());
  size_t size = 0;
  kept[size++] = '/';
  for (size_t at = 1; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view segment = path.substr(at, end - at);
    if (segment == "..") {
      if (size == 1) return std::nullopt;
      do --size;
      while (kept[size - 1] != '/');
    } else if (!segment.empty() && segment != ".") {
      std::memcpy(kept + size, segment.data(), segment.size());
      size += segment.size();
      if (end < path.size()) kept[size++] = '/';
    }
    at = end + 1;
  }
  return std::string_view(kept, size);
}

// As the decoded path, but with each encoded slash left as %2F.
std::string_view decode_but_slashes(std::string_view raw, Arena& arena) {
  char* start = arena.bytes(raw.size());
  char* to = start;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      *to++ = raw[i];
      continue;
    }
    int octet = escaped_octet(raw, i + 1);
    i += 2;
    if (octet == '/') {
      to = std::copy_n("%2F", 3, to);
    } else {
      *to++ = static_cast<char>(octet);
    }
  }
  return {start, static_cast<size_t>(to - start)};
}

// Drops the parameters of each segment. Refused: what a servlet container would read as a dot
// segment or as an empty one.
UriError drop_parameters(std::string_view& path, Arena& arena) {
  if (path.find(';') == std::string_view::npos) return UriError::none;
  char* kept = arena.bytes(path.size());
  size_t size = 0;
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view segment = path.substr(at, end - at);
    size_t parameter = segment.find(';');
    if (parameter != std::string_view::npos) {
      segment = segment.substr(0, parameter);
      bool dots = segment == "." || segment == ".." || iequals(segment, "%2e") ||
                  iequals(segment, "%2e%2e");
      if (dots || (segment.empty() && end < path.size())) return UriError::parameter;
    }
    std::memcpy(kept + size, segment.data(), segment.size());
    size += segment.size();
    if (end < path.size()) kept[size++] = '/';
    at = end + 1;
  }
  path = {kept, size};
  return UriError::none;
}

UriError normalise_path(std::string_view raw, const UriOptions& options, Arena& arena, Uri& uri) {
  std::string_view decoded;
  UriError error = decode_path(raw, arena, decoded);
  if (error != UriError::none) return error;
  auto resolved = resolve_segments(decoded, arena);
  if (!resolved) return UriError::root;
  uri.path = *resolved;
  // Only when decoding was all that happened is it safe to look at the path in another way.
  bool only_decoded = resolved->size() == decoded.size();
  if (options.keep_encoded_slash && only_decoded) {
    bool encoded_slash = raw.find("%2F") != raw.npos || raw.find("%2f") != raw.npos;
    if (encoded_slash) uri.match_path = decode_but_slashes(raw, arena);
  }
  return UriError::none;
}

UriError apply_options(const UriOptions& options, Arena& arena, Uri& uri) {
  size_t size = uri.path.size();
  if (options.like_servlet) {
    UriError error = drop_parameters(uri.path, arena);
    if (error != UriError::none) return error;
  }
  if (options.delete_tail_slash && uri.path.size() > 1 && uri.path.back() == '/') {
    uri.path.remove_suffix(1);
  }
  if (uri.path.size() != size) uri.match_path = {};
  return UriError::none;
}

// "/path?query"
UriError parse_origin(std::string_view target, const UriOptions& options, Arena& arena, Uri& uri) {
  PathScan scan = scan_path(target);
  if (!scan.valid) return UriError::octet;
  uri.raw = target;
  uri.path = target.substr(0, scan.end);
  if (scan.end < target.size()) {
    uri.has_args = true;
    uri.args = target.substr(scan.end + 1);
    if (!valid_query(uri.args)) return UriError::octet;
  }
  if (!scan.normal) {
    UriError error = normalise_path(uri.path, options, arena, uri);
    if (error != UriError::none) return error;
  }
  return apply_options(options, arena, uri);
}

// The length of "http://" or "https://" at the start; 0 when there is neither.
size_t scheme_bytes(std::string_view target) {
  if (istarts_with(target, "http://")) return 7;
  return istarts_with(target, "https://") ? 8 : 0;
}

UriError parse_absolute(std::string_view target, Method method, const UriOptions& options,
                        Arena& arena, Uri& uri) {
  uri.form = TargetForm::absolute;
  std::string_view rest = target.substr(scheme_bytes(target));
  size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  if (!parse_authority(rest.substr(0, end), arena, uri.authority)) return UriError::authority;
  rest.remove_prefix(end);
  if (rest.empty() && method == Method::options) {
    uri.form = TargetForm::asterisk;
    uri.path = uri.raw = "*";
    return UriError::none;
  }
  if (rest.empty()) rest = "/";
  if (rest.front() != '/') rest = arena.join("/", rest);
  return parse_origin(rest, options, arena, uri);
}

// host ":" port, both required (RFC 9112 3.2.3).
UriError parse_connect(std::string_view target, Arena& arena, Uri& uri) {
  uri.form = TargetForm::authority;
  uri.raw = target;
  bool valid = parse_authority(target, arena, uri.authority) && uri.authority.port != 0;
  return valid ? UriError::none : UriError::authority;
}

// ---- authority

// unreserved and sub-delims of RFC 3986: what a registered name is made of, beside escapes.
constexpr OctetTable kNameOctets = letters_digits_and("-._~!$&'()*+,;=");
// The same without upper case and dots: a label as most are.
constexpr OctetTable kLabelOctets = letters_digits_and("-_~!$&'()*+,;=", false);

bool valid_name(std::string_view name) {
  if (name.empty() || name.find("..") != name.npos || name.front() == '.') return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (kNameOctets[static_cast<uint8_t>(name[i])]) continue;
    if (name[i] != '%' || escaped_octet(name, i + 1) <= ' ') return false;
    i += 2;
  }
  return true;
}

// The octets of a name as most are, in lower case and without escapes or empty labels, at the
// start. 0: there is none, or one to look at closely.
size_t plain_name_bytes(std::string_view text) {
  const char* start = text.data();
  const char* end = start + text.size();
  for (const char* label = start;;) {
    const char* stop = skip<TableClass<kLabelOctets>>(label, end, start);
    if (stop == label) return 0;
    if (stop == end || *stop == ':') return static_cast<size_t>(stop - start);
    if (*stop != '.') return 0;
    label = stop + 1;
  }
}

bool valid_literal(std::string_view host) {
  auto address = IpAddress::parse(host.substr(1, host.size() - 2));
  return address && address->is_v6();
}

// Empty or up to five digits, as RFC 3986 has it.
bool parse_port(std::string_view text, uint16_t& port) {
  if (text.empty()) return true;
  uint32_t value = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
    if (value > 65535) return false;
  }
  port = static_cast<uint16_t>(value);
  return true;
}

std::string_view lower_case(std::string_view text, Arena& arena) {
  bool lower = std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (lower) return text;
  char* copy = arena.bytes(text.size());
  std::transform(text.begin(), text.end(), copy, [](char c) { return to_lower(c); });
  return {copy, text.size()};
}

// ---- escapes

constexpr std::array<bool, 256> kEscaped = [] {
  std::array<bool, 256> table{};
  for (size_t c = 0; c <= ' '; ++c) table[c] = true;
  for (size_t c = 0x7f; c <= 0xff; ++c) table[c] = true;
  for (char c : std::string_view("\"#%<>?\\^`{|}")) table[static_cast<uint8_t>(c)] = true;
  return table;
}();

bool is_escaped(char c) { return kEscaped[static_cast<uint8_t>(c)]; }

// The key of an argument against a decoded name, without decoding it to memory.
bool argument_is(std::string_view key, std::string_view name) {
  size_t matched = 0;
  for (size_t i = 0; i < key.size(); ++i) {
    char c = key[i] == '+' ? ' ' : key[i];
    int octet = c == '%' ? escaped_octet(key, i + 1) : -1;
    if (octet >= 0) {
      c = static_cast<char>(octet);
      i += 2;
    }
    if (matched == name.size() || name[matched] != c) return false;
    ++matched;
  }
  return matched == name.size();
}

}  // namespace

std::string_view describe(UriError error) {
  switch (error) {
    case UriError::none:
      return "no error";
    case UriError::form:
      return "the request target has no form that the method allows";
    case UriError::octet:
      return "the request target holds a control, a space or '#'";
    case UriError::escape:
      return "a '%' in the path is not followed by two hexadecimal digits";
    case UriError::nul:
      return "the path holds %00";
    case UriError::root:
      return "the path leads above the root";
    case UriError::authority:
      return "the request target has no valid host and port";
    case UriError::parameter:
      return "a parameter hides a dot or empty segment";
  }
  return "";
}

UriError parse_target(std::string_view target, Method method, const UriOptions& options,
                      Arena& arena, Uri& uri) {
  if (method == Method::connect) return parse_connect(target, arena, uri);
  if (!target.empty() && target.front() == '/') return parse_origin(target, options, arena, uri);
  if (target == "*" && method == Method::options) {
    uri.form = TargetForm::asterisk;
    uri.path = uri.raw = target;
    return UriError::none;
  }
  if (scheme_bytes(target) > 0) return parse_absolute(target, method, options, arena, uri);
  return UriError::form;
}

bool parse_authority(std::string_view text, Arena& arena, Authority& authority) {
  size_t plain = plain_name_bytes(text);
  if (plain > 0 && (plain == text.size() || text[plain] == ':')) {
    authority.host = text.substr(0, plain);
    return plain == text.size() || parse_port(text.substr(plain + 1), authority.port);
  }
  bool literal = !text.empty() && text.front() == '[';
  size_t host_end = text.find(literal ? ']' : ':');
  if (literal && host_end == text.npos) return false;
  if (literal) ++host_end;
  std::string_view host = text.substr(0, host_end);
  if (host.size() < text.size()) {
    std::string_view rest = text.substr(host.size());
    if (rest.front() != ':' || !parse_port(rest.substr(1), authority.port)) return false;
  }
  if (literal ? !valid_literal(host) : !valid_name(host)) return false;
  if (host.back() == '.') host.remove_suffix(1);
  authority.host = lower_case(host, arena);
  return true;
}

std::string_view encode_uri(std::string_view path, Arena& arena) {
  auto escapes = static_cast<size_t>(std::count_if(path.begin(), path.end(), is_escaped));
  if (escapes == 0) return path;
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  size_t size = path.size() + 2 * escapes;
  char* start = arena.bytes(size);
  char* to = start;
  for (char c : path) {
    if (!is_escaped(c)) {
      *to++ = c;
      continue;
    }
    auto octet = static_cast<uint8_t>(c);
    *to++ = '%';
    *to++ = kDigits[octet >> 4];
    *to++ = kDigits[octet & 15];
  }
  return {start, size};
}

std::string_view find_argument(std::string_view args, std::string_view name, Arena& arena) {
  while (!args.empty()) {
    std::string_view pair = args.substr(0, args.find('&'));
    args.remove_prefix(std::min(pair.size() + 1, args.size()));
    size_t equals = pair.find('=');
    if (!argument_is(pair.substr(0, equals), name) || pair.empty()) continue;
    return equals == pair.npos ? "true" : decode_argument(pair.substr(equals + 1), arena);
  }
  return {};
}

std::string_view decode_argument(std::string_view text, Arena& arena) {
  if (text.find_first_of("+%") == text.npos) return text;
  char* start = arena.bytes(text.size());
  char* to = start;
  for (size_t i = 0; i < text.size(); ++i) {
    int octet = text[i] == '%' ? escaped_octet(text, i + 1) : -1;
    if (octet >= 0) {
      *to++ = static_cast<char>(octet);
      i += 2;
    } else {
      *to++ = text[i] == '+' ? ' ' : text[i];
    }
  }
  return {start, static_cast<size_t>(to - start)};
}

}  // namespace pylon::http

#include "expr/template.h"

#include <algorithm>
#include <type_traits>

#include "base/short_copy.h"
#include "base/strings.h"
#include "http/scan.h"

namespace pylon::expr {
namespace {

bool is_name_octet(char c, bool dots) {
  return is_alpha(c) || is_digit(c) || c == '_' || (dots && c == '.');
}

// A variable found in a text.
struct Reference {
  size_t start;
  size_t end;
  std::string_view name;  // in braces: all that is between them, trimmed
  bool braced;
};

// The next reference at or after `from`; false when there is none. `dots`: names may hold '.', and
// a backslash takes the dollar sign its meaning.
bool find_reference(std::string_view text, size_t from, bool dots, Reference& found) {
  for (size_t at = text.find('$', from); at != text.npos; at = text.find('$', at + 1)) {
    if (dots && at > 0 && text[at - 1] == '\\') continue;
    size_t begin = at + 1;
    if (begin < text.size() && text[begin] == '{') {
      size_t close = text.find('}', begin);
      if (close == text.npos) continue;
      std::string_view name = trim(text.substr(begin + 1, close - begin - 1));
      if (name.empty()) continue;
      found = {at, close + 1, name, true};
      return true;
    }
    size_t end = begin;
    while (end < text.size() && is_name_octet(text[end], dots)) ++end;
    if (end == begin) continue;
    found = {at, end, text.substr(begin, end - begin), false};
    return true;
  }
  return false;
}

// ---- escapes of the access log: which octets are plain, and how the others are written

constexpr http::OctetTable kStandardPlain = [] {
  http::OctetTable plain{};
  for (size_t c = ' '; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

struct StandardEscape : http::TableClass<kStandardPlain> {
  static size_t size(char) { return 4; }
  static char* write(char* to, char c);
};

constexpr std::string_view kShortEscapes = "\bb\tt\nn\ff\rr\"\"\\\\";  // octet, letter

struct JsonEscape {
  static constexpr bool has(char c) {
    return static_cast<uint8_t>(c) >= ' ' && c != '"' && c != '\\';
  }
  static size_t size(char c);
  static char* write(char* to, char c);
};

struct NoEscape {};

char* write_hex(char* to, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  auto octet = static_cast<uint8_t>(c);
  *to++ = kDigits[octet >> 4];
  *to++ = kDigits[octet & 15];
  return to;
}

char* StandardEscape::write(char* to, char c) { return write_hex(std::copy_n("\\x", 2, to), c); }

// The letter of a short escape; 0 when the octet has none.
char short_escape(char c) {
  for (size_t i = 0; i < kShortEscapes.size(); i += 2) {
    if (kShortEscapes[i] == c) return kShortEscapes[i + 1];
  }
  return 0;
}

size_t JsonEscape::size(char c) { return short_escape(c) != 0 ? 2 : 6; }

char* JsonEscape::write(char* to, char c) {
  char letter = short_escape(c);
  if (letter == 0) return write_hex(std::copy_n("\\u00", 4, to), c);
  *to++ = '\\';
  *to++ = letter;
  return to;
}

template <class Escape>
size_t count_escapable(std::string_view text) {
  if constexpr (std::is_same_v<Escape, NoEscape>) {
    return 0;
  } else {
    return http::count_outside<Escape>(text);
  }
}

template <class Escape>
char* write_escaped(char* to, std::string_view text) {
  for (char c : text) {
    if (Escape::has(c)) {
      *to++ = c;
    } else {
      to = Escape::write(to, c);
    }
  }
  return to;
}

template <class Escape>
size_t escaped_size(std::string_view text) {
  size_t size = 0;
  for (char c : text) size += Escape::has(c) ? 1 : Escape::size(c);
  return size;
}

}  // namespace

Template Template::compile(std::string_view text) {
  Template made;
  Reference found;
  size_t at = 0;
  while (find_reference(text, at, true, found)) {
    Part part;
    part.before = text.substr(at, found.start - at);
    size_t question = found.braced ? found.name.find("??") : found.name.npos;
    part.variable = Variable::compile(trim(found.name.substr(0, question)));
    if (question != found.name.npos) {
      part.has_fallback = true;
      part.fallback = trim(found.name.substr(question + 2));
    }
    made.parts_.push_back(std::move(part));
    at = found.end;
  }
  made.tail_ = text.substr(at);
  return made;
}

std::string_view Template::render(http::Exchange& exchange, size_t& resolved) const {
  resolved = 0;
  return is_constant() ? std::string_view(tail_) : render_parts(exchange, &resolved);
}

std::string_view Template::render_parts(http::Exchange& exchange, size_t* resolved) const {
  Arena& arena = exchange.arena;
  auto* values = arena.make_array<std::string_view>(parts_.size());
  size_t size = tail_.size();
  for (size_t i = 0; i < parts_.size(); ++i) {
    std::string_view value = parts_[i].variable.value(exchange);
    bool absent = value.data() == nullptr;
    if (absent && parts_[i].has_fallback) value = parts_[i].fallback;
    if (resolved != nullptr && (!absent || parts_[i].has_fallback)) ++*resolved;
    values[i] = value;
    size += parts_[i].before.size() + value.size();
  }
  char* start = arena.bytes(size);
  char* to = start;
  for (size_t i = 0; i < parts_.size(); ++i) {
    to = copy_short(copy_short(to, parts_[i].before), values[i]);
  }
  copy_short(to, tail_);
  return {start, size};
}

bool Template::needs_body() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.variable.needs_body(); });
}

LogFormat LogFormat::compile(std::string_view text, Escape escape) {
  LogFormat made;
  made.escape_ = escape;
  Reference found;
  size_t at = 0;
  while (find_reference(text, at, false, found)) {
    // Inside the gateway $request_uri is the normalised one; nginx logs what the client sent.
    std::string_view name = found.name == "request_uri" ? "real_request_uri" : found.name;
    Part part{std::string(text.substr(at, found.start - at)), Variable::compile(name)};
    if (!part.variable.known()) made.unknown_names_.emplace_back(found.name);
    made.parts_.push_back(std::move(part));
    at = found.end;
  }
  made.tail_ = text.substr(at);
  switch (escape) {
    case Escape::standard:
      made.measure<StandardEscape>();
      break;
    case Escape::json:
      made.measure<JsonEscape>();
      break;
    case Escape::none:
      made.measure<NoEscape>();
  }
  return made;
}

template <class Escape>
void LogFormat::measure() {
  auto add = [&](std::string_view text) {
    text_bytes_ += text.size();
    escapable_ += count_escapable<Escape>(text);
  };
  for (const Part& part : parts_) add(part.before);
  add(tail_);
}

std::string_view LogFormat::line(http::Exchange& exchange) const {
  switch (escape_) {
    case Escape::standard:
      return line_as<StandardEscape>(exchange, "-");
    case Escape::json:
      return line_as<JsonEscape>(exchange, "");
    case Escape::none:
      break;
  }
  return line_as<NoEscape>(exchange, "");
}

// Written plainly first, for there is seldom anything to escape: then the line has no more octets
// of that kind than the format itself.
template <class Escape>
std::string_view LogFormat::line_as(http::Exchange& exchange, std::string_view absent) const {
  auto* values = exchange.arena.make_array<std::string_view>(parts_.size());
  size_t size = text_bytes_;
  std::string_view* value = values;
  for (const Part& part : parts_) {
    std::string_view text = part.variable.value(exchange);
    *value = text.data() == nullptr ? absent : text;
    size += value++->size();
  }
  char* start = exchange.arena.bytes(size);
  char* to = start;
  value = values;
  for (const Part& part : parts_) to = copy_short(copy_short(to, part.before), *value++);
  copy_short(to, tail_);
  std::string_view line(start, size);
  if constexpr (!std::is_same_v<Escape, NoEscape>) {
    if (count_escapable<Escape>(line) != escapable_) {
      return escaped_line<Escape>(exchange.arena, values);
    }
  }
  return line;
}

template <class Escape>
std::string_view LogFormat::escaped_line(Arena& arena, const std::string_view* values) const {
  size_t size = text_bytes_;
  for (size_t i = 0; i < parts_.size(); ++i) size += escaped_size<Escape>(values[i]);
  char* start = arena.bytes(size);
  char* to = start;
  for (size_t i = 0; i < parts_.size(); ++i) {
    to = write_escaped<Escape>(copy_short(to, parts_[i].before), values[i]);
  }
  copy_short(to, tail_);
  return {start, size};
}

}  // namespace pylon::expr

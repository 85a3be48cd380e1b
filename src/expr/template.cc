#include "expr/template.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/strings.h"

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

// ---- escapes of the access log

using Table = std::array<uint8_t, 256>;  // size of each octet when written

constexpr Table kStandardSizes = [] {
  Table sizes{};
  for (size_t c = 0; c < 256; ++c) {
    sizes[c] = c < ' ' || c >= 0x7f || c == '"' || c == '\\' ? 4 : 1;
  }
  return sizes;
}();

constexpr std::string_view kShortEscapes = "\bb\tt\nn\ff\rr\"\"\\\\";  // octet, letter

constexpr Table kJsonSizes = [] {
  Table sizes{};
  for (size_t c = 0; c < 256; ++c) sizes[c] = c < ' ' ? 6 : 1;
  for (size_t i = 0; i < kShortEscapes.size(); i += 2) {
    sizes[static_cast<uint8_t>(kShortEscapes[i])] = 2;
  }
  return sizes;
}();

size_t size_with(const Table& sizes, std::string_view text) {
  size_t size = 0;
  for (char c : text) size += sizes[static_cast<uint8_t>(c)];
  return size;
}

char* write_hex(char* to, std::string_view digits, char c) {
  auto octet = static_cast<uint8_t>(c);
  *to++ = digits[octet >> 4];
  *to++ = digits[octet & 15];
  return to;
}

char* write_standard(char* to, char c) {
  *to++ = '\\';
  *to++ = 'x';
  return write_hex(to, "0123456789ABCDEF", c);
}

char* write_json(char* to, char c) {
  for (size_t i = 0; i < kShortEscapes.size(); i += 2) {
    if (kShortEscapes[i] != c) continue;
    *to++ = '\\';
    *to++ = kShortEscapes[i + 1];
    return to;
  }
  return write_hex(std::copy_n("\\u00", 4, to), "0123456789ABCDEF", c);
}

size_t escaped_size(LogFormat::Escape escape, std::string_view text) {
  switch (escape) {
    case LogFormat::Escape::standard:
      return size_with(kStandardSizes, text);
    case LogFormat::Escape::json:
      return size_with(kJsonSizes, text);
    case LogFormat::Escape::none:
      return text.size();
  }
  return 0;
}

char* write_text(char* to, std::string_view text) {
  return std::copy(text.begin(), text.end(), to);
}

char* write_escaped(char* to, LogFormat::Escape escape, std::string_view text) {
  if (escape == LogFormat::Escape::none) return write_text(to, text);
  bool json = escape == LogFormat::Escape::json;
  const Table& sizes = json ? kJsonSizes : kStandardSizes;
  for (char c : text) {
    if (sizes[static_cast<uint8_t>(c)] == 1) {
      *to++ = c;
    } else {
      to = json ? write_json(to, c) : write_standard(to, c);
    }
  }
  return to;
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
    to = write_text(write_text(to, parts_[i].before), values[i]);
  }
  write_text(to, tail_);
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
  return made;
}

LogFormat::Line LogFormat::prepare(http::Exchange& exchange) const {
  auto* values = exchange.arena.make_array<std::string_view>(parts_.size());
  size_t size = tail_.size();
  for (size_t i = 0; i < parts_.size(); ++i) {
    std::string_view value = parts_[i].variable.value(exchange);
    if (value.data() == nullptr) value = escape_ == Escape::standard ? "-" : "";
    values[i] = value;
    size += parts_[i].before.size() + escaped_size(escape_, value);
  }
  return {values, size};
}

char* LogFormat::write(const Line& line, char* to) const {
  for (size_t i = 0; i < parts_.size(); ++i) {
    to = write_text(to, parts_[i].before);
    to = write_escaped(to, escape_, line.values[i]);
  }
  return write_text(to, tail_);
}

}  // namespace pylon::expr

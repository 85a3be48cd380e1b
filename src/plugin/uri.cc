#include "plugin/uri.h"

#include <cstring>

#include "base/arena.h"
#include "base/strings.h"
#include "http/exchange.h"

namespace pylon::plugin {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool needs_encoding(char c) {
  constexpr std::string_view kUnsafe = " \"#%<>?\\^`{|}";
  return is_control(c) || static_cast<unsigned char>(c) >= 0x80 ||
         kUnsafe.find(c) != std::string_view::npos;
}

template <class Predicate>
std::string_view encode(std::string_view text, Arena& arena, Predicate unsafe) {
  constexpr char kHex[] = "0123456789ABCDEF";
  size_t count = 0;
  for (char c : text) count += unsafe(c) ? 1 : 0;
  if (count == 0) return text;
  char* start = arena.bytes(text.size() + 2 * count);
  char* to = start;
  for (char c : text) {
    if (!unsafe(c)) {
      *to++ = c;
      continue;
    }
    *to++ = '%';
    *to++ = kHex[static_cast<unsigned char>(c) >> 4];
    *to++ = kHex[static_cast<unsigned char>(c) & 15];
  }
  return {start, static_cast<size_t>(to - start)};
}

// A name or value of a form; a broken escape stays as it is.
std::string_view decode(std::string_view text, Arena& arena) {
  if (text.find_first_of("%+") == std::string_view::npos) return text;
  char* start = arena.bytes(text.size());
  char* to = start;
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                  hex_digit(text[i + 2]) >= 0;
    if (escape) {
      *to++ = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      *to++ = text[i] == '+' ? ' ' : text[i];
    }
  }
  return {start, static_cast<size_t>(to - start)};
}

// Takes the first piece between '&'s off.
std::string_view next_piece(std::string_view& rest) {
  size_t end = rest.find('&');
  std::string_view piece = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return piece;
}

bool has_name(std::string_view piece, std::string_view name, Arena& arena) {
  return decode(piece.substr(0, piece.find('=')), arena) == name;
}

}  // namespace

std::string_view encode_path(std::string_view path, Arena& arena) {
  return encode(path, arena, needs_encoding);
}

std::string_view encode_controls(std::string_view text, Arena& arena) {
  return encode(text, arena, [](char c) { return c == ' ' || is_control(c); });
}

std::string_view target_path(std::string_view target) {
  if (!target.empty() && target[0] != '/') {
    size_t scheme = target.find("://");
    if (scheme != std::string_view::npos) {
      size_t path = target.find_first_of("/?", scheme + 3);
      bool none = path == std::string_view::npos || target[path] == '?';
      target = none ? std::string_view("/") : target.substr(path);
    }
  }
  return target.substr(0, target.find('?'));
}

Argument find_argument(std::string_view args, std::string_view name, Arena& arena) {
  Argument argument;
  while (!args.empty()) {
    std::string_view piece = next_piece(args);
    if (!has_name(piece, name, arena)) continue;
    if (argument.found != Argument::Found::none) {
      argument.found = Argument::Found::many;
      break;
    }
    argument.found = Argument::Found::one;
    size_t equals = piece.find('=');
    if (equals != std::string_view::npos) argument.value = decode(piece.substr(equals + 1), arena);
  }
  return argument;
}

void remove_argument(http::Exchange& exchange, std::string_view name) {
  http::Request& request = exchange.request;
  Arena& arena = exchange.arena;
  std::string_view rest = request.args;
  char* start = arena.bytes(rest.size());
  size_t size = 0;
  bool removed = false;
  while (!rest.empty()) {
    std::string_view piece = next_piece(rest);
    if (has_name(piece, name, arena)) {
      removed = true;
      continue;
    }
    if (size > 0) start[size++] = '&';
    std::memcpy(start + size, piece.data(), piece.size());
    size += piece.size();
  }
  if (!removed) return;
  std::string_view sent = exchange.forward.uri.empty() ? request.target : exchange.forward.uri;
  std::string_view path = target_path(sent);
  request.args = {start, size};
  request.has_args = size > 0;
  exchange.forward.uri = size > 0 ? arena.join(path, "?", request.args) : path;
}

}  // namespace pylon::plugin

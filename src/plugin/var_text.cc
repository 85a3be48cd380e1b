#include "plugin/var_text.h"

#include <algorithm>
#include <cstring>

#include "base/arena.h"
#include "base/strings.h"

namespace pylon::plugin {
namespace {

bool is_name_char(char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '.'; }

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 4 && std::all_of(text.begin(), text.end(), is_digit);
}

// Where a variable stands in a text.
struct Reference {
  size_t start = std::string_view::npos;  // of the '$'
  size_t end = 0;
  std::string_view expression;
};

std::string_view leading_digits(std::string_view text) {
  auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  return text.substr(0, static_cast<size_t>(end - text.begin()));
}

Reference reference_at(std::string_view text, size_t dollar, bool with_captures) {
  std::string_view rest = text.substr(dollar + 1);
  if (!rest.empty() && rest[0] == '{') {
    size_t close = rest.find('}');
    if (close == std::string_view::npos || trim(rest.substr(1, close - 1)).empty()) return {};
    return {dollar, dollar + 2 + close, trim(rest.substr(1, close - 1))};
  }
  std::string_view name = with_captures ? leading_digits(rest) : std::string_view{};
  if (name.empty()) {
    auto end = std::find_if_not(rest.begin(), rest.end(), is_name_char);
    name = rest.substr(0, static_cast<size_t>(end - rest.begin()));
  }
  if (name.empty()) return {};
  return {dollar, dollar + 1 + name.size(), name};
}

Reference next_reference(std::string_view text, size_t from, bool with_captures) {
  while (true) {
    size_t dollar = text.find('$', from);
    if (dollar == std::string_view::npos) return {};
    bool escaped = dollar > 0 && text[dollar - 1] == '\\';
    Reference found = escaped ? Reference{} : reference_at(text, dollar, with_captures);
    if (found.start != std::string_view::npos) return found;
    from = dollar + 1;
  }
}

}  // namespace

VarText::VarText(std::string_view text, bool with_captures) {
  size_t done = 0;
  while (true) {
    Reference found = next_reference(text, done, with_captures);
    if (found.start == std::string_view::npos) break;
    add_literal(text.substr(done, found.start - done));
    add_variable(found.expression, with_captures);
    done = found.end;
  }
  add_literal(text.substr(done));
}

void VarText::add_literal(std::string_view text) {
  if (text.empty()) return;
  pieces_.emplace_back().literal = text;
}

void VarText::add_variable(std::string_view expression, bool with_captures) {
  Piece& piece = pieces_.emplace_back();
  if (with_captures && is_number(expression)) {
    piece.group = static_cast<int>(*parse_int(expression));
    return;
  }
  size_t mark = expression.find("??");
  piece.variable = expr::Variable::compile(trim(expression.substr(0, mark)));
  if (mark == std::string_view::npos) return;
  piece.has_default = true;
  piece.literal = trim(expression.substr(mark + 2));
}

std::string_view VarText::value_of(const Piece& piece, http::Exchange& exchange,
                                   const Captures* captures, Escape escape,
                                   size_t& resolved) const {
  if (piece.group >= 0) {
    auto group = static_cast<size_t>(piece.group);
    return captures != nullptr ? (*captures)[group] : std::string_view{};
  }
  if (!piece.variable) return piece.literal;
  std::string_view value = piece.variable->value(exchange);
  if (value.data() == nullptr) {
    if (!piece.has_default) return {};
    value = piece.literal;
  }
  ++resolved;
  return escape != nullptr ? escape(value, exchange.arena) : value;
}

VarText::Rendered VarText::render(http::Exchange& exchange, const Captures* captures,
                                  Escape escape) const {
  size_t resolved = 0;
  if (pieces_.empty()) return {"", 0};
  if (pieces_.size() == 1) {
    std::string_view only = value_of(pieces_[0], exchange, captures, escape, resolved);
    return {only.data() != nullptr ? only : std::string_view(""), resolved};
  }
  auto* values = exchange.arena.make_array<std::string_view>(pieces_.size());
  size_t size = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    values[i] = value_of(pieces_[i], exchange, captures, escape, resolved);
    size += values[i].size();
  }
  char* start = exchange.arena.bytes(size);
  char* to = start;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (values[i].empty()) continue;
    std::memcpy(to, values[i].data(), values[i].size());
    to += values[i].size();
  }
  return {{start, size}, resolved};
}

bool VarText::has_variables() const {
  return std::any_of(pieces_.begin(), pieces_.end(), [](const Piece& piece) {
    return piece.variable.has_value() || piece.group >= 0;
  });
}

bool VarText::needs_body() const {
  return std::any_of(pieces_.begin(), pieces_.end(), [](const Piece& piece) {
    return piece.variable.has_value() && piece.variable->needs_body();
  });
}

}  // namespace pylon::plugin

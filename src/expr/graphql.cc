#include "expr/graphql.h"

#include <algorithm>

#include "base/strings.h"

namespace pylon::expr {
namespace {

size_t max_bytes = 1 << 20;

constexpr int kMaxDepth = 64;

struct Token {
  enum class Kind : uint8_t { end, name, punctuator, value, bad } kind = Kind::end;
  std::string_view text;
};

bool is_name_octet(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  Token next() {
    skip_ignored();
    if (rest_.empty()) return {};
    char c = rest_.front();
    if (is_alpha(c) || c == '_') return take(Token::Kind::name, name_bytes());
    if (is_digit(c) || c == '-') return take(Token::Kind::value, number_bytes());
    if (c == '"') return string();
    if (rest_.starts_with("...")) return take(Token::Kind::punctuator, 3);
    bool known = std::string_view("!$&():=@[]{|}").find(c) != std::string_view::npos;
    return take(known ? Token::Kind::punctuator : Token::Kind::bad, 1);
  }

 private:
  Token take(Token::Kind kind, size_t bytes) {
    Token token{kind, rest_.substr(0, bytes)};
    rest_.remove_prefix(bytes);
    return token;
  }

  void skip_ignored() {
    while (!rest_.empty()) {
      if (rest_.starts_with("\xef\xbb\xbf")) {
        rest_.remove_prefix(3);
      } else if (rest_.front() == '#') {
        rest_.remove_prefix(std::min(rest_.find_first_of("\r\n"), rest_.size()));
      } else if (std::string_view(" \t\r\n,").find(rest_.front()) != std::string_view::npos) {
        rest_.remove_prefix(1);
      } else {
        return;
      }
    }
  }

  size_t name_bytes() const {
    auto end = std::find_if_not(rest_.begin(), rest_.end(), is_name_octet);
    return static_cast<size_t>(end - rest_.begin());
  }

  size_t number_bytes() const {
    size_t bytes = 1;
    while (bytes < rest_.size() && (is_name_octet(rest_[bytes]) ||
                                    std::string_view("+-.").find(rest_[bytes]) != rest_.npos))
      ++bytes;
    return bytes;
  }

  Token string() {
    if (rest_.starts_with("\"\"\"")) return block_string();
    for (size_t i = 1; i < rest_.size() && rest_[i] != '\n' && rest_[i] != '\r'; ++i) {
      if (rest_[i] == '"') return take(Token::Kind::value, i + 1);
      if (rest_[i] == '\\') ++i;
    }
    return take(Token::Kind::bad, rest_.size());
  }

  Token block_string() {
    for (size_t at = rest_.find("\"\"\"", 3); at != rest_.npos; at = rest_.find("\"\"\"", at + 3)) {
      if (rest_[at - 1] != '\\') return take(Token::Kind::value, at + 3);
    }
    return take(Token::Kind::bad, rest_.size());
  }

  std::string_view rest_;
};

// Recursive descent; each function answers whether what it names stood there.
class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) { advance(); }

  bool document(GraphqlOperation& first) {
    if (!definition(first)) return false;
    while (token_.kind != Token::Kind::end) {
      GraphqlOperation other;
      if (!definition(other)) return false;
    }
    return true;
  }

 private:
  void advance() { token_ = lexer_.next(); }
  bool at_name() const { return token_.kind == Token::Kind::name; }
  bool at(std::string_view punctuator) const {
    return token_.kind == Token::Kind::punctuator && token_.text == punctuator;
  }
  bool skip(std::string_view punctuator) {
    if (!at(punctuator)) return false;
    advance();
    return true;
  }
  bool name(std::string_view& text) {
    if (!at_name()) return false;
    text = token_.text;
    advance();
    return true;
  }
  bool name() {
    std::string_view ignored;
    return name(ignored);
  }

  bool definition(GraphqlOperation& found) {
    if (at("{")) {
      found.operation = "query";
      return selections(&found.root_fields, 0);
    }
    std::string_view keyword;
    if (!name(keyword)) return false;
    if (keyword == "fragment") {
      std::string_view on;
      if (!name(found.name) || !name(on) || on != "on" || !name()) return false;
    } else if (keyword == "query" || keyword == "mutation" || keyword == "subscription") {
      found.operation = keyword;
      name(found.name);
      if (at("(") && !variables()) return false;
    } else {
      return false;
    }
    return directives() && selections(&found.root_fields, 0);
  }

  bool variables() {
    advance();
    while (!skip(")")) {
      if (!skip("$") || !name() || !skip(":") || !type(0)) return false;
      if (skip("=") && !value(0)) return false;
      if (!directives()) return false;
    }
    return true;
  }

  bool type(int depth) {
    if (depth > kMaxDepth) return false;
    if (skip("[")) {
      if (!type(depth + 1) || !skip("]")) return false;
    } else if (!name()) {
      return false;
    }
    skip("!");
    return true;
  }

  bool value(int depth) {
    if (depth > kMaxDepth) return false;
    if (skip("$")) return name();
    if (skip("[")) {
      while (!skip("]")) {
        if (!value(depth + 1)) return false;
      }
      return true;
    }
    if (skip("{")) return members("}", depth);
    bool scalar = token_.kind == Token::Kind::value || at_name();
    advance();
    return scalar;
  }

  // Name ":" value, up to the closing punctuator.
  bool members(std::string_view close, int depth) {
    while (!skip(close)) {
      if (!name() || !skip(":") || !value(depth + 1)) return false;
    }
    return true;
  }

  bool directives() {
    while (skip("@")) {
      if (!name()) return false;
      if (skip("(") && !members(")", 0)) return false;
    }
    return true;
  }

  bool selections(std::vector<std::string_view>* names, int depth) {
    if (depth > kMaxDepth || !skip("{") || at("}")) return false;
    while (!skip("}")) {
      if (!selection(names, depth)) return false;
    }
    return true;
  }

  bool selection(std::vector<std::string_view>* names, int depth) {
    if (skip("...")) return spread(names, depth);
    std::string_view text;
    if (!name(text) || (skip(":") && !name(text))) return false;
    if (names != nullptr) names->push_back(text);
    if (skip("(") && !members(")", 0)) return false;
    if (!directives()) return false;
    return !at("{") || selections(nullptr, depth + 1);
  }

  // "...name", "... on Type {...}" or "... {...}", the dots being taken.
  bool spread(std::vector<std::string_view>* names, int depth) {
    std::string_view text;
    bool named = name(text);
    if (named && text != "on") {
      if (names != nullptr) names->push_back(text);
      return directives();
    }
    if (named && !name()) return false;
    return directives() && selections(nullptr, depth + 1);
  }

  Lexer lexer_;
  Token token_;
};

}  // namespace

void set_max_graphql_bytes(size_t bytes) { max_bytes = bytes; }

size_t max_graphql_bytes() { return max_bytes; }

std::optional<GraphqlOperation> parse_graphql(std::string_view text) {
  GraphqlOperation first;
  Parser parser(text);
  if (!parser.document(first)) return std::nullopt;
  return first;
}

}  // namespace pylon::expr

#include "plugins/field_edits.h"

#include "base/strings.h"
#include "observe/log.h"

namespace pylon::plugins {

using http::Exchange;
using http::Fields;

// ---- values

namespace {

// `$12` or `${12}` in a text; a backslash before it makes it text.
struct GroupReference {
  size_t start;
  size_t end;
  size_t group;
};

bool find_group(std::string_view text, size_t from, GroupReference& found) {
  constexpr size_t kMaxDigits = 3;
  for (size_t at = text.find('$', from); at != text.npos; at = text.find('$', at + 1)) {
    if (at > 0 && text[at - 1] == '\\') continue;
    bool braced = text.substr(at + 1).starts_with('{');
    size_t first = at + (braced ? 2 : 1);
    size_t last = first;
    while (last < text.size() && last < first + kMaxDigits && is_digit(text[last])) ++last;
    bool closed = !braced || text.substr(last).starts_with('}');
    if (last == first || !closed) continue;
    auto group = static_cast<size_t>(*parse_uint(text.substr(first, last - first)));
    found = {at, last + (braced ? 1 : 0), group};
    return true;
  }
  return false;
}

}  // namespace

FieldText FieldText::compile(std::string_view text, bool with_captures) {
  FieldText compiled;
  size_t done = 0;
  GroupReference found;
  while (with_captures && find_group(text, done, found)) {
    std::string_view before = text.substr(done, found.start - done);
    compiled.pieces_.push_back({expr::Template::compile(before), found.group});
    done = found.end;
  }
  compiled.tail_ = expr::Template::compile(text.substr(done));
  return compiled;
}

std::string_view FieldText::render(Exchange& exchange, const Captures* captures) const {
  std::string_view text;
  for (const Piece& piece : pieces_) {
    std::string_view group = captures != nullptr ? (*captures)[piece.group] : std::string_view{};
    text = exchange.arena.join(text, piece.before.render(exchange), group);
  }
  std::string_view tail = tail_.render(exchange);
  return text.empty() ? tail : exchange.arena.join(text, tail);
}

// ---- compiling

class FieldEdits::Compiler {
 public:
  explicit Compiler(Groups groups) : with_captures_(groups == Groups::captures) {}

  // Names with a value each, or an array of values.
  Result<void> add_members(const Json& members, std::vector<Edit>& to) const {
    for (const auto& [name, value] : members.members()) {
      if (name.empty()) return fail("invalid field length in header");
      Edit edit{name, http::field_id(name), {}};
      if (!value.is_array()) {
        if (auto added = add_value(value, edit); !added) return added;
      }
      for (const Json& item : value.items()) {
        if (auto added = add_value(item, edit); !added) return added;
      }
      if (auto kept = keep(std::move(edit), to); !kept) return kept;
    }
    return {};
  }

  // "Name: value", each.
  Result<void> add_lines(const Json& lines, std::vector<Edit>& to) const {
    for (const Json& line : lines.items()) {
      std::string_view text = line.as_string();
      size_t colon = text.find(':');
      if (colon == text.npos) return fail("invalid field length in header");
      std::string name(trim(text.substr(0, colon)));
      Edit edit{name, http::field_id(name), {}};
      if (auto added = add_value(Json(trim(text.substr(colon + 1))), edit); !added) return added;
      if (auto kept = keep(std::move(edit), to); !kept) return kept;
    }
    return {};
  }

  Result<void> add_names(const Json& names, std::vector<Edit>& to) const {
    for (const Json& item : names.items()) {
      std::string name(item.as_string());
      if (auto kept = keep({name, http::field_id(name), {}}, to); !kept) return kept;
    }
    return {};
  }

 private:
  Result<void> add_value(const Json& value, Edit& edit) const {
    if (!value.is_string() && !value.is_number()) return fail("invalid type as header value");
    std::string text = value.is_string() ? std::string(value.as_string()) : value.dump();
    if (!http::valid_field_value(text)) return fail("invalid value character in header");
    edit.values.push_back(FieldText::compile(text, with_captures_));
    return {};
  }

  static Result<void> keep(Edit edit, std::vector<Edit>& to) {
    if (!http::valid_field_name(edit.name)) return fail("invalid field character in header");
    to.push_back(std::move(edit));
    return {};
  }

  bool with_captures_;
};

Result<FieldEdits> FieldEdits::compile(const Json& headers, Groups groups) {
  auto part = [&](std::string_view name) -> const Json* {
    const Json* found = headers.find(name);
    return found != nullptr && (found->is_object() || found->is_array()) ? found : nullptr;
  };
  const Json* add = part("add");
  const Json* set = part("set");
  const Json* remove = part("remove");
  if (add == nullptr && set == nullptr && remove == nullptr) set = &headers;  // the older form

  FieldEdits edits;
  Compiler compiler(groups);
  Result<void> done;
  if (add != nullptr && add->is_object()) done = compiler.add_members(*add, edits.added_);
  if (done && add != nullptr && add->is_array()) done = compiler.add_lines(*add, edits.added_);
  if (done && set != nullptr) done = compiler.add_members(*set, edits.set_);
  if (done && remove != nullptr) done = compiler.add_names(*remove, edits.removed_);
  if (!done) return tl::unexpected(done.error());
  return edits;
}

// ---- applying

namespace {

bool may_stand(std::string_view name, std::string_view value) {
  if (value.empty()) return false;
  if (http::valid_field_value(value)) return true;
  observe::log(observe::Level::warn, "field {} left out: its value has control characters", name);
  return false;
}

}  // namespace

void FieldEdits::apply(Exchange& exchange, Fields& fields, const Captures* captures) const {
  for (const Edit& edit : added_) {
    for (const FieldText& text : edit.values) {
      std::string_view value = text.render(exchange, captures);
      if (may_stand(edit.name, value)) fields.push(edit.id, edit.name, value);
    }
  }
  for (const Edit& edit : set_) {
    bool placed = false;
    for (const FieldText& text : edit.values) {
      std::string_view value = text.render(exchange, captures);
      if (!may_stand(edit.name, value)) continue;
      if (placed) {
        fields.push(edit.id, edit.name, value);
      } else {
        fields.set(edit.name, value);
        placed = true;
      }
    }
    if (!placed) fields.remove(edit.name);
  }
  for (const Edit& edit : removed_) fields.remove(edit.name);
}

uint64_t FieldEdits::removed_bits() const {
  uint64_t bits = 0;
  for (const Edit& edit : removed_) bits |= uint64_t{1} << static_cast<int>(edit.id);
  return bits;
}

}  // namespace pylon::plugins

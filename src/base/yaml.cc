#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include "base/json_pointer.h"
#include "base/yaml_scalar.h"

namespace pylon {
namespace {

constexpr size_t kLinearKeys = 16;  // above this a table finds duplicate keys

struct Event {
  yaml_event_t raw{};

  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&raw); }

  uint32_t line() const { return static_cast<uint32_t>(raw.start_mark.line) + 1; }
  std::string_view scalar() const {
    return {reinterpret_cast<const char*>(raw.data.scalar.value), raw.data.scalar.length};
  }
};

std::string_view text_of(const yaml_char_t* text) {
  return text != nullptr ? reinterpret_cast<const char*>(text) : std::string_view();
}

// Builds the value from libyaml's events. Errors end the reading: error_ is set and false returned.
class Reader {
 public:
  Reader(std::string_view text, const YamlLimits& limits) : limits_(limits) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { yaml_parser_delete(&parser_); }

  Result<YamlDocument> read() {
    if (!read_stream()) return fail(std::move(error_));
    return std::move(document_);
  }

 private:
  struct Anchor {
    Json value;
    size_t nodes;
  };
  struct Mapping {
    Json::Object members;
    StringSet keys;            // only when there are many
    std::vector<Json> merges;  // what << named, in order
  };

  bool stop(uint32_t line, std::string_view message) {
    error_ = fmt::format("line {}: {}", line, message);
    return false;
  }

  bool next(Event& event) {
    if (yaml_parser_parse(&parser_, &event.raw)) return true;
    size_t line = parser_.problem_mark.line;
    if (parser_.error == YAML_READER_ERROR) line = parser_.mark.line;
    return stop(static_cast<uint32_t>(line) + 1,
                parser_.problem != nullptr ? parser_.problem : "out of memory");
  }

  bool read_stream() {
    Event start, document, end;
    if (!next(start) || !next(document)) return false;
    if (document.raw.type == YAML_STREAM_END_EVENT) return true;
    Event root;
    if (!next(root) || !read_node(root, document_.value)) return false;
    Event document_end;
    if (!next(document_end) || !next(end)) return false;
    if (end.raw.type == YAML_STREAM_END_EVENT) return true;
    return stop(end.line(), "a second document begins here");
  }

  bool read_node(const Event& event, Json& value) {
    if (!count(event.line(), 1)) return false;
    if (pointer_.empty()) remember_line(event.line());
    size_t before = nodes_;
    switch (event.raw.type) {
      case YAML_ALIAS_EVENT:
        return read_alias(event, value);
      case YAML_SCALAR_EVENT:
        return read_scalar(event, value) &&
               keep_anchor(event, text_of(event.raw.data.scalar.anchor), value, before);
      case YAML_SEQUENCE_START_EVENT:
        return read_sequence(event, value) &&
               keep_anchor(event, text_of(event.raw.data.sequence_start.anchor), value, before);
      case YAML_MAPPING_START_EVENT:
        return read_mapping(event, value) &&
               keep_anchor(event, text_of(event.raw.data.mapping_start.anchor), value, before);
      default:
        return stop(event.line(), "a value is missing");
    }
  }

  bool count(uint32_t line, size_t nodes) {
    nodes_ += nodes;
    return within_limit(line);
  }

  bool within_limit(uint32_t line) {
    if (nodes_ + copied_ <= limits_.max_nodes) return true;
    return stop(line, fmt::format("more than {} values, aliases expanded", limits_.max_nodes));
  }

  bool enter(uint32_t line) {
    if (++depth_ <= limits_.max_depth) return true;
    return stop(line, fmt::format("nested deeper than {} levels", limits_.max_depth));
  }

  void remember_line(uint32_t line) {
    if (limits_.keep_lines) document_.lines.emplace(pointer_, line);
  }

  // The copy that is kept for aliases counts as much as the value itself.
  bool keep_anchor(const Event& event, std::string_view name, const Json& value,
                   size_t nodes_before) {
    if (name.empty()) return true;
    size_t nodes = nodes_ - nodes_before + 1;
    anchors_.insert_or_assign(std::string(name), Anchor{value, nodes});
    copied_ += nodes;
    return within_limit(event.line());
  }

  bool read_alias(const Event& event, Json& value) {
    std::string_view name = text_of(event.raw.data.alias.anchor);
    auto anchor = anchors_.find(name);
    if (anchor == anchors_.end()) return stop(event.line(), fmt::format("unknown alias *{}", name));
    if (!count(event.line(), anchor->second.nodes)) return false;
    value = anchor->second.value;
    return true;
  }

  bool read_scalar(const Event& event, Json& value) {
    const auto& scalar = event.raw.data.scalar;
    std::string_view tag = text_of(scalar.tag);
    bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (tag.empty()) {
      value = plain ? read_plain_scalar(event.scalar()) : Json(event.scalar());
      return true;
    }
    if (tag == "!" || tag == YAML_STR_TAG) {
      value = Json(event.scalar());
      return true;
    }
    value = read_plain_scalar(event.scalar());
    bool fits =
        (tag == YAML_NULL_TAG && value.is_null()) || (tag == YAML_BOOL_TAG && value.is_bool()) ||
        (tag == YAML_INT_TAG && value.is_integer()) || (tag == YAML_FLOAT_TAG && value.is_number());
    return fits || stop(event.line(), fmt::format("the value does not fit the tag {}", tag));
  }

  bool read_sequence(const Event& start, Json& value) {
    if (!enter(start.line())) return false;
    Json::Array items;
    const size_t own_length = pointer_.size();
    while (true) {
      Event event;
      if (!next(event)) return false;
      if (event.raw.type == YAML_SEQUENCE_END_EVENT) break;
      append_step(pointer_, std::to_string(items.size()));
      remember_line(event.line());
      if (!read_node(event, items.emplace_back())) return false;
      pointer_.resize(own_length);
    }
    --depth_;
    value = Json(std::move(items));
    return true;
  }

  bool read_mapping(const Event& start, Json& value) {
    if (!enter(start.line())) return false;
    Mapping mapping;
    while (true) {
      Event key;
      if (!next(key)) return false;
      if (key.raw.type == YAML_MAPPING_END_EVENT) break;
      if (!read_member(key, mapping)) return false;
    }
    --depth_;
    for (Json& merged : mapping.merges) merge(mapping, std::move(merged));
    value = Json(std::move(mapping.members));
    return true;
  }

  bool read_member(const Event& key, Mapping& mapping) {
    if (key.raw.type != YAML_SCALAR_EVENT) return stop(key.line(), "a key must be a scalar");
    std::string name(key.scalar());
    Event event;
    if (!next(event)) return false;
    const size_t own_length = pointer_.size();
    append_step(pointer_, name);
    if (name == "<<" && key.raw.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
      if (!read_merge(event, mapping)) return false;
    } else {
      if (is_known(mapping, name)) return stop(key.line(), fmt::format("duplicate key {}", name));
      remember_line(key.line());
      remember_key(mapping, name);
      mapping.members.emplace_back(std::move(name), Json());
      if (!read_node(event, mapping.members.back().second)) return false;
    }
    pointer_.resize(own_length);
    return true;
  }

  bool read_merge(const Event& event, Mapping& mapping) {
    Json named;
    if (!read_node(event, named)) return false;
    Json::Array all = named.is_array() ? named.items() : Json::Array{named};
    for (Json& each : all) {
      if (!each.is_object()) return stop(event.line(), "<< must name a mapping");
      mapping.merges.push_back(std::move(each));
    }
    return true;
  }

  // Members that are not there yet; what is written beside << wins, then the first merge.
  void merge(Mapping& mapping, Json from) {
    for (auto& [name, value] : from.members()) {
      if (is_known(mapping, name)) continue;
      remember_key(mapping, name);
      mapping.members.emplace_back(name, std::move(value));
    }
  }

  static bool is_known(const Mapping& mapping, std::string_view name) {
    if (!mapping.keys.empty()) return mapping.keys.contains(name);
    for (const Json::Member& member : mapping.members) {
      if (member.first == name) return true;
    }
    return false;
  }

  static void remember_key(Mapping& mapping, const std::string& name) {
    if (mapping.members.size() < kLinearKeys) return;
    if (mapping.keys.empty()) {
      for (const Json::Member& member : mapping.members) mapping.keys.insert(member.first);
    }
    mapping.keys.insert(name);
  }

  const YamlLimits& limits_;
  yaml_parser_t parser_;
  YamlDocument document_;
  std::string error_;
  std::string pointer_;  // of the node being read
  StringMap<Anchor> anchors_;
  size_t nodes_ = 0;   // in the value
  size_t copied_ = 0;  // kept for aliases
  size_t depth_ = 0;
};

}  // namespace

uint32_t YamlDocument::line_of(std::string_view pointer) const {
  auto line = lines.find(pointer);
  return line != lines.end() ? line->second : 0;
}

Result<YamlDocument> parse_yaml(std::string_view text, const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return fail(fmt::format("YAML of {} bytes is larger than the limit of {}", text.size(),
                            limits.max_bytes));
  }
  return Reader(text, limits).read();
}

Result<YamlDocument> parse_yaml(std::string_view text) { return parse_yaml(text, YamlLimits{}); }

}  // namespace pylon

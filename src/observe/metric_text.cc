#include "observe/metric_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/strings.h"

namespace pylon::observe {
namespace {

bool is_name_char(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }

std::string_view type_word(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "untyped";
}

void append_escaped(std::string& out, std::string_view value, bool quotes) {
  bool utf8 = is_valid_utf8(value);
  for (char c : value) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += utf8 || static_cast<unsigned char>(c) < 0x80 ? c : '?';
    }
  }
}

}  // namespace

bool valid_label_name(std::string_view name) {
  return !name.empty() && !is_digit(name[0]) && std::all_of(name.begin(), name.end(), is_name_char);
}

bool valid_metric_name(std::string_view name) {
  return !name.empty() && !is_digit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_name_char(c) || c == ':'; });
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += ',';
  out += name;
  out += "=\"";
  append_escaped(out, value, true);
  out += '"';
}

std::string metric_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

void MetricText::family(std::string_view name, std::string_view help, MetricType type) {
  name_ = name;
  text_ += "# HELP ";
  text_ += name;
  text_ += ' ';
  append_escaped(text_, help, false);
  text_ += "\n# TYPE ";
  text_ += name;
  text_ += ' ';
  text_ += type_word(type);
  text_ += '\n';
}

void MetricText::sample(std::span<const Label> labels, double value) {
  std::string rendered;
  for (const Label& label : labels) append_label(rendered, label.first, label.second);
  sample("", rendered, value);
}

void MetricText::sample(std::string_view suffix, std::string_view rendered_labels, double value) {
  text_ += name_;
  text_ += suffix;
  if (!rendered_labels.empty()) {
    text_ += '{';
    text_ += rendered_labels;
    text_ += '}';
  }
  text_ += ' ';
  text_ += metric_number(value);
  text_ += '\n';
}

}  // namespace pylon::observe

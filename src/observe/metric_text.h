// MetricText: writes the Prometheus text exposition format, version 0.0.4.
//
// Names and label names must be valid (valid_metric_name); label values are escaped, and bytes that
// are no UTF-8 become '?', since a scraper refuses the whole page for one of them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace pylon::observe {

enum class MetricType { counter, gauge, histogram };

bool valid_metric_name(std::string_view name);  // [a-zA-Z_:][a-zA-Z0-9_:]*
bool valid_label_name(std::string_view name);   // [a-zA-Z_][a-zA-Z0-9_]*

class MetricText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;

  // Starts a family; its samples follow at once.
  void family(std::string_view name, std::string_view help, MetricType type);
  void sample(std::span<const Label> labels, double value);
  void sample(double value) { sample({}, value); }
  // With labels that are rendered already, and a suffix of the family's name ("_bucket").
  void sample(std::string_view suffix, std::string_view rendered_labels, double value);

  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

// Appends name="value", after a comma when `out` is not empty.
void append_label(std::string& out, std::string_view name, std::string_view value);

// As Prometheus reads it: 1, 0.5, 1e+20, +Inf, NaN.
std::string metric_number(double value);

}  // namespace pylon::observe

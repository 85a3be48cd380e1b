#include "expr/variable.h"

#include <algorithm>
#include <atomic>

#include "base/strings.h"
#include "expr/body_variables.h"
#include "expr/getters.h"

namespace pylon::expr {
namespace {

std::atomic<bool> wants_upstream_fields = false;
thread_local uint64_t body_variables = 0;

std::string_view absent(const Operand&, http::Exchange&) { return {}; }

const Family* find_family(std::string_view name) {
  for (auto families : {head_families(), body_families()}) {
    for (const Family& family : families) {
      if (name.starts_with(family.prefix)) return &family;
    }
  }
  return nullptr;
}

Variable::Getter find_named(std::string_view name) {
  for (auto group : {request_variables(), connection_variables(), tls_variables(),
                     outcome_variables(), upstream_variables()}) {
    for (const Named& named : group) {
      if (named.name == name) return named.get;
    }
  }
  return absent;
}

}  // namespace

uint64_t body_variables_compiled() { return body_variables; }

bool upstream_fields_wanted() { return wants_upstream_fields.load(std::memory_order_relaxed); }

Variable Variable::compile(std::string_view name) {
  Variable variable;
  variable.get_ = find_named(name);
  const Family* family = find_family(name);
  if (variable.get_ != absent || family == nullptr) return variable;
  if (family->prefix == "upstream_http_") wants_upstream_fields = true;
  variable.get_ = family->get;
  variable.get_json_ = family->get_json;
  variable.needs_body_ = family->needs_body;
  if (family->needs_body) body_variables++;
  variable.operand_ = name.substr(family->prefix.size());
  if (family->is_field) {
    std::string field = to_lower(variable.operand_);
    std::replace(field.begin(), field.end(), '-', '_');
    variable.operand_ = field;
    std::replace(field.begin(), field.end(), '_', '-');
    variable.field_ = http::field_id(field);
  }
  return variable;
}

bool Variable::known() const { return get_ != absent; }

}  // namespace pylon::expr

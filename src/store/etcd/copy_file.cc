#include "store/etcd/copy_file.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/json.h"

namespace pylon::store::etcd {
namespace {

constexpr int64_t kFormat = 1;

template <class T>
bool take_number(std::string_view& text, T& number, char end) {
  auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool good = error == std::errc{} && last != text.data() + text.size() && *last == end;
  if (good) text.remove_prefix(static_cast<size_t>(last - text.data()) + 1);
  return good;
}

bool take_octets(std::string_view& text, size_t count, std::string& into) {
  if (count > text.size()) return false;
  into = text.substr(0, count);
  text.remove_prefix(count);
  return true;
}

bool take_entry(std::string_view& text, Entry& entry) {
  size_t key = 0;
  size_t value = 0;
  bool good = take_number(text, key, ' ') && take_number(text, value, ' ') &&
              take_number(text, entry.create_revision, ' ') &&
              take_number(text, entry.mod_revision, '\n') && take_octets(text, key, entry.key) &&
              take_octets(text, value, entry.value) && text.starts_with('\n');
  if (good) text.remove_prefix(1);
  return good;
}

std::string_view text_of(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value != nullptr ? value->as_string() : std::string_view{};
}

int64_t number_of(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value != nullptr ? value->as_int(-1) : -1;
}

}  // namespace

std::string write_copy(const Copy& copy) {
  std::string body;
  for (const auto& entry : copy.entries) {
    fmt::format_to(std::back_inserter(body), "{} {} {} {}\n", entry->key.size(),
                   entry->value.size(), entry->create_revision, entry->mod_revision);
    body.append(entry->key).append(entry->value).append("\n");
  }
  Json head = Json::object({{"pylon_copy", Json(kFormat)},
                            {"cluster", Json(std::to_string(copy.cluster_id))},
                            {"revision", Json(copy.revision)},
                            {"saved", Json(copy.saved_s)},
                            {"bytes", Json(static_cast<int64_t>(body.size()))},
                            {"digest", Json(digest_hex(body))}});
  return head.dump() + "\n" + body;
}

Result<Copy> read_copy(std::string_view text) {
  size_t line = text.find('\n');
  Result<Json> head = Json::parse(text.substr(0, line));
  if (line == text.npos || !head || number_of(*head, "pylon_copy") != kFormat) {
    return fail("it is no copy that this version knows");
  }
  std::string_view body = text.substr(line + 1);
  if (number_of(*head, "bytes") != static_cast<int64_t>(body.size()) ||
      text_of(*head, "digest") != digest_hex(body)) {
    return fail("it is damaged: its digest does not fit");
  }
  Copy copy;
  std::string cluster = std::string(text_of(*head, "cluster")) + "\n";
  std::string_view rest = cluster;
  copy.revision = number_of(*head, "revision");
  copy.saved_s = number_of(*head, "saved");
  if (!take_number(rest, copy.cluster_id, '\n') || copy.revision <= 0) {
    return fail("its first line lacks a revision or a cluster");
  }
  while (!body.empty()) {
    auto entry = std::make_shared<Entry>();
    if (!take_entry(body, *entry)) return fail("an entry in it is broken");
    copy.entries.push_back(std::move(entry));
  }
  return copy;
}

}  // namespace pylon::store::etcd

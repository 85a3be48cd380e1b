#include "store/store.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace pylon::store {

// In the order of the keys, what a prefix covers comes right behind it.
std::optional<Failure> fault_of(const Transaction& transaction) {
  std::vector<const Operation*> ordered;
  for (const Operation& operation : transaction.operations) ordered.push_back(&operation);
  std::sort(ordered.begin(), ordered.end(), [](const Operation* a, const Operation* b) {
    bool is_prefix = a->kind == Operation::Kind::erase_prefix;
    bool b_is_prefix = b->kind == Operation::Kind::erase_prefix;
    return a->key != b->key ? a->key < b->key : is_prefix && !b_is_prefix;
  });
  for (size_t i = 1; i < ordered.size(); ++i) {
    const Operation& before = *ordered[i - 1];
    const std::string& key = ordered[i]->key;
    bool covered = before.kind == Operation::Kind::erase_prefix && key.starts_with(before.key);
    if (!covered && key != before.key) continue;
    return Failure{Failure::Kind::refused, "two operations of a transaction touch the key " + key};
  }
  return std::nullopt;
}

std::string end_of_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

async::Task<Outcome<Committed>> Store::put(std::string key, std::string value, PutOptions options) {
  Transaction one;
  if (options.expected_mod_revision) {
    one.compares.push_back({key, *options.expected_mod_revision});
  }
  one.operations.push_back({Operation::Kind::put, std::move(key), std::move(value), options.ttl_s});
  one.origin = std::move(options.origin);
  return transaction(std::move(one));
}

async::Task<Outcome<Committed>> Store::erase(std::string key, Origin origin) {
  Transaction one;
  one.operations.push_back({Operation::Kind::erase, std::move(key)});
  one.origin = std::move(origin);
  return transaction(std::move(one));
}

}  // namespace pylon::store

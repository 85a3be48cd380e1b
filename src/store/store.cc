#include "store/store.h"

#include <utility>

namespace pylon::store {

std::optional<Failure> fault_of(const Transaction& transaction) {
  const auto& operations = transaction.operations;
  for (size_t i = 0; i < operations.size(); ++i) {
    for (size_t j = 0; j < operations.size(); ++j) {
      bool prefix = operations[j].kind == Operation::Kind::erase_prefix;
      bool touches = prefix ? operations[i].key.starts_with(operations[j].key)
                            : operations[i].key == operations[j].key;
      if (i == j || !touches) continue;
      return Failure{Failure::Kind::refused,
                     "two operations of a transaction touch the key " + operations[i].key};
    }
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

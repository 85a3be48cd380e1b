// Scan: goes through all keys that begin with a prefix, in their order, some at a time: whoever
// works on them gives the loop a turn before the next ones, and holds no more than these.
//
// A key that is there all the time is met once, with a value that it had meanwhile.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "async/task.h"
#include "store/store.h"

namespace pylon::store {

class Scan {
 public:
  Scan(Store& store, std::string prefix) : store_(store), prefix_(std::move(prefix)) {}

  // The next ones; none: there are no more.
  async::Task<Outcome<std::vector<Entry>>> next();

 private:
  static constexpr size_t kMostKeys = 200;         // about a millisecond's work
  static constexpr size_t kMostBytes = 512 << 10;  // going by those before

  Store& store_;
  const std::string prefix_;
  std::string last_;
  size_t limit_ = kMostKeys;
  bool ended_ = false;
};

}  // namespace pylon::store

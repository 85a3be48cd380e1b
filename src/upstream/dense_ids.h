// DenseIds: small numbers for objects that workers keep state for, in arrays of their own.
//
// An id comes back when its owner dies; the serial beside it never does, so that a worker notices
// that its state belonged to another. Control thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ref.h"

namespace pylon::upstream {

class DenseIds {
 public:
  struct Id {
    uint32_t index = 0;
    uint64_t serial = 0;  // from 1
  };

  Id take() {
    uint32_t index = bound_;
    if (free_.empty()) {
      ++bound_;
    } else {
      index = free_.back();
      free_.pop_back();
    }
    return {index, ++last_serial_};
  }
  void give_back(Id id) { free_.push_back(id.index); }
  uint32_t bound() const { return bound_; }  // every index so far is below

 private:
  std::vector<uint32_t> free_;
  uint32_t bound_ = 0;
  uint64_t last_serial_ = 0;
};

// An id that several versions of one object share.
class SharedId final : public RefCounted {
 public:
  explicit SharedId(DenseIds& ids) : ids_(&ids), id_(ids.take()) {}
  ~SharedId() { ids_->give_back(id_); }
  SharedId(const SharedId&) = delete;
  SharedId& operator=(const SharedId&) = delete;

  const DenseIds::Id& id() const { return id_; }

 private:
  DenseIds* ids_;
  DenseIds::Id id_;
};

}  // namespace pylon::upstream

// DenseIds: small numbers for objects that workers keep state for, in arrays of their own.
//
// An id comes back when its owner dies; the serial beside it never does, so that a worker notices
// that its state belonged to another. Control thread. Copies are the same source of ids; it lives
// as long as a copy or an id of it does.
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
    uint32_t index = core_->bound;
    if (core_->free.empty()) {
      ++core_->bound;
    } else {
      index = core_->free.back();
      core_->free.pop_back();
    }
    return {index, ++core_->last_serial};
  }
  void give_back(Id id) { core_->free.push_back(id.index); }
  uint32_t bound() const { return core_->bound; }  // every index so far is below

 private:
  struct Core : RefCounted {
    std::vector<uint32_t> free;
    uint32_t bound = 0;
    uint64_t last_serial = 0;
  };

  Ref<Core> core_ = make_ref<Core>();
};

// An id that several versions of one object share.
class SharedId final : public RefCounted {
 public:
  explicit SharedId(const DenseIds& ids) : ids_(ids), id_(ids_.take()) {}
  ~SharedId() { ids_.give_back(id_); }
  SharedId(const SharedId&) = delete;
  SharedId& operator=(const SharedId&) = delete;

  const DenseIds::Id& id() const { return id_; }

 private:
  DenseIds ids_;
  DenseIds::Id id_;
};

}  // namespace pylon::upstream

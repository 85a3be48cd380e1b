// Ref<T>: a pointer that shares ownership by a plain counter inside the object.
//
// For configuration objects that many versions of a snapshot share. Only the control thread copies
// or drops a Ref; workers reach the object through a pinned version and never touch the counter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace pylon {

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) {}  // the counter belongs to the object, not to its value
  RefCounted& operator=(const RefCounted&) { return *this; }

  void retain() const { ++refs_; }
  bool release() const { return --refs_ == 0; }  // true: nobody is left, destroy it
  uint32_t refs() const { return refs_; }

 protected:
  ~RefCounted() = default;

 private:
  mutable uint32_t refs_ = 0;
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  requires std::is_convertible_v<U*, T*> Ref(const Ref<U>& other) : Ref(other.get()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr && object_->release()) delete object_;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref&) const = default;

 private:
  T* object_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

}  // namespace pylon

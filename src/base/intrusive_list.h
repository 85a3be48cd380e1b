// IntrusiveList: a doubly linked list through hooks in its elements. Owns nothing, allocates
// nothing.
#pragma once

#include <cstddef>

namespace pylon {

template <class T>
class IntrusiveList;

// Derive an element from it. An element is in at most one list, and leaves it when it dies.
template <class T>
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { leave(); }

  bool in_list() const { return list_ != nullptr; }
  void leave() {
    if (list_ != nullptr) list_->remove(*this);
  }

 private:
  friend class IntrusiveList<T>;
  IntrusiveList<T>* list_ = nullptr;
  ListHook* before_ = nullptr;
  ListHook* after_ = nullptr;
};

template <class T>
class IntrusiveList {
 public:
  using Hook = ListHook<T>;

  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (first_ != nullptr) remove(*first_);
  }

  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  T* front() const { return static_cast<T*>(first_); }
  T* back() const { return static_cast<T*>(last_); }
  static T* next(T& element) { return static_cast<T*>(static_cast<Hook&>(element).after_); }
  static T* previous(T& element) { return static_cast<T*>(static_cast<Hook&>(element).before_); }

  // Leaves the list that it is in, if any.
  void push_back(Hook& hook) {
    hook.leave();
    hook.list_ = this;
    hook.before_ = last_;
    hook.after_ = nullptr;
    (last_ != nullptr ? last_->after_ : first_) = &hook;
    last_ = &hook;
    size_++;
  }

 private:
  friend class ListHook<T>;
  void remove(Hook& hook) {
    (hook.before_ != nullptr ? hook.before_->after_ : first_) = hook.after_;
    (hook.after_ != nullptr ? hook.after_->before_ : last_) = hook.before_;
    hook.list_ = nullptr;
    size_--;
  }

  Hook* first_ = nullptr;
  Hook* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace pylon

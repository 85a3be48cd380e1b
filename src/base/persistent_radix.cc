#include "base/persistent_radix.h"

#include <algorithm>
#include <cstdlib>

namespace pylon {
namespace {

using Node = RadixCore::Node;

constexpr size_t node_bytes(size_t children, size_t prefix_bytes) {
  return sizeof(Node) + children * (sizeof(Node*) + 1) + prefix_bytes;
}

Node* make_node(std::string_view prefix, uint32_t children, uint64_t edit) {
  auto* node = static_cast<Node*>(std::malloc(node_bytes(children, prefix.size())));
  if (node == nullptr) std::abort();
  node->refs = 1;
  node->prefix_bytes = static_cast<uint32_t>(prefix.size());
  node->edit = edit;
  node->value = nullptr;
  node->child_count = children;
  if (!prefix.empty()) std::memcpy(node->prefix(), prefix.data(), prefix.size());
  return node;
}

uint32_t first_not_below(const Node& node, char first_byte) {
  const auto* labels = reinterpret_cast<const uint8_t*>(node.labels());
  auto byte = static_cast<uint8_t>(first_byte);
  return static_cast<uint32_t>(std::lower_bound(labels, labels + node.child_count, byte) - labels);
}

size_t common_bytes(std::string_view a, std::string_view b) {
  size_t limit = std::min(a.size(), b.size());
  return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + limit, b.begin()).first -
                             a.begin());
}

Node** slot_of_child(Node* node, char first_byte) {
  uint32_t at = first_not_below(*node, first_byte);
  bool found = at < node->child_count && node->labels()[at] == first_byte;
  return found ? &node->children()[at] : nullptr;
}

// A node of the same value and prefix whose children are `node`'s without the one at `index`.
Node* without_child(const Node* node, uint32_t index) {
  Node* smaller = make_node(node->prefix_view(), node->child_count - 1, node->edit);
  smaller->value = node->value;
  for (uint32_t from = 0, to = 0; from < node->child_count; ++from) {
    if (from == index) continue;
    smaller->children()[to] = node->children()[from];
    smaller->labels()[to++] = node->labels()[from];
  }
  return smaller;
}

}  // namespace

RadixCore::RadixCore(const RadixCore& other)
    : destroy_(other.destroy_), root_(other.root_), size_(other.size_) {
  if (root_ != nullptr) ++root_->refs;
}

RadixCore::RadixCore(RadixCore&& other) noexcept
    : destroy_(other.destroy_),
      root_(std::exchange(other.root_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

RadixCore& RadixCore::operator=(RadixCore other) noexcept {
  std::swap(destroy_, other.destroy_);
  std::swap(root_, other.root_);
  std::swap(size_, other.size_);
  return *this;
}

const RefCounted* RadixCore::find_exact(std::string_view key) const {
  size_t at = 0;
  const Node* node = root_;
  while (node != nullptr) {
    size_t bytes = node->prefix_bytes;
    if (key.size() - at < bytes ||
        std::memcmp(key.data() + at, node->prefix_view().data(), bytes) != 0) {
      return nullptr;
    }
    at += bytes;
    if (at == key.size()) return node->value;
    node = node->child(key[at]);
  }
  return nullptr;
}

// Makes the node in `slot` one that only this edit knows, copying it when it is shared.
Node* RadixCore::own(Node** slot, uint64_t edit) {
  Node* node = *slot;
  if (node->edit == edit) return node;
  Node* copy = make_node(node->prefix_view(), node->child_count, edit);
  std::memcpy(copy->children(), node->children(), node->child_count * sizeof(Node*));
  std::memcpy(copy->labels(), node->labels(), node->child_count);
  for (uint32_t i = 0; i < copy->child_count; ++i) ++copy->children()[i]->refs;
  set_value(copy, node->value);
  release(node);
  *slot = copy;
  return copy;
}

void RadixCore::set_value(Node* node, const RefCounted* value) {
  if (value != nullptr) value->retain();
  drop_value(std::exchange(node->value, value));
}

void RadixCore::drop_value(const RefCounted* value) const {
  if (value != nullptr && value->release()) destroy_(value);
}

// Gives the owned node in `slot` one child more. The old node is freed, its content moves over.
void RadixCore::add_child(Node** slot, Node* child) {
  Node* node = *slot;
  char label = child->prefix_view().front();
  uint32_t at = first_not_below(*node, label);
  Node* grown = make_node(node->prefix_view(), node->child_count + 1, node->edit);
  grown->value = node->value;
  std::copy_n(node->children(), at, grown->children());
  std::copy_n(node->labels(), at, grown->labels());
  grown->children()[at] = child;
  grown->labels()[at] = label;
  std::copy_n(node->children() + at, node->child_count - at, grown->children() + at + 1);
  std::copy_n(node->labels() + at, node->child_count - at, grown->labels() + at + 1);
  std::free(node);
  *slot = grown;
}

// Cuts the prefix of the owned node in `slot` after `at` bytes: a new parent takes its place.
void RadixCore::split(Node** slot, size_t at, uint64_t edit) {
  Node* node = *slot;
  std::string_view prefix = node->prefix_view();
  Node* lower = make_node(prefix.substr(at), node->child_count, edit);
  lower->value = node->value;
  std::copy_n(node->children(), node->child_count, lower->children());
  std::copy_n(node->labels(), node->child_count, lower->labels());
  Node* upper = make_node(prefix.substr(0, at), 1, edit);
  upper->children()[0] = lower;
  upper->labels()[0] = prefix[at];
  std::free(node);
  *slot = upper;
}

void RadixCore::insert(std::string_view key, const RefCounted* value, uint64_t edit) {
  Node** slot = &root_;
  std::string_view rest = key;
  if (root_ == nullptr) root_ = make_node(rest, 0, edit);
  while (true) {
    Node* node = own(slot, edit);
    size_t common = common_bytes(node->prefix_view(), rest);
    if (common < node->prefix_bytes) split(slot, common, edit);
    rest.remove_prefix(common);
    if (rest.empty()) break;
    Node** next = slot_of_child(*slot, rest.front());
    if (next == nullptr) {
      add_child(slot, make_node(rest, 0, edit));
      next = slot_of_child(*slot, rest.front());
    }
    slot = next;
  }
  size_ += (*slot)->value == nullptr;
  set_value(*slot, value);
}

// Merges the owned node in `slot`, which has no value and a single child, with that child.
void RadixCore::fold_into_child(Node** slot, uint64_t edit) {
  Node* node = *slot;
  Node* child = own(&node->children()[0], edit);
  std::string prefix(node->prefix_view());
  prefix += child->prefix_view();
  Node* merged = make_node(prefix, child->child_count, edit);
  merged->value = child->value;
  std::copy_n(child->children(), child->child_count, merged->children());
  std::copy_n(child->labels(), child->child_count, merged->labels());
  std::free(child);
  std::free(node);
  *slot = merged;
}

bool RadixCore::erase(std::string_view key, uint64_t edit) {
  if (find_exact(key) == nullptr) return false;
  Node** parent = nullptr;
  Node** slot = &root_;
  std::string_view rest = key;
  while (true) {
    Node* node = own(slot, edit);
    rest.remove_prefix(node->prefix_bytes);
    if (rest.empty()) break;
    parent = slot;
    slot = slot_of_child(node, rest.front());
  }
  --size_;
  set_value(*slot, nullptr);
  if ((*slot)->child_count == 1) {
    fold_into_child(slot, edit);
  } else if ((*slot)->child_count == 0) {
    std::free(std::exchange(*slot, nullptr));
    if (parent == nullptr) return true;
    auto index = static_cast<uint32_t>(slot - (*parent)->children());
    Node* smaller = without_child(*parent, index);
    std::free(std::exchange(*parent, smaller));
    if (smaller->value == nullptr && smaller->child_count == 1) fold_into_child(parent, edit);
  }
  return true;
}

// Drops one reference; frees what nobody shares, with a list instead of recursion.
void RadixCore::release(Node* node) const {
  Node* dead = nullptr;
  auto drop = [&](Node* each) {
    if (each == nullptr || --each->refs != 0) return;
    each->edit = reinterpret_cast<uint64_t>(dead);
    dead = each;
  };
  drop(node);
  while (dead != nullptr) {
    Node* each = dead;
    dead = reinterpret_cast<Node*>(each->edit);
    for (uint32_t i = 0; i < each->child_count; ++i) drop(each->children()[i]);
    drop_value(each->value);
    std::free(each);
  }
}

size_t RadixCore::bytes() const {
  size_t total = 0;
  std::vector<const Node*> open;
  if (root_ != nullptr) open.push_back(root_);
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    total += node_bytes(node->child_count, node->prefix_bytes);
    open.insert(open.end(), node->children(), node->children() + node->child_count);
  }
  return total;
}

}  // namespace pylon

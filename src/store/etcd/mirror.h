// Mirror: what this node has been told of the keys in etcd, at one revision. The local copy is
// written from it, and the self-check holds it against what etcd lists. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/etcd/copy_file.h"
#include "store/store.h"

namespace pylon::store::etcd {

class Mirror {
 public:
  using Held = std::shared_ptr<const Entry>;
  static constexpr size_t kPieceKeys = 5'000;

  bool filled() const { return revision_ != 0; }
  int64_t revision() const { return revision_; }
  uint64_t cluster_id() const { return cluster_id_; }
  size_t size() const { return entries_.size(); }

  // Everything, at this revision.
  void replace(std::vector<Held> entries, int64_t revision, uint64_t cluster_id);
  // False: it knew that already, or is not filled.
  bool apply(const ChangeSet& set);

  // Keys that cut all of them in pieces of about kPieceKeys, in order; as of the last replace().
  const std::vector<std::string>& bounds() const { return bounds_; }

  // As it is now; the entries are shared.
  Copy copy(int64_t saved_s) const;

  // ---- the self-check: begin, list all keys at one revision, compare
  void begin_comparison();
  // `listed`: by key. Nothing when it agrees, but for what has changed after that revision.
  std::optional<std::string> difference(const std::vector<Entry>& listed, int64_t revision);

 private:
  std::map<std::string, Held, std::less<>> entries_;
  std::vector<std::string> bounds_;
  std::map<std::string, int64_t> erased_;  // key -> revision, since the comparison began
  int64_t revision_ = 0;
  uint64_t cluster_id_ = 0;
  bool comparing_ = false;
};

}  // namespace pylon::store::etcd

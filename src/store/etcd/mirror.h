// Mirror: which keys etcd has, as far as this node has been told, and of which revisions they are.
// The self-check holds it against what etcd lists, page by page, while changes go on. Control
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/key_table.h"
#include "store/store.h"

namespace pylon::store::etcd {

class Mirror {
 public:
  // `prefix` of all keys: "/apisix/".
  explicit Mirror(std::string prefix) : prefix_(std::move(prefix)) {}

  static constexpr size_t kPieceKeys = 1'000;
  static constexpr size_t kMostTold = 100'000;  // changes during a filling

  // ---- everything, at one revision: begin, each key in order, end. Changes that are told between
  // are kept, and count when they came after that revision.
  void begin_filling();
  void fill(const Entry& entry);
  void end_filling(int64_t revision, uint64_t cluster_id);
  // More came than are kept: after the filling they are to be told again, from revision() on.
  bool lacks_changes() const { return told_.size() >= kMostTold; }

  bool filled() const { return revision_ != 0; }
  int64_t revision() const { return revision_; }
  uint64_t cluster_id() const { return cluster_id_; }
  size_t size() const { return keys_.size(); }

  // The newest version among the keys that begin so, of those that are there or were once; only for
  // one folder below the prefix ("/apisix/routes/"), nothing for others.
  std::optional<int64_t> newest_in(std::string_view folder) const;

  // False: it knew that already.
  bool apply(const ChangeSet& set);

  // Keys that cut all of them in pieces of about kPieceKeys, in order; as of the last filling.
  const std::vector<std::string>& bounds() const { return bounds_; }

  // ---- the self-check: begin, each page of all keys at one revision, each of the parts, end
  static constexpr size_t kParts = KeyTable<int>::kParts;
  void begin_comparison();
  bool comparing() const { return comparing_; }  // false: it has been filled anew meanwhile
  void compare(const std::vector<Entry>& listed, int64_t revision);
  void compare_rest(size_t part);
  // Nothing when it agrees, but for what has changed after that revision. What was told between
  // page and end counts too, so a feed that is a little behind is no difference.
  std::optional<std::string> end_comparison();

 private:
  struct Held {
    int64_t create_revision;
    int64_t mod_revision;
    uint32_t round;  // the last comparison that has listed it
  };
  struct Told {
    std::string key;
    int64_t create_revision;  // 0: erased
    int64_t revision;
  };
  static constexpr size_t kMostSuspects = 10'000;

  void apply(const Told& told);
  std::string_view folder_of(std::string_view key) const;
  void note_version(std::string_view key, int64_t revision);
  void suspect(std::string_view key, int64_t listed_revision);
  std::optional<std::string> judge(const std::string& key, int64_t listed_revision) const;

  const std::string prefix_;
  KeyTable<Held> keys_;
  std::map<std::string, int64_t, std::less<>> newest_;  // by folder
  std::vector<std::string> bounds_;
  std::vector<std::string> next_bounds_;
  size_t filled_ = 0;
  bool filling_ = false;
  std::vector<Told> told_;     // while it is filled
  int64_t told_revision_ = 0;  // the newest of them
  int64_t revision_ = 0;
  uint64_t cluster_id_ = 0;

  bool comparing_ = false;
  uint32_t round_ = 0;
  int64_t compared_revision_ = 0;
  std::map<std::string, int64_t, std::less<>> erased_;  // key -> revision, since it began
  std::map<std::string, int64_t> suspects_;             // key -> its revision in etcd; 0: not there
};

}  // namespace pylon::store::etcd

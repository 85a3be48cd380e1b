// CopyDatabase: the local copy in its file, synchronously. The last configuration that was read
// from etcd, so that a node can start with it.
//
//   entry   a row for each key: value, revisions, and a digest of all of them
//   copy    one row: the prefix, the cluster, the revision, when it was saved, and how many rows
//           there are and the sum of their digests; revision 0: there is no configuration in it
//
// Every commit leaves the configuration of one revision; a crash leaves that of a commit. What is
// read is held against the digests, and refused as a whole when they do not fit. Values are as etcd
// has them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/embedded/database.h"
#include "store/store.h"

namespace pylon::store::etcd {

struct CopyHead {
  uint64_t cluster_id = 0;
  int64_t revision = 0;
  int64_t saved_s = 0;  // since 1970
};

class CopyDatabase {
 public:
  // Makes file and folder when they are missing; mode 0600. A file that is no copy, or a copy of
  // other keys, is refused.
  static Outcome<std::unique_ptr<CopyDatabase>> open(const std::string& path,
                                                     std::string_view prefix);
  // Files of a copy that cannot be used.
  static void remove(const std::string& path);
  ~CopyDatabase();

  bool filled() const { return head_.revision != 0; }
  // By key. What was visited counts only when it succeeds.
  Outcome<CopyHead> read(const Store::Visitor& visit);

  // What came after its revision, in order; what it has is passed over, and everything when it is
  // not filled.
  Outcome<void> apply(std::span<const ChangeSet> sets, int64_t saved_s);

  // ---- everything, at one revision: begin, each page, end; abandon() instead leaves all as it was
  Outcome<void> begin_pages();
  // All keys between the page before and `end` (empty: to the last), in order. Only rows that
  // differ are written.
  Outcome<void> put_page(const std::vector<Entry>& entries, std::string_view end);
  Outcome<void> end_pages(const CopyHead& head);
  void abandon();

 private:
  struct Statements;
  struct Sum {
    int64_t count = 0;
    uint64_t digest = 0;
  };

  explicit CopyDatabase(std::unique_ptr<embedded::Database> database);
  Outcome<void> prepare(std::string_view prefix);
  void read_head();
  void begin();
  Outcome<void> commit(const CopyHead& head);
  void put(const Entry& entry);
  void erase(std::string_view key);
  Outcome<void> outcome();  // the failure since the last one, if any; rolls back

  std::unique_ptr<embedded::Database> database_;
  std::unique_ptr<Statements> statements_;
  CopyHead head_;
  Sum sum_;  // of the rows as they are now, committed or not
  std::string page_begin_;
};

}  // namespace pylon::store::etcd

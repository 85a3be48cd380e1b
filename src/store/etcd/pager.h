// Pager: reads all keys of a range at one revision, page by page.
//
// etcd looks at all that is left of a range for each page of it. Whoever knows the keys cuts the
// range in pieces by them; who does not reads few large pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "async/task.h"
#include "store/etcd/client.h"
#include "store/store.h"

namespace pylon::store::etcd {

class Pager {
 public:
  // `bounds`: keys within the range, in order, about Mirror::kPieceKeys apart; or none. The query's
  // revision 0: the newest. Its limit is set here.
  Pager(Client& client, RangeQuery query, std::vector<std::string> bounds);

  struct Page {
    std::vector<Entry> entries;  // by key, without hidden ones
    std::string end;             // they are all before that one; empty: the last page
  };
  // Not after the last one, nor after a failure.
  async::Task<Outcome<Page>> next();
  bool ended() const { return bound_ == bounds_.size(); }

  // Of what is listed; revision 0 before the first page.
  const Header& header() const { return header_; }
  // The newest revision that etcd has told.
  int64_t newest() const { return newest_; }

 private:
  Client& client_;
  RangeQuery query_;
  std::vector<std::string> bounds_;  // with the end of all behind them
  size_t bound_ = 0;
  Header header_;
  int64_t newest_ = 0;
};

}  // namespace pylon::store::etcd

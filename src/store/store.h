// Store: where the configuration is kept. JSON texts under keys ("/apisix/routes/1"), each with the
// revisions at which it was created and last changed; the revision counter grows by one with every
// transaction that changes something and never goes back.
//
// Implementations: embedded (SQLite, the default), etcd, file, pushed, memory (tests). The
// interface is etcd v3's in what it promises: reads and writes are linearizable, a transaction is
// atomic, an acknowledged write is durable, and a watch tells every change after a revision exactly
// once, in order, or says that it cannot. Where others write too (etcd), revisions may leave
// numbers out.
//
// Everything here belongs to the control thread: tasks resume and listeners are called on it.
// Strings are taken by value because a task may outlive its caller's locals. Whether the write of a
// task that is dropped before its end happens is open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "async/task.h"

namespace pylon::store {

struct Failure {
  enum class Kind {
    unavailable,  // not reachable, busy or broken for now: trying again later may help
    conflict,     // a compare did not hold: somebody else wrote first
    full,         // no space left
    corrupt,      // what is stored cannot be read any more
    refused       // the request itself is wrong
  };
  Kind kind = Kind::unavailable;
  std::string message;  // for the person who has to mend it
};

template <class T>
using Outcome = tl::expected<T, Failure>;

inline tl::unexpected<Failure> failed(Failure::Kind kind, std::string message) {
  return tl::unexpected<Failure>(Failure{kind, std::move(message)});
}

// What etcd and APISIX say to a compare-and-swap that lost.
constexpr std::string_view kConflictMessage = "value changed before overwritten";

struct Entry {
  std::string key;
  std::string value;  // JSON text, as it was written
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
};

struct Change {
  Entry entry;  // erased: only key and mod_revision, the revision of the erasure
  bool erased = false;
};

// All that one transaction changed, in the order of its operations.
struct ChangeSet {
  int64_t revision = 0;
  std::vector<Change> changes;
};

// Who caused a change; kept with the history of the revision.
struct Origin {
  std::string author;   // name of the admin key
  std::string source;   // address of the client
  std::string comment;  // as the client gave it
};

// A condition of a transaction.
struct Compare {
  enum class Kind {
    same,       // the key's mod_revision is this one; 0: the key does not exist
    there,      // the key exists
    unwritten,  // no key that begins with this one has been written after the revision
  };

  std::string key;
  int64_t revision = 0;
  Kind kind = Kind::same;
};

struct Operation {
  enum class Kind { put, erase, erase_prefix };

  Kind kind = Kind::put;
  std::string key;                    // erase_prefix: every key that begins with this
  std::string value = {};             // put
  std::optional<int64_t> ttl_s = {};  // put: erased by the store after so many seconds
};

// No key may be touched by two operations.
struct Transaction {
  std::vector<Compare> compares;
  std::vector<Operation> operations;
  Origin origin;
};

// Nothing, or why no store accepts it. For implementations.
std::optional<Failure> fault_of(const Transaction& transaction);

// The first text after all that begin with the prefix; empty when there is none.
std::string end_of_prefix(std::string_view prefix);

struct Committed {
  int64_t revision = 0;         // unchanged when nothing was there to change
  std::vector<size_t> existed;  // per operation: how many keys were there before
};

// What the source of the configuration says and this store could not take over. The keys concerned
// keep the values they had.
struct Fault {
  std::string key;  // "/apisix/routes/1"; of a whole file its path
  std::string reason;
};

// Some keys, all at one revision.
struct EntriesAt {
  int64_t revision = 0;
  std::vector<Entry> entries;  // those that are there, in the order in which they were asked for
};

struct PutOptions {
  std::optional<int64_t> expected_mod_revision;  // 0: only if absent
  std::optional<int64_t> ttl_s;
  Origin origin;
};

class History;  // store/history.h

class WatchListener {
 public:
  virtual void on_changes(const ChangeSet& changes) = 0;
  // Changes are missing (pruned history, compaction) or may be; the watch is over. Call load() and
  // watch from its revision.
  virtual void on_gap(std::string_view why) = 0;

 protected:
  ~WatchListener() = default;
};

// Ends the watch when it dies, also from within the listener's calls.
class Watch {
 public:
  virtual ~Watch() = default;
};

class Store {
 public:
  using Visitor = std::function<void(Entry)>;

  virtual ~Store() = default;

  virtual async::Task<Outcome<std::optional<Entry>>> get(std::string key) = 0;

  virtual async::Task<Outcome<EntriesAt>> get_all(std::vector<std::string> keys) = 0;

  // The first keys behind `key` that begin with the prefix and are longer, in their order; fewer
  // than `limit` when there are no more. For whoever goes through many, page by page: a key that is
  // there all the time is met once.
  virtual async::Task<Outcome<std::vector<Entry>>> list_after(std::string prefix, std::string key,
                                                              size_t limit) = 0;

  // Every key that begins with the prefix, by create_revision, then by key.
  virtual async::Task<Outcome<std::vector<Entry>>> list(std::string prefix) = 0;

  // Of these, the ones whose value contains the text.
  virtual async::Task<Outcome<std::vector<Entry>>> search(std::string prefix, std::string text) = 0;

  // Every key at one revision, which is returned; the first time in the order of list(). What fails
  // half way has visited some.
  virtual async::Task<Outcome<int64_t>> load(Visitor visit) = 0;

  virtual async::Task<Outcome<Committed>> transaction(Transaction transaction) = 0;

  // The changes after `after_revision`. The listener is called later, never from within watch(),
  // and must outlive the watch. Nor is it called for a change before that change is durable; it is
  // called before the task of the transaction resumes.
  virtual std::unique_ptr<Watch> watch(int64_t after_revision, WatchListener& listener) = 0;

  // Whether the watches have been told of everything up to that revision, which a reading has had;
  // waits for it, but not for long.
  virtual async::Task<bool> await_told(int64_t revision) { co_return revision <= this->revision(); }

  // The newest revision that this side knows of.
  virtual int64_t revision() const = 0;

  // Call it about once a second: whatever is due by the clock is done.
  virtual void on_timer() {}

  // Null: this store keeps none.
  virtual History* history() { return nullptr; }
  // Of the last reading. Empty for stores that are themselves the source.
  virtual std::vector<Fault> faults() const { return {}; }
  // Why there is no configuration at all, not even an old one; nothing when there is.
  virtual std::optional<std::string> missing() const { return std::nullopt; }
  // Why what is served may be older than what the source has: it cannot be reached. Nothing while
  // there is touch with it.
  virtual std::optional<std::string> out_of_touch() const { return std::nullopt; }
  // Lets go of what only one process can have (a file), for the one that comes after. Operations
  // under way are finished and answered, later ones fail.
  virtual void close() {}
  // After close(), when nobody came after or it has ended: everything as before. Watches are told
  // what was changed meanwhile.
  virtual Outcome<void> reopen() { return {}; }

  async::Task<Outcome<Committed>> put(std::string key, std::string value, PutOptions options);
  async::Task<Outcome<Committed>> erase(std::string key, Origin origin);
};

}  // namespace pylon::store

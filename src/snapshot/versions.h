// Versions: how snapshots reach the workers, and when they are freed.
//
// The control thread publishes; each worker has a Seat and takes the newest version at the top of
// its loop, which is one load when nothing changed. An exchange pins the version it began with by a
// plain counter that only its worker touches. A version is freed, by the control thread, when every
// worker has gone past it and nobody pins it, whatever its age: a long download keeps one version,
// not all the later ones. A tunnel gives its pin up when it has been set up.
//
// How freeing is safe: a worker announces the number it serves after it has marked its cell of that
// version as held. So "serves a later number and the cell is not held" means that it either never
// took the version, or has let go of it for good.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace pylon::snapshot {

struct Snapshot;
class Seat;

// One published snapshot and, per worker, who holds it. Internal to this file's classes.
struct Version {
  enum class Hold : uint8_t { untouched, held, released };
  struct alignas(64) Cell {  // of one worker, in a cache line of its own
    uint32_t pins = 0;       // the worker's alone
    std::atomic<Hold> hold{Hold::untouched};
  };

  uint64_t number = 0;  // 1, 2, 3, ... in order of publication
  std::unique_ptr<const Snapshot> snapshot;
  std::unique_ptr<Cell[]> cells;
};

// Keeps the snapshot of one exchange alive. Belongs to the worker's thread; must not outlive its
// seat. Movable; empty after release().
class Pin {
 public:
  Pin() = default;
  Pin(Pin&& other) noexcept
      : seat_(std::exchange(other.seat_, nullptr)),
        version_(std::exchange(other.version_, nullptr)) {}
  Pin& operator=(Pin&& other) noexcept {
    std::swap(seat_, other.seat_);
    std::swap(version_, other.version_);
    return *this;
  }
  ~Pin() { release(); }

  explicit operator bool() const { return version_ != nullptr; }
  const Snapshot& snapshot() const { return *version_->snapshot; }
  void release();

 private:
  friend class Seat;
  Pin(Seat& seat, Version& version) : seat_(&seat), version_(&version) {}

  Seat* seat_ = nullptr;
  Version* version_ = nullptr;
};

// A worker's place at the table. All but construction belongs to the worker's thread.
class alignas(64) Seat {
 public:
  // At the top of the loop. True when another snapshot is served from now on; the worker then tells
  // the control thread to call Versions::settle().
  bool take_newest();

  bool serves() const { return current_ != nullptr; }
  const Snapshot& snapshot() const { return *current_->snapshot; }  // only while serves()
  Pin pin() {
    ++current_->cells[index_].pins;
    return Pin(*this, *current_);
  }

 private:
  friend class Pin;
  friend class Versions;
  void unpin(Version& version);

  Version* current_ = nullptr;
  size_t index_ = 0;
  std::atomic<Version*> offered_{nullptr};  // written by the control thread
  std::atomic<uint64_t> serving_{0};        // the number taken last; read by the control thread
};

// The control thread's side. Outlives all workers and pins.
class Versions {
 public:
  explicit Versions(size_t workers);
  ~Versions();

  Seat& seat(size_t worker) { return seats_[worker]; }
  size_t workers() const { return workers_; }

  // Offers it to all workers; the caller wakes their loops.
  void publish(std::unique_ptr<const Snapshot> snapshot);

  // Whether that worker serves any version yet.
  bool has_configuration(size_t worker) const {
    return seats_[worker].serving_.load(std::memory_order_acquire) != 0;
  }
  // Calls `done` on the control thread, from settle() or at once, when every worker serves what has
  // been published by now.
  void when_served(std::function<void()> done);
  // After a worker took a version, and now and then: runs what waited, frees what nobody holds.
  void settle();

  size_t live() const { return versions_.size(); }
  const Snapshot* newest() const;  // null before the first

 private:
  struct Wait {
    uint64_t number;
    std::function<void()> done;
  };

  uint64_t served() const;
  bool is_free(const Version& version) const;
  void run_waits();

  size_t workers_;
  std::unique_ptr<Seat[]> seats_;
  std::vector<std::unique_ptr<Version>> versions_;  // in order of number; the newest is last
  std::vector<Wait> waits_;
  uint64_t next_number_ = 1;
};

inline void Pin::release() {
  if (version_ != nullptr) seat_->unpin(*std::exchange(version_, nullptr));
}

inline void Seat::unpin(Version& version) {
  Version::Cell& cell = version.cells[index_];
  if (--cell.pins == 0 && &version != current_) {
    cell.hold.store(Version::Hold::released, std::memory_order_release);
  }
}

}  // namespace pylon::snapshot

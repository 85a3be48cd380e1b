// Loop: the event loop of one thread, and the only place that knows epoll.
//
// Order of one turn: wait -> arrivals -> events -> due timers -> posted messages -> turn ends ->
// departures -> `at_top` hook -> burial of what was retired. An object that events may still name
// is retired, not deleted: it dies at the end of the turn. Everything but post() and stop() belongs
// to the loop's thread.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/intrusive_list.h"
#include "net/batch.h"
#include "net/timer.h"

namespace pylon::net {

// Something with a descriptor in the loop.
class Watcher {
 public:
  virtual void on_events(uint32_t epoll_events) = 0;
  // Comes before the on_events() of all watchers of a turn that has several events: the time to
  // receive (net/batch.h), and for nothing else.
  virtual void arrive(uint32_t /*epoll_events*/) {}

 protected:
  ~Watcher() = default;
};

// Something that dies at the end of the turn: Loop::retire.
class Retirable {
 public:
  virtual ~Retirable() = default;
};

// Something that is done once at the end of a turn: what gathered in it is sent in one piece.
class TurnEnd : public ListHook<TurnEnd> {
 public:
  virtual void at_turn_end() = 0;

 protected:
  ~TurnEnd() = default;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(). `turn()` is one turn that waits at most `max_wait_ms` (-1: no bound).
  void run();
  void turn(int max_wait_ms);
  void stop();  // from any thread, or a signal handler's self-pipe

  // Runs `message` on the loop's thread, soon. From any thread. Never drops.
  void post(std::function<void()> message);

  // Monotonic microseconds, read once per turn. `refresh_us` reads the clock now.
  int64_t now_us() const { return now_us_; }
  int64_t refresh_us();
  // For tests: the clock jumps ahead.
  void skip(int64_t us) { skipped_us_ += us; }
  // Wall clock minus monotonic clock; refreshed about once a second.
  int64_t wall_offset_us() const { return wall_offset_us_; }

  TimerHeap& timers() { return timers_; }
  Batch& batch() { return batch_; }

  // Registers with epoll; false with errno set when the kernel refuses.
  bool watch(int fd, Watcher& watcher, uint32_t epoll_events);
  bool rewatch(int fd, Watcher& watcher, uint32_t epoll_events);
  void unwatch(int fd);

  // Calls it at the end of this turn, or of the next one when called from there.
  void at_turn_end(TurnEnd& object) {
    if (!object.in_list()) turn_ends_.push_back(object);
  }

  void retire(Retirable* object) { retired_.push_back(object); }

  // Called once a turn, before new events are waited for: a worker swaps its snapshot here.
  void set_at_top(std::function<void()> hook) { at_top_ = std::move(hook); }

 private:
  class Mailbox : public Watcher {
   public:
    explicit Mailbox(Loop& loop) : loop_(loop) {}
    void on_events(uint32_t) override { loop_.drain_mailbox(); }

   private:
    Loop& loop_;
  };

  void receive(const epoll_event* events, int count);  // before the work of a turn
  void drain_mailbox();
  void run_turn_ends();
  void bury();
  int wait_ms(int max_wait_ms) const;
  void read_clocks();

  int epoll_fd_;
  int mailbox_fd_;
  Mailbox mailbox_{*this};
  std::atomic<bool> stopping_{false};
  int64_t now_us_ = 0;
  int64_t skipped_us_ = 0;
  int64_t wall_offset_us_ = 0;
  int64_t wall_read_us_ = 0;
  TimerHeap timers_;
  Batch batch_;
  IntrusiveList<TurnEnd> turn_ends_;
  std::vector<Retirable*> retired_;
  std::function<void()> at_top_;

  std::mutex mutex_;  // guards messages_
  std::vector<std::function<void()>> messages_;
};

}  // namespace pylon::net

#include "store/etcd/feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "observe/log.h"
#include "store/watch_list.h"

namespace pylon::store::etcd {

using observe::Level;
using observe::log;

async::Task<Answer<Header>> pulse(Client& client, std::string prefix, int64_t timeout_ms) {
  RangeQuery one{.first = range_of(prefix).first, .keys_only = true};
  async::Task<Answer<Json>> asking =
      client.call("/v3/kv/range", range_request(one), Client::Repeat::harmless, timeout_ms);
  Answer<Json> answer = co_await asking;
  if (!answer) co_return tl::unexpected(std::move(answer.error()));
  Outcome<RangeAnswer> range = read_range(*answer);
  if (!range) co_return tl::unexpected(Refusal{Fault::unavailable, range.error().message});
  co_return range->header;
}

Feed::Feed(net::Loop& loop, Client& client, std::string prefix, int64_t silence_ms, Owner& owner)
    : loop_(loop),
      client_(client),
      prefix_(std::move(prefix)),
      silence_ms_(silence_ms),
      owner_(owner) {}

Feed::~Feed() { *alive_ = false; }

void Feed::follow(int64_t after_revision, uint64_t cluster_id) {
  seen_ = std::min(seen_, after_revision);
  advance(after_revision);
  cluster_id_ = cluster_id;
  following_ = true;
  start_soon();
}

void Feed::reopen() {
  if (!following_) return;
  start_soon();
}

void Feed::stop() {
  following_ = false;
  start_soon();
}

// Never from within its own coroutine, which would destroy itself.
void Feed::start_soon() {
  if (std::exchange(starting_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    starting_ = false;
    task_ = {};
    if (!following_) return;
    task_ = run();
    task_.start(&Feed::ended, this);
  });
}

async::Task<void> Feed::run() {
  int64_t pause_ms = 0;
  for (;;) {
    connected_ = false;
    int64_t began_us = loop_.now_us();
    async::Task<Ended> following = follow_once();
    Ended end = co_await following;
    if (end.gap) {
      following_ = false;
      owner_.on_gap(end.why);
      co_return;
    }
    if (!end.why.empty()) mark_trouble(end.why);
    bool lasted = connected_ && loop_.now_us() - began_us >= kLongestPauseMs * 1000;
    if (lasted) pause_ms = 0;
    net::Waker pause(loop_);
    if (pause_ms != 0) co_await pause.wait(loop_.now_us() + pause_ms * 1000);
    pause_ms = std::clamp(pause_ms * 2, kFirstPauseMs, kLongestPauseMs);
  }
}

async::Task<Feed::Ended> Feed::follow_once() {
  async::Task<Answer<Header>> asking = pulse(client_, prefix_, kPulseMs);
  Answer<Header> header = co_await asking;
  if (!header) co_return Ended{false, header.error().message};
  if (cluster_id_ != 0 && header->cluster_id != cluster_id_) {
    co_return Ended{true, "this is another etcd cluster than before"};
  }
  cluster_id_ = header->cluster_id;
  if (auto gap = gap_after(seen_, 0, header->revision)) co_return Ended{true, gap->message};
  async::Task<Answer<std::unique_ptr<Client::Stream>>> opening =
      client_.open("/v3/watch", watch_request(prefix_, seen_ + 1));
  Answer<std::unique_ptr<Client::Stream>> stream = co_await opening;
  if (!stream) co_return Ended{false, stream.error().message};
  async::Task<Ended> reading = read(**stream);
  Ended end = co_await reading;
  if (!end.gap) client_.avoid((*stream)->endpoint());
  co_return end;
}

async::Task<Feed::Ended> Feed::read(Client::Stream& stream) {
  for (;;) {
    async::Task<Client::Stream::Line> waiting = stream.next(loop_.now_us() + silence_ms_ * 1000);
    Client::Stream::Line line = co_await waiting;
    if (line.got == Client::Stream::Got::silent) co_return Ended{};
    if (line.got == Client::Stream::Got::end) co_return Ended{false, line.text};
    Outcome<WatchMessage> message = read_watch(line.text);
    if (!message) co_return Ended{false, message.error().message};
    Ended end = take(std::move(*message));
    if (end.gap || !end.why.empty()) co_return end;
  }
}

Feed::Ended Feed::take(WatchMessage message) {
  if (message.canceled && message.compact_revision > 0) {
    return {true, gap_after(seen_, seen_ + 1, message.header.revision + seen_)->message};
  }
  if (message.canceled) return {false, "the watch was cancelled: " + message.reason};
  if (message.created) {
    connected_ = true;
    if (!trouble_.empty()) log(Level::warn, "etcd: followed again, from revision {}", seen_);
    trouble_.clear();
    owner_.on_connected();
    return {};
  }
  for (const ChangeSet& set : message.sets) {
    if (set.revision <= seen_) continue;
    if (!set.changes.empty()) owner_.on_set(set);
    advance(set.revision);
  }
  if (message.sets.empty()) advance(message.header.revision);  // a notification of progress
  return {};
}

void Feed::advance(int64_t revision) {
  if (revision <= seen_) return;
  seen_ = revision;
  std::erase_if(waiting_, [&](const std::shared_ptr<Waiting>& waiting) {
    if (waiting->waker != nullptr && waiting->revision > seen_) return false;
    loop_.post([waiting] {
      if (waiting->waker != nullptr) waiting->waker->wake();
    });
    return true;
  });
}

async::Task<bool> Feed::await_seen(int64_t revision, int64_t deadline_us) {
  net::Waker waker(loop_);
  auto waiting = std::make_shared<Waiting>(Waiting{revision, &waker});
  struct Detach {
    std::shared_ptr<Waiting> waiting;
    ~Detach() { waiting->waker = nullptr; }
  } detach{waiting};
  while (seen_ < revision) {  // again when follow() goes back
    bool listed = std::find(waiting_.begin(), waiting_.end(), waiting) != waiting_.end();
    if (!listed) waiting_.push_back(waiting);
    net::Wake woken = co_await waker.wait(deadline_us);
    if (woken == net::Wake::timeout) break;
  }
  co_return seen_ >= revision;
}

void Feed::mark_trouble(const std::string& why) {
  if (trouble_.empty()) {
    troubled_since_us_ = loop_.now_us();
    log(Level::warn, "etcd: the watch is interrupted at revision {}: {}", seen_, why);
  }
  trouble_ = why;
}

}  // namespace pylon::store::etcd

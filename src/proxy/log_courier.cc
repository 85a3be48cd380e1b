#include "proxy/log_courier.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/socket_address.h"
#include "net/burial.h"
#include "net/tcp_stream.h"
#include "net/waker.h"
#include "observe/log.h"

namespace pylon::proxy {

using observe::Level;
using plugin::LogDestination;
using Transport = LogDestination::Transport;

namespace {

constexpr int64_t kIdleUs = 60'000'000;  // then the connection is closed
constexpr int64_t kComplainEveryUs = 10'000'000;

}  // namespace

// One destination: a coroutine while messages wait, an idle connection or nothing otherwise.
class WorkerLogCourier::Outlet {
 public:
  Outlet(WorkerLogCourier& courier, std::shared_ptr<const LogDestination> to)
      : courier_(courier), to_(std::move(to)), waker_(courier.loop_, &Outlet::on_idle, this) {}

  void add(std::string_view message);
  void hurry() {
    if (running_) waker_.wake();
  }
  ~Outlet() { hang_up(); }
  // No configuration names it any more, and nothing is left to do.
  bool forsaken() const { return !running_ && to_.use_count() == 1; }

 private:
  struct Batch {
    std::string octets;
    std::vector<uint32_t> sizes;  // of the messages, by UDP
    size_t messages = 0;
  };

  static void on_idle(void* self);
  static void on_done(void* self);
  int64_t due_us() const;
  async::Task<void> run();
  async::Task<bool> deliver(const Batch& batch);
  async::Task<bool> find_address(IpAddress& address);
  async::Task<bool> connect(const IpAddress& address, int64_t deadline_us);
  async::Task<bool> write(const Batch& batch, int64_t deadline_us);
  bool send_datagrams(const Batch& batch, const IpAddress& address);
  bool fail(std::string_view problem);
  void hang_up() { net::bury(courier_.loop_, std::move(stream_)); }

  WorkerLogCourier& courier_;
  std::shared_ptr<const LogDestination> to_;
  net::Waker waker_;
  Batch waiting_;
  int64_t first_us_ = 0;
  int64_t last_us_ = 0;
  std::string problem_;
  std::unique_ptr<net::Stream> stream_;
  bool running_ = false;
  async::Task<void> task_;  // dies before what it works on
};

void WorkerLogCourier::Outlet::add(std::string_view message) {
  if (waiting_.octets.size() + message.size() > to_->most_octets) {
    return courier_.drop(1, *to_, "too many octets wait");
  }
  int64_t now_us = courier_.loop_.now_us();
  if (waiting_.messages == 0) first_us_ = now_us;
  last_us_ = now_us;
  waiting_.messages++;
  waiting_.octets += message;
  if (to_->transport == Transport::udp) {
    waiting_.sizes.push_back(static_cast<uint32_t>(message.size()));
  }
  if (running_) {
    if (due_us() <= now_us) waker_.wake();
    return;
  }
  running_ = true;
  courier_.busy_++;
  task_ = run();
  task_.start(&Outlet::on_done, this);
}

int64_t WorkerLogCourier::Outlet::due_us() const {
  bool full =
      waiting_.messages >= to_->batch_messages || waiting_.octets.size() >= to_->batch_octets;
  if (full || courier_.hurries_) return 0;
  return std::min(first_us_ + to_->longest_ms * 1000, last_us_ + to_->quiet_ms * 1000);
}

void WorkerLogCourier::Outlet::on_done(void* self) {
  auto& outlet = *static_cast<Outlet*>(self);
  outlet.task_ = {};
  outlet.running_ = false;
  outlet.courier_.busy_--;
  outlet.waker_.arm(outlet.courier_.loop_.now_us() + kIdleUs);
}

// The server has said something or left, or nothing was sent for long.
void WorkerLogCourier::Outlet::on_idle(void* self) {
  auto& outlet = *static_cast<Outlet*>(self);
  if (outlet.running_) return;
  char octets[512];
  while (outlet.stream_ != nullptr && !outlet.waker_.timed_out()) {
    net::Io io = outlet.stream_->read(octets, sizeof octets);
    if (io.state == net::IoState::again) return;
    if (io.state != net::IoState::ok) break;
  }
  outlet.hang_up();
}

async::Task<void> WorkerLogCourier::Outlet::run() {
  net::Loop& loop = courier_.loop_;
  while (waiting_.messages > 0) {
    while (loop.now_us() < due_us()) (void)co_await waker_.wait(due_us());
    Batch batch = std::exchange(waiting_, {});
    for (int tries = 0;; tries++) {
      bool delivered = co_await deliver(batch);
      if (delivered) {
        courier_.sent_ += batch.messages;
        break;
      }
      hang_up();
      if (tries >= to_->retries || courier_.hurries_) {
        courier_.drop(batch.messages, *to_, problem_);
        break;
      }
      int64_t until_us = loop.now_us() + to_->retry_delay_ms * 1000;
      while (loop.now_us() < until_us && !courier_.hurries_) (void)co_await waker_.wait(until_us);
    }
  }
}

async::Task<bool> WorkerLogCourier::Outlet::deliver(const Batch& batch) {
  int64_t deadline_us = courier_.loop_.now_us() + to_->timeout_ms * 1000;
  bool reusable =
      stream_ != nullptr && !stream_->broken() && !stream_->peer_ended() && !stream_->stirred(true);
  if (!reusable) {
    hang_up();
    IpAddress address;
    bool found = co_await find_address(address);
    if (!found) co_return fail("the name has no address");
    if (to_->transport == Transport::udp) co_return send_datagrams(batch, address);
    bool connected = co_await connect(address, deadline_us);
    if (!connected) co_return false;
  }
  bool written = co_await write(batch, deadline_us);
  co_return written;
}

async::Task<bool> WorkerLogCourier::Outlet::find_address(IpAddress& address) {
  upstream::dns::Resolved resolved;
  if (const upstream::dns::Resolved* known = courier_.resolver_.known(to_->host)) {
    resolved = *known;
  } else {
    resolved = co_await courier_.resolver_.resolve(to_->host);
  }
  if (resolved.addresses.empty()) co_return false;
  address = resolved.addresses.front();
  co_return true;
}

async::Task<bool> WorkerLogCourier::Outlet::connect(const IpAddress& address, int64_t deadline_us) {
  SocketAddress to(address, to_->port);
  stream_ = net::TcpStream::connect(courier_.loop_, to.get(), to.size());
  if (stream_ == nullptr) co_return fail("no descriptor is free");
  if (to_->transport == Transport::tls) {
    uint64_t session = hash_guarded(to_->host + '?' + std::to_string(to_->port)) | 1;
    stream_ = courier_.tls_.wrap(courier_.loop_, std::move(stream_),
                                 {.name = to_->host, .verify = false, .session_key = session});
    if (stream_ == nullptr) co_return fail("TLS cannot be spoken with it");
  }
  stream_->set_waker(&waker_);
  while (stream_->connecting()) {
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::timeout) co_return fail("timeout");
  }
  if (!stream_->broken()) co_return true;
  int error = stream_->error();
  co_return fail(error == EPROTO ? "the TLS handshake failed" : std::strerror(error));
}

async::Task<bool> WorkerLogCourier::Outlet::write(const Batch& batch, int64_t deadline_us) {
  std::string_view left = batch.octets;
  while (!left.empty()) {
    net::Io io = stream_->write(left.data(), left.size());
    if (io.state == net::IoState::error) co_return fail("it closed the connection");
    left.remove_prefix(io.bytes);
    if (io.state == net::IoState::ok) continue;
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::timeout) co_return fail("timeout");
  }
  co_return true;
}

// A full socket drops what does not fit, as the network would.
bool WorkerLogCourier::Outlet::send_datagrams(const Batch& batch, const IpAddress& address) {
  SocketAddress to(address, to_->port);
  Fd fd(::socket(to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fail("no descriptor is free");
  std::string_view left = batch.octets;
  for (uint32_t size : batch.sizes) {
    (void)::sendto(fd.get(), left.data(), size, MSG_NOSIGNAL, to.get(), to.size());
    left.remove_prefix(size);
  }
  return true;
}

bool WorkerLogCourier::Outlet::fail(std::string_view problem) {
  problem_ = problem;
  return false;
}

// ---- all of them

WorkerLogCourier::WorkerLogCourier(net::Loop& loop, upstream::Resolver& resolver,
                                   tls::ClientContext& tls)
    : loop_(loop), resolver_(resolver), tls_(tls) {}

WorkerLogCourier::~WorkerLogCourier() = default;

void WorkerLogCourier::send(const std::shared_ptr<const LogDestination>& to,
                            std::string_view message) {
  Outlet* outlet = outlet_of(to);
  if (outlet == nullptr) return drop(1, *to, "there are too many places to log to");
  outlet->add(message);
}

WorkerLogCourier::Outlet* WorkerLogCourier::outlet_of(
    const std::shared_ptr<const LogDestination>& to) {
  auto found = outlets_.find(to.get());
  if (found != outlets_.end()) return found->second.get();
  std::erase_if(outlets_, [](const auto& each) { return each.second->forsaken(); });
  if (outlets_.size() >= kMostDestinations) return nullptr;
  return outlets_.emplace(to.get(), std::make_unique<Outlet>(*this, to)).first->second.get();
}

void WorkerLogCourier::drop(size_t messages, const LogDestination& to, std::string_view reason) {
  dropped_ += messages;
  if (loop_.now_us() < complained_us_ + kComplainEveryUs) return;
  complained_us_ = loop_.now_us();
  observe::log(Level::error, "{}: {} messages to {}:{} are lost: {}", to.name, messages, to.host,
               to.port, reason);
}

void WorkerLogCourier::hurry() {
  hurries_ = true;
  for (auto& [to, outlet] : outlets_) outlet->hurry();
}

}  // namespace pylon::proxy

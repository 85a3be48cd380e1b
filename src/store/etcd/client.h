// Client: calls of etcd's JSON API over a handful of kept connections, and streams of it.
//
// Every call goes to the endpoint that answered last; when that one fails, to the others in turn,
// within the time the call has. A call whose outcome is not known is sent again only when that can
// do no harm. With a user, a token is fetched before the first call and anew when it has ended.
//
// Belongs to one loop; dies after the tasks it gave out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "async/task.h"
#include "base/ip.h"
#include "base/json.h"
#include "base/result.h"
#include "base/secret.h"
#include "http/h1/client_connection.h"
#include "net/loop.h"
#include "store/etcd/wire.h"
#include "tls/client_context.h"

namespace pylon::store::etcd {

struct Endpoint {
  bool https = false;
  std::string host;  // name or address; IPv6 without brackets
  uint16_t port = 2379;

  std::string text() const;  // "http://127.0.0.1:2379"
  // The error says what is wrong with the text.
  static Result<Endpoint> parse(std::string_view url);
};

struct ClientOptions {
  std::vector<Endpoint> endpoints;  // at least one
  std::string user;                 // empty: without authentication
  Secret password;
  int64_t timeout_ms = 30'000;  // of a call, whatever the number of endpoints
  bool verify = true;           // the certificates of https endpoints
  std::string sni;              // empty: the endpoint's host
  tls::ClientOptions trust;
  tls::PemPair identity;  // what we show; empty: nothing
};

template <class T>
using Answer = tl::expected<T, Refusal>;

class Client {
 public:
  // The addresses of a host name; none: it does not resolve.
  using Resolve = std::function<async::Task<std::vector<IpAddress>>(std::string host)>;
  // Whether a request may be sent again that may have been carried out.
  enum class Repeat : uint8_t { harmless, never };

  class Stream;

  static Result<std::unique_ptr<Client>> make(net::Loop& loop, ClientOptions options,
                                              Resolve resolve);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // POST. `timeout_ms` 0: that of the options.
  async::Task<Answer<Json>> call(std::string path, std::string body, Repeat repeat,
                                 int64_t timeout_ms = 0);
  // POST whose answer is lines without an end. One endpoint is tried, the next one next time.
  async::Task<Answer<std::unique_ptr<Stream>>> open(std::string path, std::string body);

  // The endpoint that is asked first.
  std::string current() const { return options_.endpoints[current_].text(); }
  size_t endpoints() const { return options_.endpoints.size(); }
  // It shall be another one than that: it does not do what it should.
  void avoid(size_t endpoint);

 private:
  class Exchange;
  using Connection = http::h1::ClientConnection;

  static constexpr size_t kIdle = 4;  // connections per endpoint
  static constexpr int64_t kIdleUs = 30'000'000;
  // Of one endpoint, while there are others: a share of the whole, within these.
  static constexpr int64_t kShortestTryMs = 1'000;
  static constexpr int64_t kLongestTryMs = 4'000;

  Client(net::Loop& loop, ClientOptions options, Resolve resolve);
  async::Task<Answer<std::string>> ask(size_t endpoint, const std::string& path,
                                       const std::string& body, int64_t deadline_us, bool& sent);
  async::Task<Answer<void>> authenticate(size_t endpoint, int64_t deadline_us);
  int64_t try_until(int64_t deadline_us, int64_t whole_ms) const;
  void keep(size_t endpoint, Connection& connection);
  static void dropped(void*, Connection& connection) { connection.end(); }

  net::Loop& loop_;
  ClientOptions options_;
  Resolve resolve_;
  std::unique_ptr<tls::ClientContext> tls_;
  tls::ClientIdentity identity_;
  std::vector<std::unique_ptr<IntrusiveList<Connection>>> idle_;  // per endpoint
  size_t current_ = 0;
  Secret token_;
};

// Lines as they come. Ends its connection when it dies.
class Client::Stream {
 public:
  static constexpr size_t kMaxLineBytes = size_t{512} << 20;

  enum class Got : uint8_t { line, end, silent };
  struct Line {
    Got got;
    std::string text;  // the line, or why there will be none
  };

  explicit Stream(std::unique_ptr<Exchange> exchange, size_t endpoint);
  ~Stream();

  // `silent`: none came until then; it may be called again.
  async::Task<Line> next(int64_t deadline_us);
  size_t endpoint() const { return endpoint_; }

 private:
  std::unique_ptr<Exchange> exchange_;
  size_t endpoint_;
  std::string pending_;
  size_t searched_ = 0;
};

}  // namespace pylon::store::etcd

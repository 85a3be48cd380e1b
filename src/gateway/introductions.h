// Introductions: connections of a worker that have yet to begin with the PROXY protocol.
//
// A header is read without taking a single octet of what follows it, so that a TLS or HTTP reader
// finds the stream untouched. Every connection must bring one, whole and in time, or it is closed;
// who is believed becomes the client that its header names. Belongs to one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/intrusive_list.h"
#include "base/ip.h"
#include "gateway/entry.h"
#include "http/server.h"
#include "net/loop.h"
#include "net/tcp_stream.h"

namespace pylon::gateway {

class Introductions {
 public:
  using Introduced =
      std::function<void(std::unique_ptr<net::Stream>, const http::ConnectionEnds&, Entry)>;

  struct Options {
    const IpSet& believed_http;    // nginx_config.http.real_ip_from
    const IpSet& believed_stream;  // nginx_config.stream.real_ip_from
    int64_t timeout_us = 5'000'000;
  };

  Introductions(net::Loop& loop, const Options& options, Introduced introduced)
      : loop_(loop), options_(options), introduced_(std::move(introduced)) {}
  ~Introductions() { close_all(); }
  Introductions(const Introductions&) = delete;
  Introductions& operator=(const Introductions&) = delete;

  void accept(std::unique_ptr<net::TcpStream> stream, const http::ConnectionEnds& ends,
              Entry entry);

  size_t size() const { return waiting_.size(); }
  uint64_t refused() const { return refused_; }  // without a header, or with a wrong one
  void close_all();

 private:
  class Introduction;

  net::Loop& loop_;
  Options options_;
  Introduced introduced_;
  IntrusiveList<Introduction> waiting_;
  uint64_t refused_ = 0;
};

}  // namespace pylon::gateway

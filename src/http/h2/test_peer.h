// For tests and fuzzers of this folder: frames by hand, a service that echoes, and the other end of
// a connection in memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/downstream.h"
#include "http/h2/frame.h"
#include "http/h2/hpack.h"
#include "http/server.h"
#include "net/loop.h"
#include "net/memory_stream.h"

namespace pylon::http::h2 {

inline std::string frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string octets(kFrameHeaderBytes, '\0');
  write_frame_header(octets.data(), static_cast<uint32_t>(payload.size()), type, flags, stream);
  return octets.append(payload);
}

inline std::string u32(uint32_t value) {
  std::string octets(4, '\0');
  write_u32(octets.data(), value);
  return octets;
}

inline std::string setting(Setting id, uint32_t value) {
  std::string octets(2, '\0');
  write_u16(octets.data(), static_cast<uint16_t>(id));
  return octets + u32(value);
}

using Lines = std::vector<std::pair<std::string, std::string>>;

// Answers every request with its own body, and remembers the requests.
class EchoService final : public Service {
 public:
  struct Asked {
    std::string method, target, host, upgrade;
  };
  std::vector<Asked> asked;
  std::vector<int> refused;
  int closed = 0;
  bool drains = false;
  std::string body;  // of the answers; empty: that of the request

  async::Task<void> serve(Exchange& exchange) override {
    const Request& request = exchange.request;
    if (exchange.refusal != 0) refused.push_back(exchange.refusal);
    asked.push_back({std::string(request.method_text), std::string(request.target),
                     std::string(request.fields.get(FieldId::host)),
                     std::string(request.fields.get(FieldId::upgrade))});
    std::string_view got;
    BodyRead read = BodyRead::complete;
    if (exchange.has_body) read = co_await exchange.downstream->buffer_body(1 << 20, got);
    if (read != BodyRead::complete) {
      exchange.downstream->abort();
      co_return;
    }
    if (!body.empty()) got = body;
    exchange.response.status = exchange.refusal != 0 ? exchange.refusal : 200;
    exchange.response.fields.add(FieldId::date, "now");
    exchange.downstream->start_response(static_cast<int64_t>(got.size()));
    (void)exchange.downstream->push(got, true);
  }
  bool draining() const override { return drains; }
  void on_closed() override { closed++; }
};

// What a peer has received, frame by frame.
class Received {
 public:
  struct StreamSeen {
    Lines lines;  // of all its header blocks
    std::string body;
    bool ended = false;
    int reset = -1;       // the code
    uint64_t window = 0;  // opened by WINDOW_UPDATE
  };
  std::map<uint32_t, StreamSeen> streams;
  std::vector<std::pair<uint32_t, uint32_t>> goaways;  // last stream, code
  int acknowledged = 0;                                // SETTINGS of ours
  std::string settings;                                // payload of the first SETTINGS
  uint64_t opened = 0;                                 // by WINDOW_UPDATE, in all
  std::vector<std::string> pings;                      // payloads of those that ask

  void take(std::string_view octets) {
    left_.append(octets);
    while (left_.size() >= kFrameHeaderBytes) {
      FrameHeader header = read_frame_header(left_.data());
      if (left_.size() < kFrameHeaderBytes + header.length) return;
      take_frame(header, std::string_view(left_).substr(kFrameHeaderBytes, header.length));
      left_.erase(0, kFrameHeaderBytes + header.length);
    }
  }

 private:
  void take_frame(const FrameHeader& header, std::string_view payload) {
    StreamSeen& stream = streams[header.stream];
    bool ends = header.has(kFlagEndStream);
    if (header.is(FrameType::headers)) {
      for (FieldLine line; inflater_.next(payload, true, line) == Inflater::Step::field;) {
        stream.lines.emplace_back(line.name, line.value);
      }
      stream.ended |= ends;
    } else if (header.is(FrameType::data)) {
      stream.body.append(payload);
      stream.ended |= ends;
    } else if (header.is(FrameType::rst_stream)) {
      stream.reset = static_cast<int>(read_u32(payload.data()));
    } else if (header.is(FrameType::ping) && !header.has(kFlagAck)) {
      pings.emplace_back(payload);
    } else if (header.is(FrameType::goaway)) {
      goaways.emplace_back(read_u32(payload.data()), read_u32(payload.data() + 4));
    } else if (header.is(FrameType::settings)) {
      if (header.has(kFlagAck)) acknowledged++;
      if (!header.has(kFlagAck) && settings.empty()) settings = payload;
    } else if (header.is(FrameType::window_update)) {
      opened += read_u32(payload.data());
      stream.window += read_u32(payload.data());
    }
  }

  Inflater inflater_;
  std::string left_;
};

// Writes header blocks that may be sent in any order: HPACK's dynamic table has no part in them.
class BlockWriter {
 public:
  BlockWriter() { deflater_.limit_table(0); }

  std::string block(const Lines& lines) {
    std::vector<FieldLine> views;
    for (const auto& [name, value] : lines) views.push_back({name, value});
    std::string octets(deflater_.bound(views), '\0');
    octets.resize(deflater_.encode(views, octets.data()));
    return octets;
  }
  std::string head(uint32_t stream, const Lines& lines, bool end) {
    uint8_t flags = kFlagEndHeaders | (end ? kFlagEndStream : 0);
    return frame(FrameType::headers, flags, stream, block(lines));
  }

 private:
  Deflater deflater_;
};

// All that waits on one end of a connection in memory.
inline std::string read_all(net::MemoryStream& stream) {
  std::string heard;
  char buffer[4096];
  for (net::Io io; (io = stream.read(buffer, sizeof buffer)).state == net::IoState::ok;) {
    heard.append(buffer, io.bytes);
  }
  return heard;
}

}  // namespace pylon::http::h2

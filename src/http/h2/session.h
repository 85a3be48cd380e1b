// Session: the HTTP/2 protocol of one connection, without I/O. ServerConnection and
// ClientConnection derive their side from it.
//
// Octets go in by take(); what has to be sent gathers in output(). It knows frames, header blocks,
// windows, stream states and the peer's manners; what a head means is the business of the derived
// side. A stream's body is buffered up to the window it was given, and the window opens again only
// when the body is read and open_window() called. Source: RFC 9113.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/intrusive_list.h"
#include "http/h2/buffer.h"
#include "http/h2/frame.h"
#include "http/h2/hpack.h"
#include "http/h2/patience.h"

namespace pylon::http::h2 {

// One stream as far as the protocol sees it.
struct Stream : ListHook<Stream> {
  explicit Stream(uint32_t number) : id(number) {}

  uint32_t id;                // 0: not opened yet (client)
  bool open = false;          // known to the session: some frame may still come or go
  bool remote_ended = false;  // END_STREAM came
  bool local_ended = false;   // END_STREAM was sent
  bool reset = false;         // RST_STREAM came or went, or the connection is gone
  bool head_came = false;     // the final head; the next header block holds trailers
  ErrorCode reset_code = ErrorCode::no_error;
  uint32_t window = 0;         // how wide the peer's window opens
  uint32_t unread_credit = 0;  // octets read whose window was not given back yet
  int64_t send_window = 0;
  int64_t receive_window = 0;  // what the peer may still send
  uint64_t sent_octets = 0;    // of DATA
  Buffer incoming;             // DATA that was not pulled yet
  Buffer pending;              // pushed, but it may not leave yet
  Buffer trailers;             // likewise: lines "name: value CRLF" that follow it
  bool end_pending = false;    // END_STREAM follows `pending`, or comes with the trailers
};

// What we grant the peer.
struct Grants {
  uint32_t streams = 128;
  uint32_t stream_window = 128 << 10;
  uint32_t connection_window = 1 << 20;
  uint32_t head_bytes = 32 << 10;   // of a decoded header list, told but not enforced here
  uint32_t block_bytes = 64 << 10;  // of a header block as it comes
  // The connection's window opens as octets come, so that only the streams' hold the peer back and
  // none stands in the way of another. Else it opens as bodies are read.
  bool streams_apart = false;
};

class Session {
 public:
  static constexpr size_t kOutputHigh = 64 << 10;  // octets waiting beyond which nothing is pulled

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Sends a header block with these lines.
  void send_head(Stream& stream, std::span<const FieldLine> lines, bool end);
  // Sends DATA as far as the windows allow, keeps the rest.
  void send_data(Stream& stream, std::string_view octets, bool end);
  // Ends the stream with these lines ("name: value CRLF" each), behind what is pending.
  void send_trailers(Stream& stream, std::string_view lines);
  // Sends what is pending, if it may go now. True when nothing is pending any more.
  bool send_pending(Stream& stream);
  // Ends a stream early. Nothing more is sent or taken for it.
  void send_reset(Stream& stream, ErrorCode code);
  // Hands over what has come of the body.
  void take_body(Stream& stream, Buffer& into);
  // Opens the stream's window again for what was taken, and from now on wider by `more` octets.
  // True when the peer is told so now: there is output.
  bool open_window(Stream& stream, uint32_t more = 0);
  // Throws it away instead; the stream's window stays as it is.
  void drop_body(Stream& stream);
  // Octets of DATA that would leave at once.
  size_t send_room(const Stream& stream) const;
  // The stream's own; the connection's is another matter: when it opens, all streams profit.
  static bool window_closed(const Stream& stream) { return stream.send_window <= 0; }
  bool connection_window_closed() const { return send_window_ <= 0; }

  bool failed() const { return failed_; }
  const char* failure() const { return failure_; }

 protected:
  enum class Role : uint8_t { server, client };

  Session(Role role, const Grants& grants, NuisanceCounts& counts);
  ~Session() = default;

  // ---- what the derived side does

  // A request begins (server only). Null: refuse it.
  virtual Stream* begin_stream(uint32_t id) = 0;
  virtual void on_field(Stream& stream, const FieldLine& line) = 0;
  // The header block is complete. Otherwise than null: why it is malformed.
  virtual const char* on_head(Stream& stream) = 0;
  // Octets came, or END_STREAM. Otherwise than null: why the stream has to be reset.
  virtual const char* on_data(Stream& stream, size_t octets) = 0;
  // It was reset, by the peer or for a fault of the peer's. Not in the table any more.
  virtual void on_reset(Stream& stream) = 0;
  // More of `stream` may be sent.
  virtual void on_window(Stream& stream) = 0;
  virtual void on_connection_window() = 0;
  virtual void on_goaway(uint32_t last_stream, ErrorCode code) = 0;
  virtual void on_ping_ack(uint64_t opaque) = 0;
  virtual int64_t now_us() const = 0;

  // ---- what it uses

  // The preface of our side: SETTINGS and the connection's window.
  void begin();
  // Takes whole frames off `octets`; returns how many octets were used. Stops when it failed, or
  // when too much output waits.
  size_t take(std::string_view octets);
  void add_stream(Stream& stream);
  // Forgets a stream that both sides have ended or that was reset.
  void close_stream(Stream& stream, bool by_us);
  void close_if_ended(Stream& stream);
  // A connection error: GOAWAY, and no frame after it is taken.
  void fail(ErrorCode code, const char* reason);
  void send_goaway(uint32_t last_stream, ErrorCode code);
  void send_ping(uint64_t opaque, bool ack);
  bool spend(Nuisance nuisance);

  Buffer& output() { return output_; }
  void output_left();  // all of it: its memory is given back
  bool output_full() const { return output_.size() >= kOutputHigh; }
  const std::vector<Stream*>& streams() const { return streams_; }
  Stream* find(uint32_t id) const;
  uint32_t last_peer_stream() const { return last_peer_stream_; }
  uint32_t next_own_stream() { return (next_own_stream_ += 2) - 2; }
  uint32_t streams_left() const { return (kMaxStreamId - next_own_stream_) / 2; }
  uint32_t peer_streams() const { return peer_streams_; }
  bool settings_came() const { return settings_came_; }
  bool in_block() const { return block_.open; }
  Patience& patience() { return patience_; }

 private:
  // The header block that is being received; at most one.
  struct Block {
    bool open = false;
    bool end_stream = false;
    bool opens = false;                       // it is the first of its stream
    uint32_t stream = 0;                      // id
    Stream* target = nullptr;                 // null: decoded and forgotten
    ErrorCode refusal = ErrorCode::no_error;  // reset the stream so when the block is complete
    const char* reason = "";
    uint32_t octets = 0;
    uint64_t said = 0;  // octets of names and values
    uint32_t frames = 0;
  };

  bool take_preface(std::string_view& octets);
  void take_frame(const FrameHeader& header, std::string_view payload);
  void take_data(const FrameHeader& header, std::string_view payload);
  void take_stream_data(Stream& stream, const FrameHeader& header, std::string_view octets);
  void take_late_data(const FrameHeader& header);
  void take_headers(const FrameHeader& header, std::string_view payload);
  bool open_block(const FrameHeader& header);
  bool open_request(const FrameHeader& header);
  void take_continuation(const FrameHeader& header, std::string_view payload);
  void take_fragment(std::string_view fragment, bool last);
  void end_block();
  void take_priority(const FrameHeader& header, std::string_view payload);
  void take_rst_stream(const FrameHeader& header, std::string_view payload);
  void take_settings(const FrameHeader& header, std::string_view payload);
  bool take_setting(uint16_t id, uint32_t value);
  bool take_initial_window(uint32_t value);
  void take_ping(const FrameHeader& header, std::string_view payload);
  void take_goaway(const FrameHeader& header, std::string_view payload);
  void take_window_update(const FrameHeader& header, std::string_view payload);

  bool is_idle(uint32_t id) const;
  bool strip_padding(const FrameHeader& header, std::string_view& payload);
  void fault(Stream& stream, ErrorCode code, const char* reason);
  void write_trailers(Stream& stream, std::string_view lines);
  char* extend_output(size_t bytes);
  char* put_frame(uint32_t length, FrameType type, uint8_t flags, uint32_t stream);
  void write_reset(uint32_t id, ErrorCode code);
  void write_window_update(uint32_t id, uint32_t increment);
  void credit_connection(size_t octets);
  size_t write_data(Stream& stream, std::string_view octets, bool end);

  enum class Ending : uint8_t { unknown, by_us, by_peer, both };
  void remember(uint32_t id, Ending ending);
  Ending ending_of(uint32_t id) const;

  Inflater inflater_;
  Deflater deflater_;
  Buffer output_;
  std::vector<Stream*> streams_;  // by id
  std::vector<uint32_t> ended_;   // a ring of streams that ended lately: id << 2 | Ending
  const Grants& grants_;
  NuisanceCounts& counts_;
  Patience patience_;
  Block block_;
  const char* failure_ = "";
  int64_t send_window_ = kDefaultWindow;
  int64_t receive_window_ = kDefaultWindow;
  int64_t late_window_ = 0;  // of streams that we reset: what is on its way is no nuisance
  uint32_t unread_credit_ = 0;
  uint32_t last_peer_stream_ = 0;
  uint32_t next_own_stream_ = 1;
  int64_t peer_initial_window_ = kDefaultWindow;
  uint32_t peer_streams_ = 0x7fffffff;  // SETTINGS_MAX_CONCURRENT_STREAMS
  uint32_t ended_at_ = 0;
  uint8_t preface_seen_ = 0;
  Role role_;
  bool settings_came_ = false;
  bool failed_ = false;
};

}  // namespace pylon::http::h2

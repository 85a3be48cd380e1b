// Hpack: header compression, both ways. A thin shell around nghttp2's. Source: RFC 7541.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

struct nghttp2_hd_inflater;
struct nghttp2_hd_deflater;

namespace pylon::http::h2 {

struct FieldLine {
  std::string_view name;  // lower case
  std::string_view value;
};

constexpr uint32_t kTableBytes = 4096;  // of either dynamic table, at most

class Inflater {
 public:
  enum class Step : uint8_t {
    field,  // `line` is filled, until the next call
    more,   // the fragment is used up
    end,    // the block is complete
    error,  // COMPRESSION_ERROR: nothing after it can be understood
  };

  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Takes one field off the front of `fragment`. `last`: the block ends with it.
  Step next(std::string_view& fragment, bool last, FieldLine& line);

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

class Deflater {
 public:
  Deflater() = default;  // has no memory until it is used
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // The peer's SETTINGS_HEADER_TABLE_SIZE.
  void limit_table(uint32_t bytes);
  // Octets that encode() may need for these lines.
  size_t bound(std::span<const FieldLine> lines);
  // Writes the block to `to`, which has bound() octets. Returns its size.
  size_t encode(std::span<const FieldLine> lines, char* to);

 private:
  void prepare();

  nghttp2_hd_deflater* deflater_ = nullptr;
  uint32_t table_bytes_ = kTableBytes;
};

}  // namespace pylon::http::h2

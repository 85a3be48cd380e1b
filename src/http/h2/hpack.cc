#include "http/h2/hpack.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <new>
#include <vector>

namespace pylon::http::h2 {
namespace {

const uint8_t* octets_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// The lines as nghttp2 takes them, in memory of the thread.
std::vector<nghttp2_nv>& pairs_of(std::span<const FieldLine> lines) {
  thread_local std::vector<nghttp2_nv> pairs;
  pairs.clear();
  for (const FieldLine& line : lines) {
    pairs.push_back({const_cast<uint8_t*>(octets_of(line.name)),
                     const_cast<uint8_t*>(octets_of(line.value)), line.name.size(),
                     line.value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return pairs;
}

}  // namespace

Inflater::Inflater() {
  if (nghttp2_hd_inflate_new(&inflater_) != 0) throw std::bad_alloc();
}

Inflater::~Inflater() { nghttp2_hd_inflate_del(inflater_); }

Inflater::Step Inflater::next(std::string_view& fragment, bool last, FieldLine& line) {
  nghttp2_nv pair;
  int flags = 0;
  ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &pair, &flags, octets_of(fragment),
                                        fragment.size(), last ? 1 : 0);
  if (used < 0) return Step::error;
  fragment.remove_prefix(static_cast<size_t>(used));
  if (flags & NGHTTP2_HD_INFLATE_EMIT) {
    line.name = {reinterpret_cast<const char*>(pair.name), pair.namelen};
    line.value = {reinterpret_cast<const char*>(pair.value), pair.valuelen};
    return Step::field;
  }
  if (flags & NGHTTP2_HD_INFLATE_FINAL) {
    nghttp2_hd_inflate_end_headers(inflater_);
    return Step::end;
  }
  return last && fragment.empty() ? Step::error : Step::more;
}

Deflater::~Deflater() {
  if (deflater_ != nullptr) nghttp2_hd_deflate_del(deflater_);
}

void Deflater::prepare() {
  if (deflater_ != nullptr) return;
  if (nghttp2_hd_deflate_new(&deflater_, kTableBytes) != 0) throw std::bad_alloc();
}

void Deflater::limit_table(uint32_t bytes) {
  bytes = std::min(bytes, kTableBytes);
  if (bytes == table_bytes_) return;
  prepare();  // which sizes there were has to be told to the peer
  table_bytes_ = bytes;
  nghttp2_hd_deflate_change_table_size(deflater_, table_bytes_);
}

size_t Deflater::bound(std::span<const FieldLine> lines) {
  prepare();
  auto& pairs = pairs_of(lines);
  return nghttp2_hd_deflate_bound(deflater_, pairs.data(), pairs.size());
}

size_t Deflater::encode(std::span<const FieldLine> lines, char* to) {
  prepare();
  auto& pairs = pairs_of(lines);
  size_t room = nghttp2_hd_deflate_bound(deflater_, pairs.data(), pairs.size());
  ssize_t size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(to), room,
                                       pairs.data(), pairs.size());
  if (size < 0) throw std::bad_alloc();  // the only way to fail with that much room
  return static_cast<size_t>(size);
}

}  // namespace pylon::http::h2

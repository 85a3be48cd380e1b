#include "http/h1/head_writer.h"

#include <array>
#include <bit>
#include <memory>

#include "base/short_copy.h"

namespace pylon::http::h1 {
namespace {

struct Scratch {
  std::unique_ptr<char[]> octets;
  size_t size = 0;

  char* at_least(size_t bytes) {
    if (bytes > size) grow(bytes);
    return octets.get();
  }
  [[gnu::cold]] void grow(size_t bytes) {
    size = bytes < 8192 ? 8192 : bytes * 2;
    octets = std::make_unique_for_overwrite<char[]>(size);
  }
};

thread_local Scratch scratch;

struct Phrase {
  uint16_t status;
  std::string_view text;
};

// As nginx says them.
constexpr Phrase kPhrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Time-out"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Requested Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Temporarily Unavailable"},
    {504, "Gateway Time-out"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
};

// "00", "01" ... "99"
constexpr auto kPairs = [] {
  std::array<std::array<char, 2>, 100> pairs{};
  for (size_t i = 0; i < 100; i++) {
    pairs[i] = {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
  }
  return pairs;
}();

constexpr auto kPowersOfTen = [] {
  std::array<uint64_t, 20> powers{1};
  for (size_t i = 1; i < powers.size(); i++) powers[i] = powers[i - 1] * 10;
  return powers;
}();

// A logarithm to 10 is 0.301 of the one to 2: what that gives is the count of digits, or one fewer.
size_t decimal_digits(uint64_t value) {
  value |= 1;
  auto guess = static_cast<size_t>(std::bit_width(value) * 1233 >> 12);
  return guess + (value >= kPowersOfTen[guess]);
}

}  // namespace

HeadWriter::HeadWriter(size_t bytes) : start_(scratch.at_least(bytes)), at_(start_) {}

HeadWriter& HeadWriter::text(std::string_view octets) {
  at_ = copy_short(at_, octets);
  return *this;
}

HeadWriter& HeadWriter::number(uint64_t value) {
  char* to = at_ += decimal_digits(value);
  for (; value >= 100; value /= 100) std::memcpy(to -= 2, &kPairs[value % 100], 2);
  if (value >= 10) {
    std::memcpy(to - 2, &kPairs[value], 2);
  } else {
    to[-1] = static_cast<char>('0' + value);
  }
  return *this;
}

// Neighbours that lie in memory as one piece, as they were received, are copied in one go.
HeadWriter& HeadWriter::fields(const Fields& fields, uint64_t skipped) {
  const char* run = nullptr;  // lines not written yet, up to `run_end`
  const char* run_end = nullptr;
  auto write_run = [&] {
    if (run != run_end) text({run, static_cast<size_t>(run_end - run)});
  };
  for (const Field& field : fields) {
    if (field.removed() || ((skipped >> static_cast<int>(field.id)) & 1)) continue;
    bool goes_on = field.whole_line && field.name_data == run_end;
    if (!goes_on) {
      write_run();
      run = run_end = field.name_data;
    }
    if (field.whole_line) {
      run_end = field.value_data + field.value_size + 2;
    } else {
      this->field(field.name(), field.value());
    }
  }
  write_run();
  return *this;
}

std::string_view status_phrase(int status) {
  static constexpr auto kByStatus = [] {
    std::array<std::string_view, 600> table{};
    for (const Phrase& phrase : kPhrases) table[phrase.status] = phrase.text;
    return table;
  }();
  if (status < 100 || status > 599) return "Unknown";
  std::string_view text = kByStatus[static_cast<size_t>(status)];
  return text.empty() ? "Unknown" : text;
}

}  // namespace pylon::http::h1

#include "http/h1/head_writer.h"

#include <charconv>
#include <memory>

namespace pylon::http::h1 {
namespace {

struct Scratch {
  std::unique_ptr<char[]> octets;
  size_t size = 0;

  char* at_least(size_t bytes) {
    if (bytes > size) {
      size = bytes < 8192 ? 8192 : bytes * 2;
      octets = std::make_unique_for_overwrite<char[]>(size);
    }
    return octets.get();
  }
};

thread_local Scratch scratch;

}  // namespace

HeadWriter::HeadWriter(size_t bytes) : start_(scratch.at_least(bytes)), at_(start_) {}

HeadWriter& HeadWriter::number(uint64_t value) {
  at_ = std::to_chars(at_, at_ + 20, value).ptr;
  return *this;
}

HeadWriter& HeadWriter::fields(const Fields& fields, uint64_t skipped) {
  char* at = at_;
  for (const Field& field : fields) {
    if (field.removed() || ((skipped >> static_cast<int>(field.id)) & 1)) continue;
    const char* after_name = field.name_data + field.name_size;
    if (after_name + 2 == field.value_data && *after_name == ':') {
      // As received: "name: value" lies there in one piece.
      size_t line = field.name_size + 2u + field.value_size;
      std::memcpy(at, field.name_data, line);
      at += line;
    } else {
      std::memcpy(at, field.name_data, field.name_size);
      at += field.name_size;
      *at++ = ':';
      *at++ = ' ';
      std::memcpy(at, field.value_data, field.value_size);
      at += field.value_size;
    }
    *at++ = '\r';
    *at++ = '\n';
  }
  at_ = at;
  return *this;
}

size_t HeadWriter::bytes_of(const Fields& fields) {
  size_t bytes = 0;
  for (const Field& field : fields) bytes += field.name_size + field.value_size + 4u;
  return bytes;
}

std::string_view status_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 208:
      return "Already Reported";
    case 226:
      return "IM Used";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Moved Temporarily";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Time-out";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "Request-URI Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Requested Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Entity";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Temporarily Unavailable";
    case 504:
      return "Gateway Time-out";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    default:
      return "Unknown";
  }
}

}  // namespace pylon::http::h1

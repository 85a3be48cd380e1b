// Heads: parsing a prefix never says anything that the whole would contradict; nothing is read
// outside the input.
#include <cstdlib>
#include <vector>

#include "http/h1/message.h"
#include "http/h1/parser.h"

using namespace pylon;
using namespace pylon::http;
using namespace pylon::http::h1;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;                     // nobody asks then
  std::vector<char> exact(data, data + size);  // so that a read past the end is seen
  std::string_view input(exact.data(), exact.size());
  Arena arena;
  Request request(arena);
  ParseResult whole = parse_request_head(input, {}, request);
  if (whole.state == Parse::complete) {
    if (whole.head_bytes > size) abort();
    for (const Field& field : request.fields) {
      if (!valid_field_name(field.name()) || !valid_field_value(field.value())) abort();
    }
    RequestRules rules = judge_request(request);
    if (rules.refusal == 0 && rules.framing == Framing::length && request.content_length < 0) {
      abort();
    }
    Request prefix(arena);
    if (parse_request_head(input.substr(0, whole.head_bytes - 1), {}, prefix).state !=
        Parse::incomplete) {
      abort();
    }
  }
  Response response(arena);
  int minor = 0;
  ParseResult answer = parse_response_head(input, {}, response, minor);
  if (answer.state == Parse::complete) {
    if (response.status < 100 || response.status > 599) abort();
    (void)judge_response(response, minor, Method::get);
  }
  return 0;
}

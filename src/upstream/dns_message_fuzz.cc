// Any octets as an answer: never a crash, never more than the limits, never somebody else's answer.
#include <cstdint>
#include <cstdlib>

#include "upstream/dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pylon::upstream::dns;
  std::string message(reinterpret_cast<const char*>(data), size);
  Question question{0x1234, size % 2 == 0 ? Type::a : Type::aaaa, "www.example.com"};
  std::string sent = encode(question);
  for (bool with_our_question : {false, true}) {
    if (with_our_question) {
      // The fuzzer gets past the checks: our id and question, its flags, counts and records.
      if (size < 12) return 0;
      message.replace(0, 2, sent, 0, 2);
      message[2] = static_cast<char>(message[2] | 0x80);
      message.replace(4, 2, sent, 4, 2);
      message.insert(12, sent, 12);
    }
    Answer answer = decode(message, question);
    if (answer.addresses.size() > kMaxAddresses) std::abort();
    if ((answer.outcome == Outcome::addresses) == answer.addresses.empty()) std::abort();
    if ((answer.outcome == Outcome::alias) == answer.alias.empty()) std::abort();
  }
  return 0;
}

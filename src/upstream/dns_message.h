// DNS messages: the question we ask and the answer we accept. No I/O.
//
// Answers come from the network and are hostile until shown otherwise: a compressed name may only
// point backwards, chains of aliases and lists of records are bounded, and an answer that does not
// repeat our id and our question is not ours. Sources: RFC 1035 section 4, RFC 2308 (negative
// answers), RFC 3596 (AAAA).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace pylon::upstream::dns {

enum class Type : uint16_t { a = 1, cname = 5, soa = 6, aaaa = 28 };

inline constexpr size_t kMaxTcpBytes = 65535;
inline constexpr size_t kMaxAddresses = 256;  // of one answer; the rest is left out
inline constexpr int kMaxAliases = 8;         // CNAME steps inside one answer

// One question for addresses. `name` is canonical: see canonical_name().
struct Question {
  uint16_t id = 0;
  Type type = Type::a;
  std::string name;
};

// A host name as we keep and compare it: lower case, no dot at the end. Nothing for text that no
// name server could be asked: empty labels, labels over 63 or names over 253 octets, or octets
// other than letters, digits, '-' and '_'.
std::optional<std::string> canonical_name(std::string_view text);

// The message to send: recursion desired, one question of class IN.
std::string encode(const Question& question);

enum class Outcome : uint8_t {
  addresses,  // `addresses` holds at least one
  alias,      // only aliases: ask for `alias` next
  no_data,    // the name exists without an address of this type
  no_name,    // the name does not exist (NXDOMAIN)
  truncated,  // ask again over TCP
  refused,    // the server cannot or will not answer (SERVFAIL, REFUSED, ...): ask another
  not_ours,   // wrong id or question: ignore it and go on waiting
  malformed,  // of our question, but not a DNS answer: as refused
  no_answer,  // never from decode(): time is up, or the network failed
};

struct Answer {
  Outcome outcome = Outcome::malformed;
  std::vector<IpAddress> addresses;  // in the order received, each once
  std::string alias;                 // canonical
  uint32_t ttl_s = 0;  // of addresses and aliases: the least on the way; of no_data and no_name:
                       // from the SOA record, 0 when there is none
};

Answer decode(std::string_view message, const Question& question);

}  // namespace pylon::upstream::dns

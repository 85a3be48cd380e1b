#include "upstream/dns_message.h"

#include <algorithm>
#include <utility>

#include "base/octet_reader.h"
#include "base/strings.h"

namespace pylon::upstream::dns {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kMaxNameText = 253;
constexpr size_t kMaxLabel = 63;
constexpr uint16_t kClassInternet = 1;
constexpr uint16_t kRecursionDesired = 0x0100;
constexpr uint16_t kIsResponse = 0x8000;
constexpr uint16_t kOpcodeMask = 0x7800;
constexpr uint16_t kTruncated = 0x0200;
constexpr uint16_t kRcodeMask = 0x000f;
constexpr uint16_t kNoSuchName = 3;
constexpr uint8_t kPointerBits = 0xc0;

// Reads a message from front to back. Running over the end makes it not ok and yields zeros.
class Reader {
 public:
  explicit Reader(std::string_view message) : message_(message), rest_(message) {}

  bool ok() const { return !rest_.failed(); }
  size_t at() const { return message_.size() - rest_.rest().size(); }

  uint16_t u16() { return static_cast<uint16_t>(rest_.number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(rest_.number(4)); }
  std::string_view take(size_t count) { return rest_.take(count); }

  // A name in text, lower case, labels joined by dots; octets that no host name has become '?', so
  // that such a name equals nothing we asked for. RFC 1035 4.1.4.
  std::string name();

 private:
  static uint8_t byte(char c) { return static_cast<uint8_t>(c); }
  void go_on_at(size_t at) { rest_ = OctetReader(message_.substr(at)); }

  std::string_view message_;
  OctetReader rest_;
};

bool is_name_octet(char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; }

void append_label(std::string_view label, std::string& text) {
  if (!text.empty()) text += '.';
  for (char c : label) text += is_name_octet(c) ? to_lower(c) : '?';
}

std::string Reader::name() {
  std::string text;
  if (!ok()) return text;
  size_t at = this->at();
  size_t lowest = at;  // pointers must go below everything read so far: no loops
  bool jumped = false;
  while (at < message_.size()) {
    uint8_t length = byte(message_[at]);
    if (length == 0) {
      if (!jumped) go_on_at(at + 1);
      return text;
    }
    if ((length & kPointerBits) == kPointerBits) {
      if (at + 2 > message_.size()) break;
      size_t target = static_cast<size_t>(length & 0x3f) << 8 | byte(message_[at + 1]);
      if (target >= lowest) break;
      if (!jumped) go_on_at(at + 2);
      jumped = true;
      lowest = at = target;
      continue;
    }
    if (length > kMaxLabel || at + 1 + length > message_.size()) break;
    append_label(message_.substr(at + 1, length), text);
    if (text.size() > kMaxNameText) break;
    at += 1 + length;
  }
  rest_.take(message_.size() + 1);  // fails
  return {};
}

struct Record {
  std::string owner;
  uint16_t type = 0;
  uint32_t ttl_s = 0;
  std::string target;           // of a CNAME
  std::string_view data;        // of an address
  uint32_t negative_ttl_s = 0;  // of a SOA: its last field
};

// RFC 2181 section 8: a TTL with the top bit set counts as zero.
uint32_t sane_ttl(uint32_t ttl_s) { return ttl_s > 0x7fffffff ? 0 : ttl_s; }

// False when the message ends inside the record or its data are not of its type's form. Types that
// are of no interest to us are skipped over.
bool read_record(Reader& reader, Record& record) {
  record.owner = reader.name();
  record.type = reader.u16();
  uint16_t record_class = reader.u16();
  record.ttl_s = sane_ttl(reader.u32());
  size_t length = reader.u16();
  if (!reader.ok()) return false;
  if (record_class != kClassInternet) record.type = 0;
  size_t end = reader.at() + length;
  switch (static_cast<Type>(record.type)) {
    case Type::cname:
      record.target = reader.name();
      break;
    case Type::soa:
      reader.name();
      reader.name();
      reader.take(16);
      record.negative_ttl_s = std::min(record.ttl_s, sane_ttl(reader.u32()));
      break;
    case Type::a:
    case Type::aaaa:
    default:
      record.data = reader.take(length);
  }
  return reader.ok() && reader.at() == end;
}

struct Header {
  uint16_t id, flags, questions, answers, authorities;
};

Header read_header(Reader& reader) {
  Header header{reader.u16(), reader.u16(), reader.u16(), reader.u16(), reader.u16()};
  reader.u16();  // additional records: not looked at
  return header;
}

bool is_ours(Reader& reader, const Header& header, const Question& question) {
  if (header.id != question.id || (header.flags & kIsResponse) == 0) return false;
  if ((header.flags & kOpcodeMask) != 0 || header.questions != 1) return false;
  bool same_name = reader.name() == question.name;
  bool same_type = reader.u16() == static_cast<uint16_t>(question.type);
  bool same_class = reader.u16() == kClassInternet;
  return reader.ok() && same_name && same_type && same_class;
}

size_t address_bytes(Type type) { return type == Type::a ? 4 : 16; }

IpAddress address_of(std::string_view data) {
  const auto* octets = reinterpret_cast<const uint8_t*>(data.data());
  return data.size() == 4 ? IpAddress::v4_bytes(octets) : IpAddress::v6_bytes(octets);
}

// Follows the aliases from the name asked for; returns the name they end at. A chain that is too
// long, or runs in a circle, gives an empty name.
std::string follow_aliases(const std::vector<Record>& records, const Question& question,
                           uint32_t& ttl_s) {
  std::string name = question.name;
  for (int step = 0; step <= kMaxAliases; ++step) {
    auto alias = std::find_if(records.begin(), records.end(), [&](const Record& record) {
      return record.type == static_cast<uint16_t>(Type::cname) && record.owner == name;
    });
    if (alias == records.end()) return name;
    ttl_s = std::min(ttl_s, alias->ttl_s);
    name = alias->target;
  }
  return {};
}

void collect_addresses(const std::vector<Record>& records, const std::string& owner, Type type,
                       Answer& answer) {
  for (const Record& record : records) {
    if (record.type != static_cast<uint16_t>(type) || record.owner != owner) continue;
    if (record.data.size() != address_bytes(type)) continue;
    IpAddress address = address_of(record.data);
    auto& known = answer.addresses;
    if (std::find(known.begin(), known.end(), address) != known.end()) continue;
    if (known.size() == kMaxAddresses) return;
    known.push_back(address);
    answer.ttl_s = std::min(answer.ttl_s, record.ttl_s);
  }
}

bool read_records(Reader& reader, size_t count, std::vector<Record>& records) {
  constexpr size_t kMaxRecords = 1024;
  if (count > kMaxRecords) return false;
  for (size_t i = 0; i < count; ++i) {
    Record record;
    if (!read_record(reader, record)) return false;
    records.push_back(std::move(record));
  }
  return true;
}

uint32_t negative_ttl(Reader& reader, size_t authorities) {
  std::vector<Record> records;
  read_records(reader, authorities, records);  // what was readable is enough
  for (const Record& record : records) {
    if (record.type == static_cast<uint16_t>(Type::soa)) return record.negative_ttl_s;
  }
  return 0;
}

Answer negative(Outcome outcome, uint32_t ttl_s = 0) {
  Answer answer;
  answer.outcome = outcome;
  answer.ttl_s = ttl_s;
  return answer;
}

}  // namespace

std::optional<std::string> canonical_name(std::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  if (text.empty() || text.size() > kMaxNameText) return std::nullopt;
  for (std::string_view label : split(text, '.')) {
    if (label.empty() || label.size() > kMaxLabel) return std::nullopt;
    if (!std::all_of(label.begin(), label.end(), is_name_octet)) return std::nullopt;
  }
  return to_lower(text);
}

std::string encode(const Question& question) {
  std::string message;
  auto u16 = [&](uint16_t value) {
    message += static_cast<char>(value >> 8);
    message += static_cast<char>(value & 0xff);
  };
  u16(question.id);
  u16(kRecursionDesired);
  u16(1);
  for (int counts_of_records = 0; counts_of_records < 3; ++counts_of_records) u16(0);
  for (std::string_view label : split(question.name, '.')) {
    message += static_cast<char>(label.size());
    message += label;
  }
  message += '\0';
  u16(static_cast<uint16_t>(question.type));
  u16(kClassInternet);
  return message;
}

Answer decode(std::string_view message, const Question& question) {
  if (message.size() < kHeaderBytes || message.size() > kMaxTcpBytes) {
    return negative(Outcome::not_ours);
  }
  Reader reader(message);
  Header header = read_header(reader);
  if (!is_ours(reader, header, question)) return negative(Outcome::not_ours);
  if ((header.flags & kTruncated) != 0) return negative(Outcome::truncated);
  uint16_t rcode = header.flags & kRcodeMask;
  if (rcode != 0 && rcode != kNoSuchName) return negative(Outcome::refused);

  std::vector<Record> records;
  if (!read_records(reader, header.answers, records)) return negative(Outcome::malformed);
  Answer answer;
  answer.ttl_s = 0x7fffffff;
  std::string owner = follow_aliases(records, question, answer.ttl_s);
  if (owner.empty()) return negative(Outcome::malformed);
  if (rcode == kNoSuchName) {
    return negative(Outcome::no_name, negative_ttl(reader, header.authorities));
  }
  collect_addresses(records, owner, question.type, answer);
  if (!answer.addresses.empty()) {
    answer.outcome = Outcome::addresses;
    return answer;
  }
  // Aliases and a SOA record: the server says that their end has no such address.
  uint32_t ttl_s = negative_ttl(reader, header.authorities);
  if (owner == question.name || ttl_s > 0) return negative(Outcome::no_data, ttl_s);
  std::optional<std::string> alias = canonical_name(owner);
  if (!alias) return negative(Outcome::malformed);
  answer.outcome = Outcome::alias;
  answer.alias = *alias;
  return answer;
}

}  // namespace pylon::upstream::dns

#include "upstream/dns_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pylon::upstream::dns {
namespace {

using ::testing::ElementsAre;

const Question kQuestion{0xbeef, Type::a, "www.example.com"};

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string name_of(std::string_view text) {
  Question question{0, Type::a, std::string(text)};
  std::string message = encode(question);
  return message.substr(12, message.size() - 16);
}

std::string record(std::string_view owner, unsigned type, uint32_t ttl_s, std::string_view data,
                   unsigned record_class = 1) {
  return std::string(owner) + u16(type) + u16(record_class) + u16(ttl_s >> 16) +
         u16(ttl_s & 0xffff) + u16(static_cast<unsigned>(data.size())) + std::string(data);
}

// An answer to kQuestion whose records are given in wire form.
struct Reply {
  unsigned flags = 0x8180;
  unsigned answers = 0;
  unsigned authorities = 0;
  std::string records;
  Question question = kQuestion;

  Reply& answer(const std::string& wire) {
    ++answers;
    records += wire;
    return *this;
  }
  Reply& authority(const std::string& wire) {
    ++authorities;
    records += wire;
    return *this;
  }
  std::string wire() const {
    return u16(question.id) + u16(flags) + u16(1) + u16(answers) + u16(authorities) + u16(0) +
           encode(question).substr(12) + records;
  }
  Answer decoded() const { return decode(wire(), kQuestion); }
};

const std::string kOwner = "\xc0\x0c";  // a pointer to the question's name

std::string a_record(std::string_view last, uint32_t ttl_s = 60) {
  return record(kOwner, 1, ttl_s, "\x0a\x01\x02" + std::string(last));
}

std::string soa(uint32_t ttl_s, uint32_t minimum_s) {
  std::string data = name_of("ns.example.com") + name_of("admin.example.com") + std::string(16, 0);
  return record(name_of("example.com"), 6, ttl_s,
                data + u16(minimum_s >> 16) + u16(minimum_s & 0xffff));
}

TEST(DnsMessage, EncodesAQuestion) {
  Question question{0x0102, Type::aaaa, "a.bc"};
  std::string expected(
      "\x01\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01"
      "a\x02"
      "bc\x00\x00\x1c\x00\x01",
      22);
  EXPECT_EQ(encode(question), expected);
}

TEST(DnsMessage, CanonicalNames) {
  EXPECT_EQ(canonical_name("WWW.Example.com."), "www.example.com");
  EXPECT_EQ(canonical_name("_srv.a-b"), "_srv.a-b");
  for (const char* bad : {"", ".", "a..b", ".a", "a b", "a/b", "a\xc3\xa4", "a.b.."}) {
    EXPECT_EQ(canonical_name(bad), std::nullopt) << bad;
  }
  EXPECT_TRUE(canonical_name(std::string(63, 'a')));
  EXPECT_FALSE(canonical_name(std::string(64, 'a')));
  std::string label(61, 'a');
  std::string longest = label + '.' + label + '.' + label + '.' + label + ".abcde";
  EXPECT_EQ(longest.size(), 253u);
  EXPECT_TRUE(canonical_name(longest));
  EXPECT_FALSE(canonical_name(longest + 'f'));
}

TEST(DnsMessage, AddressesInOrderWithTheLeastTtl) {
  Answer answer = Reply()
                      .answer(a_record("\x03", 90))
                      .answer(a_record("\x01", 30))
                      .answer(a_record("\x03"))
                      .decoded();
  EXPECT_EQ(answer.outcome, Outcome::addresses);
  EXPECT_THAT(answer.addresses,
              ElementsAre(*IpAddress::parse("10.1.2.3"), *IpAddress::parse("10.1.2.1")));
  EXPECT_EQ(answer.ttl_s, 30u);
}

TEST(DnsMessage, Ipv6Addresses) {
  Question question{7, Type::aaaa, "v6.test"};
  Reply reply;
  reply.question = question;
  reply.answer(record(kOwner, 28, 5, std::string("\x20\x01") + std::string(13, 0) + "\x01"));
  Answer answer = decode(reply.wire(), question);
  EXPECT_THAT(answer.addresses, ElementsAre(*IpAddress::parse("2001::1")));
}

TEST(DnsMessage, FollowsAliasesInsideTheAnswer) {
  std::string middle = name_of("mid.example.net");
  std::string last = name_of("last.example.org");
  Answer answer = Reply()
                      .answer(record(middle, 5, 20, last))  // any order
                      .answer(record(kOwner, 5, 300, middle))
                      .answer(record(last, 1, 40, "\x01\x01\x01\x01"))
                      .decoded();
  EXPECT_EQ(answer.outcome, Outcome::addresses);
  EXPECT_EQ(answer.ttl_s, 20u);
  EXPECT_THAT(answer.addresses, ElementsAre(*IpAddress::parse("1.1.1.1")));
}

TEST(DnsMessage, AliasWithoutAddressIsToBeAsked) {
  Answer answer = Reply().answer(record(kOwner, 5, 300, name_of("Other.Test"))).decoded();
  EXPECT_EQ(answer.outcome, Outcome::alias);
  EXPECT_EQ(answer.alias, "other.test");
  EXPECT_EQ(answer.ttl_s, 300u);
}

TEST(DnsMessage, CirclesAndLongChainsAreMalformed) {
  EXPECT_EQ(Reply().answer(record(kOwner, 5, 1, kOwner)).decoded().outcome, Outcome::malformed);
  Reply circle;
  circle.answer(record(kOwner, 5, 1, name_of("b"))).answer(record(name_of("b"), 5, 1, kOwner));
  EXPECT_EQ(circle.decoded().outcome, Outcome::malformed);
  Reply chain;
  std::string owner = kOwner;
  for (int i = 0; i <= kMaxAliases; ++i) {
    std::string next = name_of("n" + std::to_string(i));
    chain.answer(record(owner, 5, 1, next));
    owner = next;
  }
  EXPECT_EQ(chain.decoded().outcome, Outcome::malformed);
}

TEST(DnsMessage, ForeignRecordsAreNotTaken) {
  Answer answer = Reply()
                      .answer(record(name_of("evil.test"), 1, 60, "\x06\x06\x06\x06"))
                      .answer(record(kOwner, 1, 60, "\x06\x06\x06\x06", 3))  // class CHAOS
                      .answer(record(kOwner, 16, 60, "\x04text"))
                      .answer(a_record("\x09"))
                      .decoded();
  EXPECT_THAT(answer.addresses, ElementsAre(*IpAddress::parse("10.1.2.9")));
}

TEST(DnsMessage, NegativeAnswersTakeTheSoaTtl) {
  Reply none;
  none.authority(soa(900, 120));
  EXPECT_EQ(none.decoded().outcome, Outcome::no_data);
  EXPECT_EQ(none.decoded().ttl_s, 120u);
  none.flags |= 3;
  EXPECT_EQ(none.decoded().outcome, Outcome::no_name);
  Reply bare;
  EXPECT_EQ(bare.decoded().outcome, Outcome::no_data);
  EXPECT_EQ(bare.decoded().ttl_s, 0u);
}

TEST(DnsMessage, ServerTroubleAndTruncation) {
  Reply reply;
  reply.flags |= 2;
  EXPECT_EQ(reply.decoded().outcome, Outcome::refused);
  Reply cut;
  cut.flags |= 0x0200;
  cut.answers = 40;
  EXPECT_EQ(cut.decoded().outcome, Outcome::truncated);
}

TEST(DnsMessage, WhatIsNotOursIsIgnored) {
  Reply other_id;
  other_id.question.id = 1;
  Reply other_name;
  other_name.question.name = "www.example.org";
  Reply other_type;
  other_type.question.type = Type::aaaa;
  Reply query;
  query.flags = 0x0100;
  for (const Reply& reply : {other_id, other_name, other_type, query}) {
    EXPECT_EQ(reply.decoded().outcome, Outcome::not_ours);
  }
  Reply shouting;  // case does not matter
  shouting.question.name = "WWW.EXAMPLE.COM";
  shouting.answer(a_record("\x01"));
  EXPECT_EQ(shouting.decoded().outcome, Outcome::addresses);
}

TEST(DnsMessage, EveryCutIsRefused) {
  std::string whole = Reply().answer(a_record("\x01")).answer(a_record("\x02")).wire();
  for (size_t size = 0; size < whole.size(); ++size) {
    Outcome outcome = decode(whole.substr(0, size), kQuestion).outcome;
    EXPECT_TRUE(outcome == Outcome::malformed || outcome == Outcome::not_ours) << size;
  }
}

TEST(DnsMessage, PointersOnlyGoBack) {
  size_t first_record = encode(kQuestion).size();
  std::string to_itself = "\xc0" + std::string(1, static_cast<char>(first_record));
  EXPECT_EQ(Reply().answer(record(to_itself, 1, 1, "\x01\x01\x01\x01")).decoded().outcome,
            Outcome::malformed);
  EXPECT_EQ(Reply().answer(record("\xff\xff", 1, 1, "\x01\x01\x01\x01")).decoded().outcome,
            Outcome::malformed);
  EXPECT_EQ(Reply().answer(record("\x80", 1, 1, "\x01\x01\x01\x01")).decoded().outcome,
            Outcome::malformed);
}

TEST(DnsMessage, CountsAreBounded) {
  Reply many;
  for (unsigned i = 0; i < 300; ++i) {
    many.answer(record(kOwner, 1, 60, "\x0a\x01" + u16(i)));
  }
  EXPECT_EQ(many.decoded().addresses.size(), kMaxAddresses);
  Reply lying;
  lying.answers = 65535;
  EXPECT_EQ(lying.decoded().outcome, Outcome::malformed);
  EXPECT_EQ(Reply().answer(record(kOwner, 1, 60, "\x01\x01\x01")).decoded().outcome,
            Outcome::no_data);  // three octets are no address
}

TEST(DnsMessage, HugeTtlCountsAsZero) {
  EXPECT_EQ(Reply().answer(a_record("\x01", 0x80000000)).decoded().ttl_s, 0u);
}

}  // namespace
}  // namespace pylon::upstream::dns

#include "tls/ticket_secret.h"

#include <gtest/gtest.h>

#include "tls/session_store.h"

namespace pylon::tls {
namespace {

constexpr int64_t kHalfDay = TicketSecret::kKeyLifeS;
constexpr int64_t kNow = 40'000 * kHalfDay + 5;

bool same(const TicketKey& a, const TicketKey& b) {
  return a.name == b.name && a.seal == b.seal && a.sign == b.sign;
}

TEST(TicketSecret, each_key_is_read_for_half_a_day_more) {
  TicketSecret secret;
  secret.advance(kNow);
  TicketKey first = secret.key(0);
  EXPECT_FALSE(secret.advance(kNow + kHalfDay - 6));
  EXPECT_TRUE(secret.advance(kNow + kHalfDay));
  EXPECT_FALSE(same(secret.key(0), first));
  EXPECT_TRUE(same(secret.key(1), first));
  secret.advance(kNow + 2 * kHalfDay);
  EXPECT_FALSE(same(secret.key(1), first));
}

TEST(TicketSecret, another_process_has_the_same_keys_whenever_it_took_them) {
  TicketSecret ours, theirs, late;
  ours.advance(kNow);
  ASSERT_TRUE(theirs.take(ours.octets().expose()));
  ours.advance(kNow + 3 * kHalfDay);
  theirs.advance(kNow + 3 * kHalfDay);
  EXPECT_TRUE(same(ours.key(0), theirs.key(0)));
  ASSERT_TRUE(late.take(ours.octets().expose()));
  EXPECT_TRUE(same(late.key(1), theirs.key(1)));
  EXPECT_FALSE(late.take("short"));
  EXPECT_TRUE(same(late.key(1), theirs.key(1)));
}

TEST(TicketSecret, a_clock_that_is_set_back_changes_nothing) {
  TicketSecret secret;
  secret.advance(kNow);
  TicketKey key = secret.key(0);
  EXPECT_FALSE(secret.advance(kNow - 5 * kHalfDay));
  EXPECT_TRUE(same(secret.key(0), key));
}

TEST(TicketSecret, a_store_has_the_keys_of_what_it_takes) {
  SessionStore store, next;
  TicketSecret secret;
  secret.advance(kNow);
  EXPECT_FALSE(same(store.ticket_key(kNow, 0), secret.key(0)));
  ASSERT_TRUE(store.take_tickets(secret.octets().expose()));
  ASSERT_TRUE(next.take_tickets(secret.octets().expose()));
  EXPECT_TRUE(same(store.ticket_key(kNow, 0), secret.key(0)));
  TicketKey before = store.ticket_key(kNow, 0);
  EXPECT_TRUE(same(next.ticket_key(kNow + kHalfDay, 1), before));
  EXPECT_FALSE(same(next.ticket_key(kNow + kHalfDay, 0), before));
}

}  // namespace
}  // namespace pylon::tls

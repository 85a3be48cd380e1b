#include "config/credential_index.h"

#include <gtest/gtest.h>

namespace pylon::config {
namespace {

Ref<const KnownConsumer> consumer(std::string name) {
  auto made = make_ref<KnownConsumer>();
  made->name = std::move(name);
  return made;
}

Ref<const Credential> credential(std::string of, std::string id = {}) {
  auto made = make_ref<Credential>();
  made->consumer = consumer(std::move(of));
  made->id = std::move(id);
  return made;
}

TEST(CredentialIndex, FindsByPluginAndKey) {
  auto edit = CredentialIndex().edit();
  edit.insert("key-auth", "k1", credential("ann"));
  edit.insert("jwt-auth", "k1", credential("bob"));
  CredentialIndex index = std::move(edit).commit();
  ASSERT_NE(index.find("key-auth", "k1"), nullptr);
  EXPECT_EQ(index.find("key-auth", "k1")->consumer->name, "ann");
  EXPECT_EQ(index.find("jwt-auth", "k1")->consumer->name, "bob");
  EXPECT_EQ(index.find("key-auth", "k2"), nullptr);
  EXPECT_EQ(index.find("basic-auth", "k1"), nullptr);
  EXPECT_EQ(index.find("key-auth", ""), nullptr);
}

TEST(CredentialIndex, AVersionStaysAsItIs) {
  auto first_edit = CredentialIndex().edit();
  first_edit.insert("key-auth", "k", credential("ann"));
  CredentialIndex first = std::move(first_edit).commit();
  auto second_edit = first.edit();
  second_edit.insert("key-auth", "k", credential("bob"));
  CredentialIndex second = std::move(second_edit).commit();
  EXPECT_EQ(first.find("key-auth", "k")->consumer->name, "ann");
  EXPECT_EQ(second.find("key-auth", "k")->consumer->name, "bob");
}

TEST(CredentialIndex, OnlyTheOwnerGivesAKeyUp) {
  auto edit = CredentialIndex().edit();
  edit.insert("key-auth", "k", credential("ann", "c1"));
  EXPECT_FALSE(edit.erase("key-auth", "k", "ann", "c2"));
  EXPECT_FALSE(edit.erase("key-auth", "k", "bob", "c1"));
  EXPECT_FALSE(edit.erase("key-auth", "other", "ann", "c1"));
  EXPECT_TRUE(edit.erase("key-auth", "k", "ann", "c1"));
  EXPECT_EQ(std::move(edit).commit().size(), 0u);
}

TEST(CredentialIndex, FindsConsumersByName) {
  auto edit = CredentialIndex().edit();
  edit.insert_consumer(consumer("anonymous"));
  CredentialIndex index = std::move(edit).commit();
  ASSERT_NE(index.find_consumer("anonymous"), nullptr);
  EXPECT_EQ(index.find_consumer("nobody"), nullptr);
  auto again = index.edit();
  again.erase_consumer("anonymous");
  EXPECT_EQ(std::move(again).commit().find_consumer("anonymous"), nullptr);
}

}  // namespace
}  // namespace pylon::config

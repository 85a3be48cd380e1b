#include "http/fields.h"

#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace pylon::http {
namespace {

TEST(FieldId, KnownNamesAreFoundInAnyCase) {
  for (int i = 1; i < static_cast<int>(FieldId::count_); i++) {
    auto id = static_cast<FieldId>(i);
    std::string_view name = field_name(id);
    EXPECT_EQ(field_id(name), id) << name;
    EXPECT_EQ(field_id(to_lower(name)), id) << name;
    EXPECT_EQ(field_id(to_upper(name)), id) << name;
  }
}

TEST(FieldId, NamesThatDifferInOneOctetAreOthers) {
  for (int i = 1; i < static_cast<int>(FieldId::count_); i++) {
    std::string_view name = field_name(static_cast<FieldId>(i));
    for (size_t at = 0; at < name.size(); at++) {
      std::string changed(name);
      changed[at] = changed[at] == '9' ? '8' : '9';
      EXPECT_EQ(field_id(changed), FieldId::other) << changed;
      changed[at] = static_cast<char>(name[at] ^ 0x40);  // '-' and 'm' fold to different octets
      EXPECT_EQ(field_id(changed), FieldId::other) << changed;
    }
    EXPECT_EQ(field_id(std::string(name) + "s"), FieldId::other);
    EXPECT_EQ(field_id(name.substr(1)), FieldId::other);
  }
  EXPECT_EQ(field_id(""), FieldId::other);
  EXPECT_EQ(field_id("x"), FieldId::other);
}

TEST(Fields, AReplacedValueIsNoLongerTheLineThatWasReceived) {
  Arena arena;
  Fields fields(arena);
  fields.push(FieldId::host, "Host", "a", true);
  EXPECT_TRUE(fields.begin()->whole_line);
  fields.set(FieldId::host, "b");
  EXPECT_FALSE(fields.begin()->whole_line);
}

TEST(Fields, SetLeavesOneFieldOfAName) {
  for (std::string_view name : {"Server", "X-Other"}) {
    Arena arena;
    Fields fields(arena);
    fields.set(name, "first");
    EXPECT_EQ(fields.get(name), "first");
    fields.add("Date", "d");
    fields.add(name, "second");
    fields.add("X-Another", "a");
    fields.add(name, "third");
    fields.set(name, "new");
    fields.set(name, "newest");
    int left = 0;
    for (const Field& field : fields) left += field.name() == name;
    EXPECT_EQ(left, 1);
    EXPECT_EQ(fields.get(name), "newest");
    EXPECT_EQ(fields.get("Date"), "d");
    EXPECT_EQ(fields.get("X-Another"), "a");
    fields.remove(name);
    fields.set(name, "again");
    EXPECT_EQ(fields.get(name), "again");
  }
}

}  // namespace
}  // namespace pylon::http

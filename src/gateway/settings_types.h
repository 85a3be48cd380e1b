// What the value of a configuration key looks like: how it is read into Settings, what it is
// called, and how a default is shown. For the tables in settings_keys_*.cc.
//
//   flag<&Settings::proxy, &ProxySettings::enable_ipv6>()
//
// names the member that the key is stored in; reader and default come from that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "gateway/settings.h"

namespace pylon::gateway {

struct KeyType {
  // Stores the value. An error without text means "not what `expects` says".
  Result<void> (*read)(const Json& value, Settings& into);
  std::string (*expects)();                       // "true or false"
  std::string (*show)(const Settings& defaults);  // as YAML; null: there is no default
  void (*clear)(Settings& into) = nullptr;        // for an explicit null; null: the default stays
  bool open = false;                              // may have members that no table knows
};

// Readers of single values. False when the value does not fit; `out` is then as before.
bool read_flag(const Json& value, bool& out);         // true, false, nginx's "on" and "off"
bool read_text(const Json& value, std::string& out);  // numbers become text
bool read_integer(const Json& value, int64_t min, int64_t max, int64_t& out);
bool read_duration(const Json& value, int64_t& out_ms);  // 60, "60s", "1m30s", "500ms"
bool read_bytes(const Json& value, uint64_t& out);       // 16384, "16k", "1m", "1g"
bool read_texts(const Json& value, std::vector<std::string>& out);
bool read_word(const Json& value, const std::string_view* words, size_t count, size_t& out);
bool read_ip(const Json& value, std::string& out);  // numeric; brackets are taken off
// The error names the entry that is neither an address nor a block. "unix:" is skipped.
Result<void> read_addresses(const Json& value, AddressList& out);

std::string show_text(std::string_view text);
std::string show_duration(int64_t ms);
std::string show_bytes(uint64_t bytes);
std::string show_texts(const std::vector<std::string>& texts);
std::string list_words(const std::string_view* words, size_t count);  // "one of a, b"

inline Result<void> fits(bool read) {
  if (read) return {};
  return fail("");
}

template <auto First, auto... Rest, class T>
auto& member_of(T& object) {
  if constexpr (sizeof...(Rest) == 0) {
    return object.*First;
  } else {
    return member_of<Rest...>(object.*First);
  }
}

template <auto... Member>
constexpr KeyType flag() {
  return {.read = [](const Json& value,
                     Settings& into) { return fits(read_flag(value, member_of<Member...>(into))); },
          .expects = []() -> std::string { return "true or false"; },
          .show = [](const Settings& settings) -> std::string {
            return member_of<Member...>(settings) ? "true" : "false";
          }};
}

template <auto... Member>
constexpr KeyType text() {
  return {
      .read = [](const Json& value,
                 Settings& into) { return fits(read_text(value, member_of<Member...>(into))); },
      .expects = []() -> std::string { return "a text"; },
      .show = [](const Settings& settings) { return show_text(member_of<Member...>(settings)); }};
}

template <int64_t Min, int64_t Max, auto... Member>
constexpr KeyType integer() {
  return {
      .read =
          [](const Json& value, Settings& into) {
            int64_t number = 0;
            if (!read_integer(value, Min, Max, number)) return fits(false);
            auto& member = member_of<Member...>(into);
            member = static_cast<std::remove_reference_t<decltype(member)>>(number);
            return fits(true);
          },
      .expects =
          [] {
            return "a whole number from " + std::to_string(Min) + " to " + std::to_string(Max);
          },
      .show =
          [](const Settings& settings) { return std::to_string(member_of<Member...>(settings)); }};
}

template <auto... Member>
constexpr KeyType port() {
  return integer<1, 65535, Member...>();
}

template <auto... Member>
constexpr KeyType ip() {
  KeyType type = text<Member...>();
  type.read = [](const Json& value, Settings& into) {
    return fits(read_ip(value, member_of<Member...>(into)));
  };
  type.expects = []() -> std::string { return "an IP address"; };
  return type;
}

template <auto... Member>
constexpr KeyType duration() {
  return {
      .read = [](const Json& value,
                 Settings& into) { return fits(read_duration(value, member_of<Member...>(into))); },
      .expects = []() -> std::string { return "a duration (60, 60s, 500ms, 1m30s)"; },
      .show =
          [](const Settings& settings) { return show_duration(member_of<Member...>(settings)); }};
}

// A size of at least Min bytes.
template <uint64_t Min, auto... Member>
constexpr KeyType bytes() {
  return {
      .read =
          [](const Json& value, Settings& into) {
            uint64_t size = 0;
            if (!read_bytes(value, size) || size < Min) return fits(false);
            member_of<Member...>(into) = size;
            return fits(true);
          },
      .expects = []() -> std::string {
        std::string least = Min == 0 ? "" : " of at least " + show_bytes(Min);
        return "a size (16384, 16k, 1m)" + least;
      },
      .show = [](const Settings& settings) { return show_bytes(member_of<Member...>(settings)); }};
}

template <auto... Member>
constexpr KeyType texts() {
  return {
      .read = [](const Json& value,
                 Settings& into) { return fits(read_texts(value, member_of<Member...>(into))); },
      .expects = []() -> std::string { return "a list of texts"; },
      .show = [](const Settings& settings) { return show_texts(member_of<Member...>(settings)); },
      .clear = [](Settings& into) { member_of<Member...>(into).clear(); }};
}

// Words, each standing for the enumerator of the same position.
template <const auto& Words, auto... Member>
constexpr KeyType choice() {
  return {.read =
              [](const Json& value, Settings& into) {
                size_t index = 0;
                if (!read_word(value, std::data(Words), std::size(Words), index))
                  return fits(false);
                auto& member = member_of<Member...>(into);
                member = static_cast<std::remove_reference_t<decltype(member)>>(index);
                return fits(true);
              },
          .expects = [] { return list_words(std::data(Words), std::size(Words)); },
          .show =
              [](const Settings& settings) {
                return std::string(Words[static_cast<size_t>(member_of<Member...>(settings))]);
              }};
}

// Addresses and blocks; an explicit null means "not configured".
template <auto... Member>
constexpr KeyType optional_addresses() {
  return {.read =
              [](const Json& value, Settings& into) {
                return read_addresses(value, member_of<Member...>(into).emplace());
              },
          .expects = []() -> std::string { return "a list of IP addresses and CIDR blocks"; },
          .show =
              [](const Settings& settings) {
                const auto& list = member_of<Member...>(settings);
                return list ? show_texts(list->texts) : std::string();
              },
          .clear = [](Settings& into) { member_of<Member...>(into).reset(); }};
}

// A value of any shape that nothing in this version reads.
constexpr KeyType anything() {
  return {.read = [](const Json&, Settings&) { return fits(true); },
          .expects = []() -> std::string { return "anything"; },
          .show = nullptr,
          .open = true};
}

}  // namespace pylon::gateway

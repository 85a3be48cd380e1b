#include <array>

#include "base/ids.h"
#include "plugin/plugin.h"

namespace pylon::plugins {

enum class IdAlgorithm { uuid, nanoid, range_id, ksuid, uuidv7 };

}  // namespace pylon::plugins

template <>
struct pylon::schema::EnumNames<pylon::plugins::IdAlgorithm> {
  static constexpr std::string_view names[] = {"uuid", "nanoid", "range_id", "ksuid", "uuidv7"};
};

namespace pylon::plugins {
namespace {

using namespace plugin;
using schema::field;

// RFC 9562 5.7: 48 bits of milliseconds, the rest as in a random one.
std::string_view uuid_v7(Arena& arena, int64_t unix_ms) {
  constexpr std::string_view kHex = "0123456789abcdef";
  char* text = arena.bytes(kUuidChars);
  write_uuid_v4(text);
  auto bits = static_cast<uint64_t>(unix_ms);
  for (int i = 11; i >= 0; --i, bits >>= 4) text[i < 8 ? i : i + 1] = kHex[bits & 15];
  text[14] = '7';
  return {text, kUuidChars};
}

// K-sortable unique identifier: seconds since 2014-05-13 in 32 bits and 128 random ones, in
// base 62.
std::string_view ksuid(Arena& arena, int64_t unix_s) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr int64_t kEpoch = 1'400'000'000;
  constexpr size_t kChars = 27;
  std::array<uint32_t, 5> words;  // the most significant first
  random_bytes(words.data(), sizeof words);
  words[0] = static_cast<uint32_t>(unix_s - kEpoch);
  char* text = arena.bytes(kChars);
  for (size_t i = kChars; i-- > 0;) {
    uint64_t rest = 0;
    for (uint32_t& word : words) {
      uint64_t value = (rest << 32) | word;
      word = static_cast<uint32_t>(value / kDigits.size());
      rest = value % kDigits.size();
    }
    text[i] = kDigits[rest];
  }
  return {text, kChars};
}

class RequestId {
 public:
  struct RangeId {
    int length = 16;
    std::string char_set = "abcdefghijklmnopqrstuvwxyzABCDEFGHIGKLMNOPQRSTUVWXYZ0123456789";

    static constexpr auto fields = std::tuple{
        field("length", &RangeId::length, "Characters of an id.").range(6, 1024),
        field("char_set", &RangeId::char_set, "Characters to choose from.").length(6, 256)};
  };
  struct Config {
    std::string header_name = "X-Request-Id";
    bool include_in_response = true;
    IdAlgorithm algorithm = IdAlgorithm::uuid;
    RangeId range_id;

    static constexpr auto fields = std::tuple{
        field("header_name", &Config::header_name, "Field that carries the id."),
        field("include_in_response", &Config::include_in_response,
              "Whether the client is told the id."),
        field("algorithm", &Config::algorithm, "How an id is made."),
        field("range_id", &Config::range_id, "Shape of ids with the algorithm `range_id`.")};
  };
  struct State {
    std::string_view id;
  };

  static constexpr PluginSpec spec{.name = "request-id",
                                   .priority = 12015,
                                   .doc = "Gives each request an id, unless it brings one."};

  static Result<void> check(const Config& config) {
    if (!http::valid_field_name(config.header_name)) return fail("invalid header_name");
    if (!http::valid_field_value(config.range_id.char_set)) return fail("invalid char_set");
    return {};
  }

  explicit RequestId(Config config)
      : config_(std::move(config)), header_id_(http::field_id(config_.header_name)) {}

  Verdict rewrite(Exchange& exchange, State& state) const {
    http::Fields& fields = exchange.request.fields;
    state.id = value_in(fields);
    if (state.id.empty()) {
      state.id = make_id(exchange);
      fields.set(config_.header_name, state.id);
    }
    exchange.request_id = state.id;
    return proceed();
  }

  void header_filter(Exchange& exchange, State& state) const {
    http::Fields& fields = exchange.response.fields;
    if (!config_.include_in_response || state.id.empty() || !value_in(fields).empty()) return;
    fields.set(config_.header_name, state.id);
  }

 private:
  std::string_view value_in(const http::Fields& fields) const {
    return header_id_ != http::FieldId::other ? fields.get(header_id_)
                                              : fields.get(config_.header_name);
  }

  std::string_view make_id(Exchange& exchange) const {
    Arena& arena = exchange.arena;
    switch (config_.algorithm) {
      case IdAlgorithm::uuid: {
        char* text = arena.bytes(kUuidChars);
        write_uuid_v4(text);
        return {text, kUuidChars};
      }
      case IdAlgorithm::nanoid: {
        char* text = arena.bytes(kNanoidChars);
        write_nanoid(text);
        return {text, kNanoidChars};
      }
      case IdAlgorithm::range_id:
        return range_id(arena);
      case IdAlgorithm::ksuid:
        return ksuid(arena, exchange.start_wall_us / 1'000'000);
      case IdAlgorithm::uuidv7:
        return uuid_v7(arena, exchange.start_wall_us / 1000);
    }
    return {};
  }

  std::string_view range_id(Arena& arena) const {
    auto length = static_cast<size_t>(config_.range_id.length);
    const std::string& characters = config_.range_id.char_set;
    char* text = arena.bytes(length);
    for (size_t i = 0; i < length; ++i) {
      text[i] = characters[random_below(static_cast<uint32_t>(characters.size()))];
    }
    return {text, length};
  }

  Config config_;
  http::FieldId header_id_;
};

}  // namespace

PluginType request_id() { return type_of<RequestId>(); }

}  // namespace pylon::plugins

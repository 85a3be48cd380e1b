// JSON of clients and octets of upstreams, into and out of messages of every kind of field. The
// first octet says which it is. What became a message is told and read again without loss.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "protobuf/schema.h"

using namespace pylon;
using namespace pylon::protobuf;

namespace {

constexpr std::string_view kText = R"(
  syntax = "proto3";
  enum Kind { NONE = 0; SOME = 1; }
  message M { int32 a = 1; sint64 b = 2; uint32 c = 3; fixed64 d = 4; double e = 5; bool f = 6;
              string g = 7; bytes h = 8; Kind i = 9; M j = 10; repeated int64 k = 11;
              repeated M l = 12; map<string, M> m = 13; map<bool, uint64> n = 14;
              oneof o { string p = 15; float q = 16; } optional int32 r = 17; }
  service S { rpc Call (M) returns (M); })";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const Schema> schema = *Schema::compile(kText);
  static const Method& call = *schema->method("S", "Call");
  if (size == 0) return 0;
  std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'o') {
    for (JsonForm form : {JsonForm{}, JsonForm{false, Int64Form::hex, Defaults::all}}) {
      if (auto json = call.output->to_json(octets, form)) (void)json->dump();
    }
    return 0;
  }
  Result<Json> json = Json::parse(octets);
  if (!json) return 0;
  Result<std::string> message = call.input->from_json(*json);
  if (message && !call.input->to_json(*message, {})) std::abort();
  return 0;
}

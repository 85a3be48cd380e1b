// Schema: a compiled protocol buffers definition, and its messages from and to JSON.
//
// The JSON is that of APISIX's grpc-transcode (lua-protobuf), not the canonical one: members have
// the names of the fields, 64-bit integers are numbers unless asked otherwise, bytes are the text
// itself. Immutable once compiled; any thread may use it. Sources: the protocol buffers language
// guide, APISIX docs grpc-transcode, lua-protobuf's options.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace pylon::protobuf {

enum class Int64Form { number, text, hex };  // text and hex: only those beyond 32 bits, after a '#'
enum class Defaults { by_syntax, none, all };  // by_syntax: fields of proto3 without a value

struct JsonForm {
  bool enum_names = true;  // else numbers
  Int64Form int64 = Int64Form::number;
  Defaults defaults = Defaults::by_syntax;
};

class Message;

// Valid as long as its schema.
struct Method {
  std::shared_ptr<const Message> input;
  std::shared_ptr<const Message> output;
  bool server_streams = false;
};

// A type of message. Keeps its schema alive, unless it is that of a method.
class Message {
 public:
  virtual ~Message() = default;
  // The message that an object describes, ready to send. Members that name no field are ignored;
  // numbers and booleans may be text, as arguments of a query are. Error: which field is wrong.
  virtual Result<std::string> from_json(const Json& value) const = 0;
  // Error: the octets are no such message.
  virtual Result<Json> to_json(std::string_view octets, const JsonForm& form) const = 0;
};

class Schema {
 public:
  virtual ~Schema() = default;

  // `content`: the text of one .proto file, which may import google/protobuf/*.proto, or a
  // FileDescriptorSet in base64. Error: what is wrong, with line and column.
  static Result<std::shared_ptr<const Schema>> compile(std::string_view content);

  // "helloworld.Greeter", "SayHello". Null: there is none.
  virtual const Method* method(std::string_view service, std::string_view name) const = 0;
  // "helloworld.HelloReply". Null: there is none.
  virtual std::shared_ptr<const Message> message(const std::string& name) const = 0;
};

// The google.rpc.Status that grpc-status-details-bin carries, as {"code","message","details"}. Its
// details are messages of type `detail`; null: they are told as they are, with type_url and value.
Result<Json> status_json(std::string_view octets, const Message* detail, const JsonForm& form);

}  // namespace pylon::protobuf

#include "protobuf/schema.h"

#include <fmt/format.h>
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "base/hash.h"
#include "base/strings.h"
#include "protobuf/json_reader.h"
#include "protobuf/json_writer.h"

// The files of google/protobuf that a definition may import: known to the library once linked in.
#include <google/protobuf/any.pb.h>
#include <google/protobuf/api.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

namespace pylon::protobuf {
namespace {

namespace pb = google::protobuf;

constexpr const char* kFileName = "content.proto";
constexpr std::string_view kRpcStatus =
    "syntax = \"proto3\"; package google.rpc; import \"google/protobuf/any.proto\";"
    "message Status { int32 code = 1; string message = 2;"
    "repeated google.protobuf.Any details = 3; }";

// Keeps the first complaint.
class FirstError final : public pb::io::ErrorCollector, public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (text_.empty()) text_ = fmt::format("line {}, column {}: {}", line + 1, column + 1, message);
  }
  void AddError(const std::string& file, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    if (text_.empty()) text_ = fmt::format("{}: {}", element.empty() ? file : element, message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class CompiledSchema;

class CompiledMessage final : public Message {
 public:
  CompiledMessage(std::shared_ptr<const CompiledSchema> schema, const pb::Message* prototype)
      : schema_(std::move(schema)), prototype_(prototype) {}

  Result<std::string> from_json(const Json& value) const override {
    std::unique_ptr<pb::Message> message(prototype_->New());
    if (auto read = read_json(value, *message); !read) return tl::unexpected(read.error());
    std::string octets;
    if (!message->SerializePartialToString(&octets)) return fail("the message is too large");
    return octets;
  }
  Result<Json> to_json(std::string_view octets, const JsonForm& form) const override {
    std::unique_ptr<pb::Message> message(prototype_->New());
    bool parsed = octets.size() <= INT32_MAX &&
                  message->ParsePartialFromArray(octets.data(), static_cast<int>(octets.size()));
    if (!parsed) return fail("the octets are no such message");
    return write_json(*message, form);
  }
  const pb::Message& prototype() const { return *prototype_; }

 private:
  std::shared_ptr<const CompiledSchema> schema_;
  const pb::Message* prototype_;
};

class CompiledSchema final : public Schema, public std::enable_shared_from_this<CompiledSchema> {
 public:
  CompiledSchema() : pool_(pb::DescriptorPool::generated_pool()), factory_(&pool_) {}

  Result<void> add(const pb::FileDescriptorProto& file) {
    // What the library knows itself is not defined again.
    if (pb::DescriptorPool::generated_pool()->FindFileByName(file.name()) != nullptr) return {};
    FirstError error;
    const pb::FileDescriptor* built = pool_.BuildFileCollectingErrors(file, &error);
    if (built == nullptr) return fail(error.text());
    files_.push_back(built);
    return {};
  }

  // Once all files are in.
  void index_methods() {
    for (const pb::FileDescriptor* file : files_) {
      for (int i = 0; i < file->service_count(); i++) {
        const pb::ServiceDescriptor& service = *file->service(i);
        for (int k = 0; k < service.method_count(); k++) index_method(*service.method(k));
      }
    }
  }

  const Method* method(std::string_view service, std::string_view name) const override {
    auto found = methods_.find(std::string(service).append(".").append(name));
    if (found == methods_.end()) return nullptr;
    return &found->second;
  }
  std::shared_ptr<const Message> message(const std::string& name) const override {
    const pb::Descriptor* type = pool_.FindMessageTypeByName(name);
    return type == nullptr ? nullptr : message_of(type);
  }

  // A schema's own methods may not keep it alive: they are part of it.
  static std::shared_ptr<const Schema> shared(std::shared_ptr<CompiledSchema> schema) {
    schema->index_methods();
    return schema;
  }

 private:
  std::shared_ptr<const Message> message_of(const pb::Descriptor* type) const {
    return std::make_shared<CompiledMessage>(shared_from_this(), factory_.GetPrototype(type));
  }
  void index_method(const pb::MethodDescriptor& method) {
    auto own = [&](const pb::Descriptor* type) {
      return std::make_shared<CompiledMessage>(nullptr, factory_.GetPrototype(type));
    };
    methods_[method.full_name()] = {own(method.input_type()), own(method.output_type()),
                                    method.server_streaming()};
  }

  pb::DescriptorPool pool_;
  mutable pb::DynamicMessageFactory factory_;  // has a lock of its own
  std::vector<const pb::FileDescriptor*> files_;
  StringMap<Method> methods_;
};

Result<std::shared_ptr<const Schema>> compile_text(std::string_view content) {
  FirstError error;
  pb::io::ArrayInputStream input(content.data(), static_cast<int>(content.size()));
  pb::io::Tokenizer tokenizer(&input, &error);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&error);
  pb::FileDescriptorProto file;
  if (!parser.Parse(&tokenizer, &file) || !error.text().empty()) return fail(error.text());
  file.set_name(kFileName);
  auto schema = std::make_shared<CompiledSchema>();
  if (auto added = schema->add(file); !added) return tl::unexpected(added.error());
  return CompiledSchema::shared(std::move(schema));
}

Result<std::shared_ptr<const Schema>> compile_set(std::string_view octets) {
  pb::FileDescriptorSet set;
  bool parsed = set.ParseFromArray(octets.data(), static_cast<int>(octets.size()));
  if (!parsed || set.file_size() == 0) return fail("no descriptor set");
  auto schema = std::make_shared<CompiledSchema>();
  for (const pb::FileDescriptorProto& file : set.file()) {
    if (auto added = schema->add(file); !added) return tl::unexpected(added.error());
  }
  return CompiledSchema::shared(std::move(schema));
}

}  // namespace

Result<std::shared_ptr<const Schema>> Schema::compile(std::string_view content) {
  // The files it may import are in the library's pool once they were asked for.
  static const bool kKnown = [] {
    pb::SetLogHandler(nullptr);  // what is wrong is told by our errors, not on stderr
    pb::Any::descriptor();
    pb::Api::descriptor();
    pb::Duration::descriptor();
    pb::Empty::descriptor();
    pb::FieldMask::descriptor();
    pb::Struct::descriptor();
    pb::Timestamp::descriptor();
    return pb::StringValue::descriptor() != nullptr;
  }();
  (void)kKnown;
  auto text = compile_text(content);
  if (text) return text;
  if (auto octets = base64_decode(trim(content)); octets && !octets->empty()) {
    return compile_set(*octets);
  }
  return text;
}

Result<Json> status_json(std::string_view octets, const Message* detail, const JsonForm& form) {
  static const std::shared_ptr<const Schema> kSchema = *compile_text(kRpcStatus);
  const pb::Message& prototype =
      static_cast<const CompiledMessage&>(*kSchema->message("google.rpc.Status")).prototype();
  std::unique_ptr<pb::Message> status(prototype.New());
  if (!status->ParseFromArray(octets.data(), static_cast<int>(octets.size()))) {
    return fail("the octets are no status");
  }
  Json json = write_json(*status, form);
  if (detail == nullptr) return json;
  const pb::Reflection& reflection = *status->GetReflection();
  const pb::FieldDescriptor* field = status->GetDescriptor()->FindFieldByName("details");
  Json details = Json::array();
  for (int i = 0; i < reflection.FieldSize(*status, field); i++) {
    const pb::Message& any = reflection.GetRepeatedMessage(*status, field, i);
    const pb::FieldDescriptor* value = any.GetDescriptor()->FindFieldByName("value");
    auto told = detail->to_json(any.GetReflection()->GetString(any, value), form);
    if (!told) return told;
    details.push_back(std::move(*told));
  }
  json["details"] = std::move(details);
  return json;
}

}  // namespace pylon::protobuf

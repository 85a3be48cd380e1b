// Writes a message as JSON. Internal to this folder.
#pragma once

#include <google/protobuf/message.h>

#include "base/json.h"
#include "protobuf/schema.h"

namespace pylon::protobuf {

Json write_json(const google::protobuf::Message& message, const JsonForm& form);

}  // namespace pylon::protobuf

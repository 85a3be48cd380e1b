// Fills a message from JSON. Internal to this folder.
#pragma once

#include <google/protobuf/message.h>

#include "base/json.h"
#include "base/result.h"

namespace pylon::protobuf {

// Error: the field, and what is wrong with its value.
Result<void> read_json(const Json& value, google::protobuf::Message& message);

}  // namespace pylon::protobuf

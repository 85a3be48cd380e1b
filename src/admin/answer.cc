#include "admin/answer.h"

namespace pylon::admin {

http::ApiResponse key_not_found() {
  return json_answer(404, Json::object({{"message", "Key not found"}}));
}

http::ApiResponse store_failure(const store::Failure& failure) {
  return error_answer(503, failure.message);
}

}  // namespace pylon::admin

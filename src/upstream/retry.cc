#include "upstream/retry.h"

namespace pylon::upstream {
namespace {

// May the request be sent again without the risk of being carried out twice?
bool is_safe_to_resend(const FailedAttempt& attempt) {
  if (attempt.progress == Progress::nothing_sent) return true;
  return attempt.idempotent && attempt.replayable && attempt.progress != Progress::answer_began;
}

// The peer closed an idle connection just as we took it from the pool: not the node's fault.
bool was_stale(const FailedAttempt& attempt) {
  return attempt.reused_connection && attempt.failure == Failure::closed && !attempt.fresh_tried;
}

}  // namespace

Retry decide(const FailedAttempt& attempt) {
  if (attempt.client_gone || attempt.failure == Failure::local) return Retry::give_up;
  if (!is_safe_to_resend(attempt)) return Retry::give_up;
  if (was_stale(attempt)) return Retry::same_node;
  if (attempt.failure == Failure::malformed) return Retry::give_up;
  if (!attempt.retries_left || attempt.deadline_passed) return Retry::give_up;
  return Retry::next_node;
}

int status_of(const FailedAttempt& attempt) {
  if (attempt.failure == Failure::local) return 503;
  bool only_late = is_safe_to_resend(attempt) && attempt.retries_left && attempt.deadline_passed;
  return attempt.failure == Failure::timeout && !only_late ? 504 : 502;
}

}  // namespace pylon::upstream

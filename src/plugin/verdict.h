// Verdict: what a phase decides about a request: go on, or answer now.
//
// Trivially copyable and small. The body is a view: static text, a string of the plugin's
// configuration, or bytes in the exchange's arena. Fields of the answer are set directly in
// exchange.response.fields; they stay when the request goes on to the upstream.
#pragma once

#include <string>
#include <string_view>

namespace pylon::plugin {

class [[nodiscard]] Verdict {
 public:
  // 0 goes on. Otherwise the request is answered with that status; a body without data() asks for
  // the gateway's own page of that status.
  constexpr Verdict() = default;
  constexpr Verdict(int status, std::string_view body) : body_(body), status_(status) {}

  constexpr bool proceeds() const { return status_ == 0; }
  constexpr bool waits() const { return status_ == kWaits; }
  constexpr bool pauses() const { return status_ == kPauses; }
  constexpr int pause_ms() const { return pause_ms_; }
  constexpr int status() const { return status_; }
  constexpr std::string_view body() const { return body_; }

  static constexpr int kWaits = -1;
  static constexpr int kPauses = -2;

  static constexpr Verdict pause(int ms) {
    Verdict verdict(kPauses, {});
    verdict.pause_ms_ = ms;
    return verdict;
  }

 private:
  std::string_view body_;
  int status_ = 0;
  int pause_ms_ = 0;
};

constexpr Verdict proceed() { return {}; }
// preread only: what has come of the connection does not suffice yet; asked again when there is
// more.
constexpr Verdict wait_for_octets() { return {Verdict::kWaits, {}}; }
// preread only: the session goes on with the next plugin after that time.
constexpr Verdict pause_for(int ms) { return Verdict::pause(ms); }
constexpr Verdict finish(int status, std::string_view body = {}) { return {status, body}; }

// {"message":"..."} and {"error_msg":"..."} with a line feed, as APISIX writes a table. For bodies
// that are known when the configuration is read.
std::string message_body(std::string_view message);
std::string error_body(std::string_view message);

}  // namespace pylon::plugin

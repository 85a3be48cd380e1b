// A name server for tests: answers from a table, at once or when told to.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "upstream/dns_transport.h"

namespace pylon::upstream::dns {

class FakeTransport final : public Transport {
 public:
  static Answer addresses(std::vector<std::string> texts, uint32_t ttl_s = 60) {
    Answer answer = outcome(Outcome::addresses, ttl_s);
    for (const std::string& text : texts) answer.addresses.push_back(*IpAddress::parse(text));
    return answer;
  }
  static Answer alias(std::string name, uint32_t ttl_s = 60) {
    Answer answer = outcome(Outcome::alias, ttl_s);
    answer.alias = std::move(name);
    return answer;
  }
  static Answer outcome(Outcome outcome, uint32_t ttl_s = 0) {
    Answer answer;
    answer.outcome = outcome;
    answer.ttl_s = ttl_s;
    return answer;
  }

  // "udp A www.test" of any server, or "10.0.0.1 udp A www.test" of that one. What has no entry
  // gets no_name.
  std::map<std::string, Answer> answers;
  std::vector<std::string> log;  // the questions, with their server
  bool hold = false;             // answers wait for release()

  void release() {
    hold = false;
    std::deque<std::coroutine_handle<>> held = std::exchange(held_, {});
    for (auto handle : held) handle.resume();
  }
  size_t held() const { return held_.size(); }

  async::Task<Answer> ask_udp(const Server& server, const Question& question, int64_t) override {
    return ask("udp", server, question);
  }
  async::Task<Answer> ask_tcp(const Server& server, const Question& question, int64_t) override {
    return ask("tcp", server, question);
  }

 private:
  struct Hold {
    FakeTransport& transport;
    bool await_ready() const { return !transport.hold; }
    void await_suspend(std::coroutine_handle<> self) { transport.held_.push_back(self); }
    void await_resume() const {}
  };

  async::Task<Answer> ask(std::string way, const Server& server, const Question& question) {
    std::string asked = way + (question.type == Type::a ? " A " : " AAAA ") + question.name;
    std::string of_server = server.address.to_string() + " " + asked;
    log.push_back(of_server);
    Hold wait{*this};
    co_await wait;
    auto found = answers.find(of_server);
    if (found == answers.end()) found = answers.find(asked);
    if (found == answers.end()) co_return outcome(Outcome::no_name);
    co_return found->second;
  }

  std::deque<std::coroutine_handle<>> held_;
};

}  // namespace pylon::upstream::dns

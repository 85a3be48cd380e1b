// SecretStore: what secret managers hold, fetched before it is needed. Control thread.
//
// A reference ($secret://manager/id/path/member) is answered from memory. The first one to a secret
// makes it fetched; when the answer is there, whoever refers to it is told, and again whenever the
// answer changes. Known secrets are fetched anew every `ttl_ms`, and one that cannot be fetched
// keeps its last good value. Requests never wait for a secret manager.
// Source: APISIX docs "Secret"; apisix.lru.secret of config.yaml.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/hash.h"
#include "base/json.h"
#include "config/resource.h"
#include "gateway/gcp.h"
#include "gateway/secret_question.h"
#include "net/loop.h"
#include "net/timer.h"
#include "plugin/http_client.h"

namespace pylon::gateway {

// Who refers to a secret.
struct SecretUser {
  config::Kind kind;
  std::string id;
  auto operator<=>(const SecretUser&) const = default;
};

struct SecretOptions {
  int64_t ttl_ms = 300'000;
  int64_t retry_ms = 60'000;  // after a failure
  int64_t max_secrets = 512;
};

class SecretStore final : private net::Timer {
 public:
  struct Parts {
    net::Loop& loop;
    plugin::HttpClient& http;
    const Clock& clock;
    Environment environment;
    // These refer to a secret that is another one now: to be read again. Called from the loop.
    std::function<void(const std::vector<SecretUser>&)> changed;
  };
  SecretStore(Parts parts, const SecretOptions& options);
  ~SecretStore() override;

  // The object of `secrets` with that id ("vault/1"); null JSON: it is gone.
  void set_manager(const std::string& id, Json value);

  struct Answer {
    enum class State : uint8_t { known, pending, failed } state;
    std::string text;  // failed: why
    Secret value = {};
  };
  Answer find(std::string_view reference, const SecretUser& user);
  // The user is read anew, or gone.
  void forget(const SecretUser& user);

  // Whether every secret that is referred to has had an answer, good or bad.
  bool settled() const { return unanswered_ == 0; }
  // Calls `done` when settled: at once if it is so now.
  void when_settled(std::function<void()> done);

  size_t size() const { return secrets_.size(); }
  // Calls fn("vault/1/path", known, fault) for each secret.
  template <class Fn>
  void for_each(Fn&& fn) const {
    for (const auto& [name, kept] : secrets_) fn(name, kept->known, kept->fault);
  }
  // How often a manager was asked: with an answer, and in vain.
  uint64_t answers() const { return answers_; }
  uint64_t failures() const { return failures_; }

 private:
  static constexpr size_t kMostAtOnce = 8;
  static constexpr int64_t kTimeoutMs = 5'000;

  struct Kept {
    SecretStore* store;
    std::string manager, path;
    SecretMembers members;  // the last good ones
    std::string fault;      // of the last fetch; empty: it was good
    bool known = false;     // there are last good ones
    bool answered = false;
    bool under_way = false;
    bool again = false;    // the manager changed while it was under way
    bool differs = false;  // the last fetch brought other members
    int64_t due_us = 0;
    std::set<SecretUser> users;
    async::Task<void> fetch;
  };

  void fire() override { advance(); }
  Kept* kept_for(const SecretPath& path);
  void advance();
  void start(Kept& kept);
  static void fetched(void* kept);
  void conclude(Kept& kept);
  async::Task<void> fetch(Kept& kept);
  async::Task<Result<SecretMembers>> ask(const Kept& kept);
  async::Task<Result<SecretMembers>> ask_vault(const Kept& kept, Json manager);
  async::Task<Result<SecretMembers>> ask_aws(const Kept& kept, Json manager);
  async::Task<Result<SecretMembers>> ask_gcp(const Kept& kept, Json manager);
  async::Task<Result<GcpToken>> token_of(const std::string& manager, const config::GcpAuth& account,
                                         bool ssl_verify);
  struct Reply {
    int status;
    std::string body;
  };
  async::Task<Result<Reply>> send(const SecretQuestion& question);
  void take(Kept& kept, Result<SecretMembers> answer);
  void mark_due(Kept& kept);
  void tell_settled();

  Parts parts_;
  SecretOptions options_;
  StringMap<Json> managers_;
  StringMap<GcpToken> tokens_;                // by "gcp/1"; gone when the manager changes
  uint64_t manager_changes_ = 0;              // a token that was asked for before one is not kept
  StringMap<std::unique_ptr<Kept>> secrets_;  // by "vault/1/path"
  std::map<SecretUser, std::vector<Kept*>> users_;
  std::vector<std::function<void()>> waits_;
  size_t unanswered_ = 0;
  size_t under_way_ = 0;
  uint64_t answers_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace pylon::gateway

#include "gateway/secret_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/aws.h"
#include "gateway/vault.h"
#include "observe/log.h"
#include "schema/fields.h"

namespace pylon::gateway {

using observe::Level;
using State = SecretStore::Answer::State;

SecretStore::SecretStore(Parts parts, const SecretOptions& options)
    : Timer(parts.loop.timers()), parts_(std::move(parts)), options_(options) {}

SecretStore::~SecretStore() = default;

void SecretStore::set_manager(const std::string& id, Json value) {
  if (value.is_null()) {
    managers_.erase(id);
  } else {
    managers_[id] = std::move(value);
  }
  tokens_.erase(id);
  manager_changes_++;
  for (auto& [key, kept] : secrets_) {
    if (kept->manager == id) mark_due(*kept);
  }
  advance();
}

// To be fetched at once, and counted as unanswered until then.
void SecretStore::mark_due(Kept& kept) {
  kept.due_us = 0;
  kept.again = kept.under_way;
  unanswered_ += kept.answered;
  kept.answered = false;
}

SecretStore::Answer SecretStore::find(std::string_view reference, const SecretUser& user) {
  Result<SecretPath> path = parse_secret_reference(reference);
  if (!path) return {State::failed, path.error().message};
  Kept* kept = kept_for(*path);
  if (kept == nullptr) {
    return {State::failed,
            fmt::format("more than {} secrets (apisix.lru.secret.count)", options_.max_secrets)};
  }
  if (kept->users.insert(user).second) users_[user].push_back(kept);
  if (kept->known) {
    for (const auto& [name, value] : kept->members) {
      if (name == path->member) return {State::known, {}, value};
    }
    return {State::failed, fmt::format("the secret has no member {}", path->member)};
  }
  if (kept->answered) return {State::failed, kept->fault};
  return {State::pending, {}};
}

// The secret of that path, a new one if it has to be; null when there are too many.
SecretStore::Kept* SecretStore::kept_for(const SecretPath& path) {
  std::string key = path.manager + "/" + path.path;
  auto found = secrets_.find(key);
  if (found != secrets_.end()) return found->second.get();
  if (secrets_.size() >= static_cast<size_t>(options_.max_secrets)) {
    std::erase_if(secrets_, [](const auto& item) {
      return item.second->users.empty() && !item.second->under_way && item.second->answered;
    });
  }
  if (secrets_.size() >= static_cast<size_t>(options_.max_secrets)) return nullptr;
  auto kept = std::make_unique<Kept>();
  kept->store = this;
  kept->manager = path.manager;
  kept->path = path.path;
  unanswered_++;
  arm(parts_.loop.now_us());  // not from within the caller
  return secrets_.emplace(std::move(key), std::move(kept)).first->second.get();
}

void SecretStore::forget(const SecretUser& user) {
  auto found = users_.find(user);
  if (found == users_.end()) return;
  for (Kept* kept : found->second) kept->users.erase(user);
  users_.erase(found);
}

void SecretStore::when_settled(std::function<void()> done) {
  if (settled()) return done();
  waits_.push_back(std::move(done));
}

// ---- fetching

// Starts what is due, as far as there is room, and arms the timer for what comes next.
void SecretStore::advance() {
  int64_t now_us = parts_.loop.now_us();
  int64_t next_us = INT64_MAX;
  std::erase_if(secrets_, [&](const auto& item) {
    const Kept& kept = *item.second;
    return kept.users.empty() && !kept.under_way && kept.answered && kept.due_us <= now_us;
  });
  for (auto& [key, kept] : secrets_) {
    if (kept->under_way) continue;
    if (kept->due_us > now_us) {
      next_us = std::min(next_us, kept->due_us);
    } else if (under_way_ < kMostAtOnce) {
      start(*kept);
    }
  }
  if (next_us != INT64_MAX) arm(next_us);
}

void SecretStore::start(Kept& kept) {
  kept.under_way = true;
  under_way_++;
  kept.fetch = fetch(kept);
  kept.fetch.start(&SecretStore::fetched, &kept);
}

// From within the task: what follows waits for the next turn of the loop.
void SecretStore::fetched(void* self) {
  auto& kept = *static_cast<Kept*>(self);
  kept.store->parts_.loop.post([&kept] { kept.store->conclude(kept); });
}

void SecretStore::conclude(Kept& kept) {
  kept.under_way = false;
  under_way_--;
  if (!std::exchange(kept.again, false)) {
    unanswered_ -= !kept.answered;
    kept.answered = true;
  }
  std::vector<SecretUser> users(kept.users.begin(), kept.users.end());
  if (std::exchange(kept.differs, false) && !users.empty()) parts_.changed(users);
  advance();
  tell_settled();
}

void SecretStore::tell_settled() {
  if (!settled()) return;
  for (auto& done : std::exchange(waits_, {})) done();
}

async::Task<void> SecretStore::fetch(Kept& kept) {
  Result<SecretMembers> answer = co_await ask(kept);
  take(kept, std::move(answer));
}

void SecretStore::take(Kept& kept, Result<SecretMembers> answer) {
  kept.due_us = parts_.loop.now_us() + (answer ? options_.ttl_ms : options_.retry_ms) * 1000;
  if (answer) {
    kept.differs = !kept.known || kept.members != *answer;
    kept.members = std::move(*answer);
    kept.known = true;
    kept.fault.clear();
    answers_++;
    return;
  }
  failures_++;
  kept.fault = std::move(answer.error().message);
  observe::log(Level::error, "secret {}/{} could not be fetched{}: {}", kept.manager, kept.path,
               kept.known ? ", its last value stays in force" : "", kept.fault);
}

async::Task<Result<SecretMembers>> SecretStore::ask(const Kept& kept) {
  auto found = managers_.find(kept.manager);
  if (found == managers_.end()) {
    co_return fail(fmt::format("there is no secret manager {}", kept.manager));
  }
  std::string_view type = std::string_view(kept.manager).substr(0, kept.manager.find('/'));
  if (type == "vault") co_return co_await ask_vault(kept, found->second);
  if (type == "aws") co_return co_await ask_aws(kept, found->second);
  if (type == "gcp") co_return co_await ask_gcp(kept, found->second);
  co_return fail(fmt::format("there is no secret manager {}", kept.manager));
}

async::Task<Result<SecretStore::Reply>> SecretStore::send(const SecretQuestion& question) {
  Arena arena;
  plugin::ClientRequest request(arena);
  request.method = question.method;
  request.https = question.https;
  request.ssl_verify = question.ssl_verify;
  request.host = question.host;
  request.port = question.port;
  request.target = question.target;
  request.body = question.body;
  request.timeout_ms = kTimeoutMs;
  for (const auto& [name, value] : question.fields) request.fields.add(name, value.expose());
  plugin::ClientResult response = co_await parts_.http.send(request);
  if (!response) co_return fail(std::string(response.error().text));
  co_return Reply{response->status, std::string(response->body)};
}

async::Task<Result<SecretMembers>> SecretStore::ask_vault(const Kept& kept, Json value) {
  Result<config::VaultSecret> manager = schema::parse<config::VaultSecret>(std::move(value));
  if (!manager) co_return tl::unexpected(manager.error());
  Result<SecretQuestion> question = vault_question(*manager, kept.path, parts_.environment);
  if (!question) co_return tl::unexpected(question.error());
  Result<Reply> reply = co_await send(*question);
  if (!reply) co_return tl::unexpected(reply.error());
  co_return read_vault_answer(reply->status, reply->body);
}

// The longest name first; what is no secret's name gives its last part to the member.
async::Task<Result<SecretMembers>> SecretStore::ask_aws(const Kept& kept, Json value) {
  Result<config::AwsSecret> manager = schema::parse<config::AwsSecret>(std::move(value));
  if (!manager) co_return tl::unexpected(manager.error());
  std::string name = kept.path;
  std::string member;
  for (;;) {
    auto question = aws_question(*manager, name, parts_.clock.wall_s(), parts_.environment);
    if (!question) co_return tl::unexpected(question.error());
    Result<Reply> reply = co_await send(*question);
    if (!reply) co_return tl::unexpected(reply.error());
    AwsAnswer answer = read_aws_answer(reply->status, reply->body);
    size_t slash = name.rfind('/');
    if (answer.not_found && slash != name.npos) {
      member = kept.path.substr(slash + 1);
      name.resize(slash);
      continue;
    }
    if (!answer.fault.empty()) co_return fail(answer.fault);
    if (member.empty()) co_return SecretMembers{{"", std::move(answer.value)}};
    Result<Secret> found = member_of(answer.value, member);
    if (!found) co_return tl::unexpected(found.error());
    co_return SecretMembers{{"", std::move(*found)}};
  }
}

// A token that is refused is not the one to try again with.
async::Task<Result<SecretMembers>> SecretStore::ask_gcp(const Kept& kept, Json value) {
  Result<config::GcpSecret> manager = schema::parse<config::GcpSecret>(std::move(value));
  if (!manager) co_return tl::unexpected(manager.error());
  Result<config::GcpAuth> account = gcp_account(*manager, parts_.environment);
  if (!account) co_return tl::unexpected(account.error());
  Result<GcpToken> token = co_await token_of(kept.manager, *account, manager->ssl_verify);
  if (!token) co_return tl::unexpected(token.error());
  Result<SecretQuestion> question = gcp_question(*account, kept.path, *token);
  if (!question) co_return tl::unexpected(question.error());
  question->ssl_verify = manager->ssl_verify;
  Result<Reply> reply = co_await send(*question);
  if (!reply) co_return tl::unexpected(reply.error());
  if (reply->status == 401) tokens_.erase(kept.manager);
  co_return read_gcp_answer(reply->status, reply->body);
}

async::Task<Result<GcpToken>> SecretStore::token_of(const std::string& manager,
                                                    const config::GcpAuth& account,
                                                    bool ssl_verify) {
  int64_t now_s = parts_.clock.wall_s();
  auto known = tokens_.find(manager);
  if (known != tokens_.end() && now_s < known->second.expires_s) co_return known->second;
  Result<SecretQuestion> question = gcp_token_question(account, now_s);
  if (!question) co_return tl::unexpected(question.error());
  question->ssl_verify = ssl_verify;
  uint64_t changes = manager_changes_;
  Result<Reply> reply = co_await send(*question);
  if (!reply) co_return tl::unexpected(reply.error());
  Result<GcpToken> token = read_gcp_token(reply->status, reply->body, now_s);
  if (token && changes == manager_changes_) tokens_[manager] = *token;
  co_return token;
}

}  // namespace pylon::gateway

#include "gateway/vault.h"

#include <fmt/format.h>

#include "base/json.h"

namespace pylon::gateway {

Result<SecretQuestion> vault_question(const config::VaultSecret& manager, std::string_view path,
                                      const Environment& environment) {
  Result<SecretAddress> address = parse_secret_address("uri", manager.uri);
  if (!address) return tl::unexpected(address.error());
  Result<std::string> target = joined_target({address->path, "v1", manager.prefix, path});
  if (!target) return tl::unexpected(target.error());
  Result<Secret> token = credential_of("token", manager.token.expose(), environment);
  if (!token) return tl::unexpected(token.error());
  SecretQuestion question = std::move(address->question);
  question.target = std::move(*target);
  question.fields.emplace_back("X-Vault-Token", std::move(*token));
  if (!manager.namespace_name.empty()) {
    question.fields.emplace_back("X-Vault-Namespace", Secret(manager.namespace_name));
  }
  return question;
}

Result<SecretMembers> read_vault_answer(int status, std::string_view body) {
  if (status == 404) return fail("the secret manager has no such secret");
  if (status != 200) return fail(fmt::format("the secret manager answers {}", status));
  Result<Json> document = Json::parse(body);
  const Json* data = document ? document->find("data") : nullptr;
  // Version 2 wraps what version 1 answers, with what is known about it.
  const Json* inner = data != nullptr ? data->find("data") : nullptr;
  if (inner != nullptr && inner->is_object() && data->contains("metadata")) data = inner;
  if (data == nullptr || !data->is_object()) return fail("the secret manager's answer has no data");
  return members_of(*data);
}

}  // namespace pylon::gateway

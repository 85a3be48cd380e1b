#include "gateway/gcp.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/json.h"
#include "base/strings.h"
#include "gateway/config_file.h"
#include "schema/fields.h"
#include "tls/credentials.h"
#include "tls/openssl.h"

namespace pylon::gateway {
namespace {

constexpr size_t kMaxFileBytes = 64 << 10;
constexpr int64_t kAssertionLifeS = 3'600;
constexpr int64_t kShortestTokenS = 60;
constexpr int64_t kLongestTokenS = 86'400;
constexpr std::string_view kGrant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

// The fields of the file that are ours: Google's has a dozen others.
Result<config::GcpAuth> account_in_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {  // a pipe would stop the thread
    return fail("its auth_file is no file");
  }
  Result<std::string> text = read_file(path, kMaxFileBytes);
  if (!text) return fail("its auth_file: " + text.error().message);
  Result<Json> document = Json::parse(*text);
  if (!document || !document->is_object()) {
    return fail(fmt::format("its auth_file {} holds no JSON object", path));
  }
  auto account = schema::parse<config::GcpAuth>(std::move(*document));
  if (!account) {
    return fail(fmt::format("its auth_file {}: {}", path, account.error().message));
  }
  return std::move(*account);
}

Result<std::string> rs256(std::string_view text, std::string_view key_pem) {
  tls::KeyPtr key = tls::parse_rsa_key(key_pem);
  if (!key) return fail("its private_key is no RSA key in PEM");
  std::unique_ptr<EVP_MD_CTX, tls::Freeing<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  auto data = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(key.get()));
  std::string signature(size, '\0');
  auto out = reinterpret_cast<unsigned char*>(signature.data());
  bool signed_it =
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), out, &size, data, text.size()) == 1;
  tls::forget_errors();
  if (!signed_it) return fail("its private_key cannot sign");
  signature.resize(size);
  return signature;
}

}  // namespace

Result<config::GcpAuth> gcp_account(const config::GcpSecret& manager,
                                    const Environment& environment) {
  if (!manager.auth_config) return account_in_file(manager.auth_file);
  config::GcpAuth account = *manager.auth_config;
  Result<Secret> email = credential_of("client_email", account.client_email, environment);
  if (!email) return tl::unexpected(email.error());
  Result<Secret> project = credential_of("project_id", account.project_id, environment);
  if (!project) return tl::unexpected(project.error());
  Result<Secret> key = credential_of("private_key", account.private_key.expose(), environment);
  if (!key) return tl::unexpected(key.error());
  account.client_email = email->expose();
  account.project_id = project->expose();
  account.private_key = std::move(*key);
  return account;
}

Result<SecretQuestion> gcp_token_question(const config::GcpAuth& account, int64_t now_s) {
  Result<SecretAddress> address = parse_secret_address("token_uri", account.token_uri);
  if (!address) return tl::unexpected(address.error());
  Json claims = Json::object({{"iss", Json(account.client_email)},
                              {"aud", Json(account.token_uri)},
                              {"scope", Json(fmt::format("{}", fmt::join(account.scope, " ")))},
                              {"iat", Json(now_s)},
                              {"exp", Json(now_s + kAssertionLifeS)}});
  std::string text =
      base64url_encode(R"({"alg":"RS256","typ":"JWT"})") + "." + base64url_encode(claims.dump());
  Result<std::string> signature = rs256(text, account.private_key.expose());
  if (!signature) return tl::unexpected(signature.error());
  SecretQuestion question = std::move(address->question);
  question.method = "POST";
  question.fields.emplace_back("Content-Type", Secret("application/x-www-form-urlencoded"));
  question.body =
      fmt::format("grant_type={}&assertion={}.{}", kGrant, text, base64url_encode(*signature));
  return question;
}

Result<GcpToken> read_gcp_token(int status, std::string_view body, int64_t now_s) {
  if (status != 200) return fail(fmt::format("the token's address answers {}", status));
  Result<Json> document = Json::parse(body);
  const Json* token = document ? document->find("access_token") : nullptr;
  if (token == nullptr || !token->is_string()) {
    return fail("the answer of the token's address has no access_token");
  }
  const Json* type = document->find("token_type");
  const Json* life = document->find("expires_in");
  std::string_view scheme = type != nullptr && type->is_string() ? type->as_string() : "Bearer";
  int64_t life_s = life != nullptr ? life->as_int() : 0;
  life_s = std::clamp(life_s, int64_t{0}, kLongestTokenS);
  return GcpToken{Secret(fmt::format("{} {}", scheme, token->as_string())),
                  now_s + life_s - kShortestTokenS};
}

Result<SecretQuestion> gcp_question(const config::GcpAuth& account, std::string_view name,
                                    const GcpToken& token) {
  Result<SecretAddress> address = parse_secret_address("entries_uri", account.entries_uri);
  if (!address) return tl::unexpected(address.error());
  auto target = joined_target({address->path, "projects", account.project_id, "secrets", name,
                               "versions", "latest:access"});
  if (!target) return tl::unexpected(target.error());
  SecretQuestion question = std::move(address->question);
  question.target = std::move(*target);
  question.fields.emplace_back("Content-Type", Secret("application/json"));
  question.fields.emplace_back("Authorization", token.authorization);
  return question;
}

Result<SecretMembers> read_gcp_answer(int status, std::string_view body) {
  if (status == 404) return fail("the secret manager has no such secret");
  if (status != 200) return fail(fmt::format("the secret manager answers {}", status));
  Result<Json> document = Json::parse(body);
  const Json* payload = document ? document->find("payload") : nullptr;
  const Json* data = payload != nullptr ? payload->find("data") : nullptr;
  if (data == nullptr || !data->is_string()) {
    return fail("the secret manager's answer has no payload.data");
  }
  std::optional<std::string> text = base64_decode(data->as_string());
  if (!text) return fail("payload.data of the secret manager's answer is no base64");
  Result<Json> object = Json::parse(*text);
  SecretMembers members;
  if (object && object->is_object()) members = members_of(*object);
  std::erase_if(members, [](const auto& member) { return member.first.empty(); });
  members.emplace_back("", Secret(*text));
  return members;
}

}  // namespace pylon::gateway

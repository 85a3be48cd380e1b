#include "gateway/aws.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <ctime>

#include "base/json.h"
#include "base/strings.h"

namespace pylon::gateway {
namespace {

constexpr std::string_view kService = "secretsmanager";
constexpr std::string_view kTarget = "secretsmanager.GetSecretValue";
constexpr std::string_view kContentType = "application/x-amz-json-1.1";

std::string sha256(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<char*>(digest), size};
}

std::string hmac(std::string_view key, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return {reinterpret_cast<char*>(digest), size};
}

struct Credentials {
  Secret id, key, token;
};

Result<Credentials> credentials_of(const config::AwsSecret& manager, const Environment& known) {
  Result<Secret> id = credential_of("access_key_id", manager.access_key_id, known);
  if (!id) return tl::unexpected(id.error());
  Result<Secret> key =
      credential_of("secret_access_key", manager.secret_access_key.expose(), known);
  if (!key) return tl::unexpected(key.error());
  Result<Secret> token = credential_of("session_token", manager.session_token.expose(), known);
  if (!token) return tl::unexpected(token.error());
  return Credentials{std::move(*id), std::move(*key), std::move(*token)};
}

// Adds Authorization. The fields are in the order of their lower-case names, as it is signed.
void sign(SecretQuestion& question, const Credentials& credentials, std::string_view region,
          std::string_view moment) {
  std::string canonical = "POST\n/\n\n";
  std::string names;
  for (const auto& [name, value] : question.fields) {
    canonical += fmt::format("{}:{}\n", to_lower(name), value.expose());
    names += (names.empty() ? "" : ";") + to_lower(name);
  }
  canonical += fmt::format("\n{}\n{}", names, hex_encode(sha256(question.body)));
  std::string_view day = moment.substr(0, 8);
  std::string scope = fmt::format("{}/{}/{}/aws4_request", day, region, kService);
  std::string text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", moment, scope, hex_encode(sha256(canonical)));
  Secret key(hmac("AWS4" + std::string(credentials.key.expose()), day));
  for (std::string_view part : {region, kService, std::string_view("aws4_request")}) {
    key = Secret(hmac(key.expose(), part));
  }
  question.fields.emplace_back(
      "Authorization",
      Secret(fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                         credentials.id.expose(), scope, names,
                         hex_encode(hmac(key.expose(), text)))));
}

}  // namespace

Result<SecretQuestion> aws_question(const config::AwsSecret& manager, std::string_view name,
                                    int64_t now_s, const Environment& environment) {
  std::string uri = manager.endpoint_url;
  if (uri.empty()) uri = fmt::format("https://{}.{}.amazonaws.com", kService, manager.region);
  Result<SecretAddress> address = parse_secret_address("endpoint_url", uri);
  if (!address) return tl::unexpected(address.error());
  Result<Credentials> credentials = credentials_of(manager, environment);
  if (!credentials) return tl::unexpected(credentials.error());

  SecretQuestion question = std::move(address->question);
  question.method = "POST";
  question.target = "/";
  bool v6 = question.host.find(':') != std::string::npos;
  std::string host = v6 ? fmt::format("[{}]", question.host) : question.host;
  if (question.port != 0) host += fmt::format(":{}", question.port);
  question.body = Json::object({{"SecretId", Json(name)}, {"VersionStage", "AWSCURRENT"}}).dump();
  std::string moment =
      fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(static_cast<std::time_t>(now_s)));
  question.fields = {{"Content-Type", Secret(kContentType)},
                     {"Host", Secret(host)},
                     {"X-Amz-Date", Secret(moment)}};
  if (!credentials->token.empty()) {
    question.fields.emplace_back("X-Amz-Security-Token", credentials->token);
  }
  question.fields.emplace_back("X-Amz-Target", Secret(kTarget));
  sign(question, *credentials, manager.region, moment);
  return question;
}

AwsAnswer read_aws_answer(int status, std::string_view body) {
  Result<Json> document = Json::parse(body);
  if (status != 200) {
    const Json* type = document ? document->find("__type") : nullptr;
    bool not_found =
        type != nullptr && type->as_string().find("ResourceNotFoundException") != std::string::npos;
    if (not_found) return {true, "the secret manager has no such secret"};
    return {false, fmt::format("the secret manager answers {}", status)};
  }
  const Json* value = document ? document->find("SecretString") : nullptr;
  if (value == nullptr || !value->is_string()) {
    return {false, "the secret manager's answer has no SecretString"};
  }
  return {false, {}, Secret(value->as_string())};
}

}  // namespace pylon::gateway

#include "gateway/gcp.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "base/json.h"
#include "base/strings.h"
#include "tls/test_certificate.h"

namespace pylon::gateway {
namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "MAIL") return "pylon@project.test";
  return std::nullopt;
}

config::GcpAuth account(std::string_view key_pem) {
  config::GcpAuth account;
  account.client_email = "pylon@project.test";
  account.private_key = Secret(key_pem);
  account.project_id = "p1";
  return account;
}

std::string field(const SecretQuestion& question, std::string_view name) {
  for (const auto& [known, value] : question.fields) {
    if (known == name) return std::string(value.expose());
  }
  return {};
}

bool is_signed_by(EVP_PKEY* key, std::string_view text, const std::string& signature) {
  std::unique_ptr<EVP_MD_CTX, tls::Freeing<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key);
  auto octets = [](std::string_view of) {
    return reinterpret_cast<const unsigned char*>(of.data());
  };
  return EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(text),
                          text.size()) == 1;
}

TEST(GcpTokens, AreAskedForWithASignedAssertion) {
  tls::TestCertificate pair = tls::make_test_certificate("gcp.test", nullptr, true);
  auto asked = gcp_token_question(account(pair.key_pem()), 1000);
  ASSERT_TRUE(asked.has_value()) << asked.error().message;
  EXPECT_EQ(asked->method, "POST");
  EXPECT_TRUE(asked->https);
  EXPECT_EQ(asked->host, "oauth2.googleapis.com");
  EXPECT_EQ(asked->target, "/token");
  EXPECT_EQ(field(*asked, "Content-Type"), "application/x-www-form-urlencoded");
  std::string_view head =
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
  ASSERT_TRUE(asked->body.starts_with(head));
  std::string_view token = std::string_view(asked->body).substr(head.size());
  size_t dot = token.rfind('.');
  std::string_view text = token.substr(0, dot);
  EXPECT_TRUE(is_signed_by(pair.key.get(), text, *base64url_decode(token.substr(dot + 1))));
  size_t middle = text.find('.');
  EXPECT_EQ(*base64url_decode(text.substr(0, middle)), R"({"alg":"RS256","typ":"JWT"})");
  EXPECT_EQ(*Json::parse(*base64url_decode(text.substr(middle + 1))),
            *Json::parse(R"({"iss":"pylon@project.test","exp":4600,"iat":1000,
                             "aud":"https://oauth2.googleapis.com/token",
                             "scope":"https://www.googleapis.com/auth/cloud-platform"})"));
}

TEST(GcpTokens, NeedAnRsaKey) {
  EXPECT_EQ(gcp_token_question(account("text"), 0).error().message,
            "its private_key is no RSA key in PEM");
  tls::TestCertificate ec = tls::make_test_certificate("gcp.test");
  EXPECT_EQ(gcp_token_question(account(ec.key_pem()), 0).error().message,
            "its private_key is no RSA key in PEM");
}

TEST(GcpTokens, LiveAMinuteLessThanTheySay) {
  auto token =
      read_gcp_token(200, R"({"access_token":"t","token_type":"Bearer","expires_in":3599})", 1000);
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(token->authorization.expose(), "Bearer t");
  EXPECT_EQ(token->expires_s, 1000 + 3599 - 60);
  token = read_gcp_token(200, R"({"access_token":"t"})", 1000);
  EXPECT_LT(token->expires_s, 1000);
  EXPECT_EQ(read_gcp_token(400, R"({"error":"secret"})", 0).error().message,
            "the token's address answers 400");
  EXPECT_EQ(read_gcp_token(200, "[]", 0).error().message,
            "the answer of the token's address has no access_token");
}

TEST(GcpSecrets, TheNewestVersionIsAskedFor) {
  config::GcpAuth known = account("");
  GcpToken token{Secret("Bearer t"), 0};
  auto asked = gcp_question(known, "jack", token);
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->host, "secretmanager.googleapis.com");
  EXPECT_EQ(asked->target, "/v1/projects/p1/secrets/jack/versions/latest:access");
  EXPECT_EQ(field(*asked, "Authorization"), "Bearer t");
  EXPECT_EQ(gcp_question(known, "..", token).error().message, "the path has a segment of dots");
}

std::string answer(int status, std::string_view body) {
  Result<SecretMembers> members = read_gcp_answer(status, body);
  if (!members) return members.error().message;
  std::string text;
  for (const auto& [name, value] : *members) {
    text += name + "=" + std::string(value.expose()) + " ";
  }
  return text;
}

TEST(GcpSecrets, WholeAndMembers) {
  std::string data = base64_encode(R"({"a":"x","":"y"})");
  EXPECT_EQ(answer(200, R"({"payload":{"data":")" + data + R"("}})"), R"(a=x ={"a":"x","":"y"} )");
  EXPECT_EQ(answer(200, R"({"payload":{"data":"dGV4dA=="}})"), "=text ");
  EXPECT_EQ(answer(200, R"({"payload":{"data":"?"}})"),
            "payload.data of the secret manager's answer is no base64");
  EXPECT_EQ(answer(200, R"({"payload":"secret"})"),
            "the secret manager's answer has no payload.data");
  EXPECT_EQ(answer(403, "secret"), "the secret manager answers 403");
  EXPECT_EQ(answer(404, ""), "the secret manager has no such secret");
}

TEST(GcpAccounts, InTheObjectOrInAFile) {
  config::GcpSecret manager;
  manager.auth_config = std::make_unique<config::GcpAuth>(account("k"));
  manager.auth_config->client_email = "$env://MAIL";
  EXPECT_EQ(gcp_account(manager, environment)->client_email, "pylon@project.test");
  manager.auth_config->project_id = "$env://NONE";
  EXPECT_EQ(gcp_account(manager, environment).error().message,
            "its project_id: the environment variable NONE is not set");

  manager.auth_config.reset();
  manager.auth_file = testing::TempDir() + "gcp_account.json";
  std::ofstream(manager.auth_file) << R"({"type":"service_account","client_email":"m",
      "private_key":"k","project_id":"p2","token_uri":"https://t.test/x"})";
  auto found = gcp_account(manager, environment);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->project_id, "p2");
  EXPECT_EQ(found->token_uri, "https://t.test/x");
  EXPECT_EQ(found->entries_uri, "https://secretmanager.googleapis.com/v1");
  std::ofstream(manager.auth_file) << R"({"client_email":"m","private_key":"secret"})";
  std::string fault = gcp_account(manager, environment).error().message;
  EXPECT_NE(fault.find("project_id"), fault.npos);
  EXPECT_EQ(fault.find("secret\""), fault.npos);
  manager.auth_file = testing::TempDir();
  EXPECT_EQ(gcp_account(manager, environment).error().message, "its auth_file is no file");
}

}  // namespace
}  // namespace pylon::gateway

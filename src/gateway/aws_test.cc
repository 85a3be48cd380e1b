#include "gateway/aws.h"

#include <gtest/gtest.h>

namespace pylon::gateway {
namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "KEY") return "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  return std::nullopt;
}

config::AwsSecret manager() {
  config::AwsSecret aws;
  aws.access_key_id = "AKIDEXAMPLE";
  aws.secret_access_key = Secret("$env://KEY");
  return aws;
}

std::string field(const SecretQuestion& question, std::string_view name) {
  for (const auto& [known, value] : question.fields) {
    if (known == name) return std::string(value.expose());
  }
  return {};
}

// The signature was computed with Python's hmac, from the description of the algorithm.
TEST(AwsQuestions, AreSigned) {
  auto asked = aws_question(manager(), "a/b", 1440938160, environment);
  ASSERT_TRUE(asked.has_value()) << asked.error().message;
  EXPECT_TRUE(asked->https);
  EXPECT_EQ(asked->host, "secretsmanager.us-east-1.amazonaws.com");
  EXPECT_EQ(asked->body, R"({"SecretId":"a/b","VersionStage":"AWSCURRENT"})");
  EXPECT_EQ(field(*asked, "X-Amz-Date"), "20150830T123600Z");
  EXPECT_EQ(
      field(*asked, "Authorization"),
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/secretsmanager/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
      "Signature=a9315921b3aa8a6ed3aa71abc86deac8a6523aae75e33971ba766cf6ed95f91b");
}

TEST(AwsQuestions, AnotherAddressAndASessionToken) {
  config::AwsSecret aws = manager();
  aws.endpoint_url = "http://127.0.0.1:4566";
  aws.session_token = Secret("t");
  auto asked = aws_question(aws, "a", 0, environment);
  ASSERT_TRUE(asked.has_value());
  EXPECT_FALSE(asked->https);
  EXPECT_EQ(asked->port, 4566);
  EXPECT_EQ(field(*asked, "Host"), "127.0.0.1:4566");
  EXPECT_EQ(field(*asked, "X-Amz-Security-Token"), "t");
  EXPECT_NE(field(*asked, "Authorization").find("x-amz-date;x-amz-security-token;x-amz-target"),
            std::string::npos);
  aws.access_key_id = "$env://NONE";
  asked = aws_question(aws, "a", 0, environment);
  ASSERT_FALSE(asked.has_value());
  EXPECT_EQ(asked.error().message, "its access_key_id: the environment variable NONE is not set");
}

TEST(AwsAnswers, ValueOrFault) {
  AwsAnswer answer = read_aws_answer(200, R"({"SecretString":"{\"a\":\"x\",\"n\":1}"})");
  EXPECT_TRUE(answer.fault.empty());
  EXPECT_EQ(member_of(answer.value, "a")->expose(), "x");
  EXPECT_TRUE(read_aws_answer(400, R"({"__type":"x#ResourceNotFoundException"})").not_found);
  answer = read_aws_answer(400, R"({"__type":"AccessDeniedException","Message":"secret"})");
  EXPECT_EQ(answer.fault, "the secret manager answers 400");
  EXPECT_FALSE(answer.not_found);
  EXPECT_EQ(read_aws_answer(200, "{}").fault, "the secret manager's answer has no SecretString");
}

}  // namespace
}  // namespace pylon::gateway

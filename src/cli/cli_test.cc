#include "cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/commands.h"

namespace pylon::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

int no_gateway(const gateway::Settings&, gateway::InheritedSockets) { return 99; }

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    char pattern[] = "/tmp/pylon-cli-XXXXXX";
    prefix_ = mkdtemp(pattern);
  }
  ~CliTest() override { std::filesystem::remove_all(prefix_); }

  Outcome pylon(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "pylon");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    CaptureStdout();
    CaptureStderr();
    int status = run(static_cast<int>(argv.size()), argv.data(), no_gateway);
    fflush(nullptr);
    return {status, GetCapturedStdout(), GetCapturedStderr()};
  }

  void write_config(const std::string& text) {
    std::filesystem::create_directories(prefix_ + "/conf");
    std::ofstream(prefix_ + "/conf/config.yaml") << text;
  }

  std::string prefix_;
};

TEST_F(CliTest, WrongUsage) {
  EXPECT_EQ(pylon({}).status, kUsage);
  Outcome outcome = pylon({"stat"});
  EXPECT_EQ(outcome.status, kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean `pylon start`?"));
  EXPECT_EQ(pylon({"start", "--bogus"}).status, kUsage);
  EXPECT_EQ(pylon({"start", "-c"}).status, kUsage);
  EXPECT_EQ(pylon({"start", "stop"}).status, kUsage);
}

TEST_F(CliTest, AMistakeIsAnsweredWithTheUsageOfTheCommand) {
  Outcome outcome = pylon({"--prefix", prefix_, "diff"});
  EXPECT_EQ(outcome.status, kUsage);
  EXPECT_EQ(outcome.err.find("error: FROM is required\n"), 0u) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("\n  diff       FROM [TO]: "));
  EXPECT_THAT(outcome.err, HasSubstr("`history`"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("rollback")));
  EXPECT_THAT(pylon({"diff", "one"}).err, HasSubstr("error: not a number: FROM = one\n"));
  EXPECT_THAT(pylon({"explain", "GET", "/", "-H"}).err, HasSubstr("--header wants a value\n"));
  EXPECT_THAT(pylon({"status", "--jsn"}).err, HasSubstr("did you mean `pylon status --json`?"));
  EXPECT_THAT(pylon({"help", "me"}).err, HasSubstr("`pylon help config`"));
}

TEST_F(CliTest, EveryCommandHasItsLinesOfHelp) {
  for (const char* name :
       {"start", "stop", "quit", "reload", "restart", "test", "explain", "status", "completion",
        "init", "init_etcd", "history", "diff", "rollback", "version", "help"}) {
    EXPECT_THAT(help_about(name), HasSubstr(name));
  }
  EXPECT_EQ(help_about("worker-process"), "");
}

TEST_F(CliTest, HelpAndVersion) {
  EXPECT_THAT(pylon({"help"}).out, HasSubstr("exit status"));
  EXPECT_THAT(pylon({"--help"}).out, HasSubstr("exit status"));
  EXPECT_THAT(pylon({"help", "config"}).out, HasSubstr("| `apisix.node_listen` |"));
  EXPECT_EQ(pylon({"help", "me"}).status, kUsage);
  EXPECT_THAT(pylon({"version"}).out, HasSubstr("Pylon "));
}

TEST_F(CliTest, WithoutConfigurationTheRemedyIsNamed) {
  Outcome outcome = pylon({"start", "--prefix", prefix_});
  EXPECT_EQ(outcome.status, kBadConfig);
  EXPECT_THAT(outcome.err, HasSubstr("`pylon init`"));
}

TEST_F(CliTest, InitMakesAConfigurationThatPassesTheTest) {
  EXPECT_EQ(pylon({"init", "--prefix", prefix_}).status, kOk);
  Outcome outcome = pylon({"test", "--prefix", prefix_});
  EXPECT_EQ(outcome.status, kOk);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, HasSubstr("configuration test is successful"));
}

TEST_F(CliTest, InitLeavesAConfigurationAlone) {
  write_config("apisix: {node_listen: 1984}\n");
  EXPECT_EQ(pylon({"init", "--prefix", prefix_}).status, kOk);
  EXPECT_EQ(gateway::read_file(prefix_ + "/conf/config.yaml", 4096).value_or(""),
            "apisix: {node_listen: 1984}\n");
}

TEST_F(CliTest, AMistakeIsShownWithItsPlace) {
  write_config("apisix:\n  node_listen: here\n");
  Outcome outcome = pylon({"test", "--prefix", prefix_});
  EXPECT_EQ(outcome.status, kBadConfig);
  EXPECT_THAT(outcome.err, HasSubstr("/conf/config.yaml:2: apisix.node_listen: expected a port"));
  EXPECT_EQ(pylon({"reload", "--prefix", prefix_}).status, kBadConfig);
  EXPECT_EQ(pylon({"restart", "--prefix", prefix_}).status, kBadConfig);
}

TEST_F(CliTest, AFileThatIsNamedAndNotThereIsAMistake) {
  write_config(
      "deployment:\n  admin:\n    https_admin: true\n    admin_api_mtls:\n"
      "      admin_ssl_cert: none.crt\n      admin_ssl_cert_key: none.key\n");
  for (const char* command : {"test", "reload", "restart"}) {
    Outcome outcome = pylon({command, "--prefix", prefix_});
    EXPECT_EQ(outcome.status, kBadConfig) << command;
    EXPECT_THAT(outcome.err, HasSubstr("deployment.admin.admin_api_mtls.admin_ssl_cert: "));
  }
  write_config("apisix: {ssl: {ssl_trusted_certificate: none.pem}}\n");
  EXPECT_THAT(pylon({"test", "--prefix", prefix_}).err,
              HasSubstr("apisix.ssl.ssl_trusted_certificate: "));
}

TEST_F(CliTest, AConfigurationElsewhere) {
  std::ofstream(prefix_ + "/mine.yaml") << "apisix: {node_listn: 1}\n";
  Outcome outcome = pylon({"test", "--prefix", prefix_, "-c", prefix_ + "/mine.yaml"});
  EXPECT_EQ(outcome.status, kOk);
  EXPECT_THAT(outcome.err, HasSubstr("mine.yaml:1: apisix.node_listn: unknown key"));
}

TEST_F(CliTest, NothingRuns) {
  write_config("");
  for (const char* command : {"stop", "quit", "reload"}) {
    Outcome outcome = pylon({command, "--prefix", prefix_});
    EXPECT_EQ(outcome.status, kNotInState) << command;
    EXPECT_THAT(outcome.err, HasSubstr("`pylon start`"));
  }
}

TEST_F(CliTest, TheInnerCommandIsNotForPeople) {
  Outcome outcome = pylon({"worker-process"});
  EXPECT_EQ(outcome.status, kUsage);
  EXPECT_THAT(pylon({"help"}).out, Not(HasSubstr("worker-process")));
}

TEST_F(CliTest, TheWelcomeShowsAFreshKeyAndNoOther) {
  write_config("deployment: {admin: {admin_key: [{key: hidden-key, role: admin}]}}\n");
  Options options;
  options.prefix = prefix_;
  Place place(options);
  CaptureStdout();
  print_welcome(place, load_and_report(place, true));
  std::string shown = GetCapturedStdout();
  EXPECT_THAT(shown, HasSubstr("http://127.0.0.1:9091/apisix/prometheus/metrics\n"));
  EXPECT_THAT(shown, HasSubstr("curl"));
  EXPECT_THAT(shown, Not(HasSubstr("hidden-key")));

  write_config("");
  gateway::LoadedConfig fresh = load_and_report(place, true);
  CaptureStdout();
  print_welcome(place, fresh);
  EXPECT_THAT(GetCapturedStdout(), HasSubstr(std::string(fresh.new_key.expose())));
}

TEST(StarterConfig, TheExampleIsTheFileThatInitWrites) {
  EXPECT_EQ(gateway::read_file("conf/config.yaml.example", 1 << 16).value_or(""), kStarterConfig);
}

}  // namespace
}  // namespace pylon::cli

// The subcommands. Each prints what happened and, after an error, what to do; each returns the exit
// status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "gateway/config_file.h"

namespace pylon::cli {

enum Exit : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNotInState = 3,  // already running (start), or not running (stop, quit, reload)
  kBadConfig = 4,   // or an object of the store is wrong
  kCannotListen = 5,
};

struct Options {
  std::string prefix = ".";
  std::string config;  // -c; empty: conf/config.yaml under the prefix
  bool foreground = false;
  std::string topic;  // of `help`

  // history, diff, rollback
  int64_t revision = 0;                     // diff: from; rollback: to
  std::optional<int64_t> to_revision = {};  // nothing: the newest
  std::string resource;                     // "routes"; empty: all
  std::string id;
  int64_t page = 1;
  int64_t page_size = 20;
  bool dry_run = false;
  std::string comment;

  // explain, status, test, completion
  std::string method, uri;
  std::vector<std::string> headers;  // "Name: value"
  std::string client;                // explain: the address that the request comes from
  std::string data;                  // explain: the request's body
  bool json = false;
  bool objects = false;
  std::string shell;
};

int start(const Options& options);
int stop(const Options& options);
int quit(const Options& options);
int reload(const Options& options);
int restart(const Options& options);
int test(const Options& options);
int init(const Options& options);
int init_etcd(const Options& options);
int history(const Options& options);
int diff(const Options& options);
int rollback(const Options& options);
int explain(const Options& options);
int status(const Options& options);
int version();
int help(const Options& options);
std::string help_about(std::string_view command);  // its lines of what `help` prints
int worker_process(const Options& options, GatewayMain gateway_main);

// Where things are on a prefix.
struct Place {
  std::string prefix;  // absolute
  gateway::ConfigFile file;
  std::string pid_path;

  explicit Place(const Options& options);
};

// Reads the configuration and prints what there is to say about it.
gateway::LoadedConfig load_and_report(const Place& place, bool fill_keys);

// Prints a script for the shell that completes the commands and their options.
struct CompletedCommand {
  std::string name;
  std::vector<std::string> options;  // "--json"
};
int print_completion(const std::string& shell, const std::vector<CompletedCommand>& commands);

// "Pylon serves ...", with addresses, key and a first request.
void print_welcome(const Place& place, const gateway::LoadedConfig& config);

// conf/config.yaml of a new prefix.
extern const char* const kStarterConfig;

}  // namespace pylon::cli

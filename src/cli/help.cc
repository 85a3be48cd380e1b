#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "gateway/settings_keys.h"
#include "plugins/all.h"

namespace pylon::cli {
namespace {

constexpr const char* kHelp =
    R"(Pylon {}: an API gateway that takes Apache APISIX's configuration.

usage: pylon COMMAND [options]

  start      start the gateway; returns when it serves
  stop       stop it; requests under way get pylon.stop_timeout to finish
  quit       stop it gracefully: they get nginx_config.worker_shutdown_timeout
  reload     take a new config.yaml (or a new binary) without failing a request
  restart    stop and start
  test       check config.yaml and the files it names; --objects: and every object of the store
  status     tell workers, revision, and objects that are not served; --json
  explain    METHOD URI: tell which route would take such a request and why, with its plugins and
             its node: -H "Name: value", --from ADDRESS, --data BODY, --json
  history    tell the last changes of the configuration: --resource routes --id 1 --page 2
  diff       FROM [TO]: what differs between two revisions, or between one and now; they are
             numbers that `history` tells. --resource routes --id 1
  rollback   TO: make the configuration that of a revision, in one step; --resource and --id
             confine it, --dry-run only tells, --comment is kept with it
  init       make conf/config.yaml, logs/ and data/ where they are missing
  init_etcd  make APISIX's directories in the etcd of config.yaml where they are missing
  completion bash|zsh|fish: print a script that completes this command line
  version    print the version
  help       print this; `help config` prints the reference of config.yaml,
             `help plugins` the one of the plugins

options
  -c, --config FILE   the configuration (default: PREFIX/conf/config.yaml)
      --prefix DIR    where conf/, logs/ and data/ are (default: the current folder)
      --foreground    start: stay in the foreground

exit status
  0  done                      3  already running, or not running
  1  failed                    4  config.yaml or an object of the store has an error
  2  wrong usage               5  an address cannot be listened on

signals to the process in logs/pylon.pid
  TERM, INT  as stop; a second one ends at once     HUP   as reload
  QUIT       as quit                                USR1  open the log files anew
)";

}  // namespace

int help(const Options& options) {
  if (options.topic == "config") {
    fmt::print("{}", gateway::configuration_page());
    return kOk;
  }
  if (options.topic == "plugins") {
    fmt::print("{}", plugins::plugin_reference());
    return kOk;
  }
  if (!options.topic.empty()) {
    fmt::print(stderr,
               "there is no help about {}: `pylon help`, `pylon help config` and "
               "`pylon help plugins` are all\n",
               options.topic);
    return kUsage;
  }
  fmt::print(fmt::runtime(kHelp), PYLON_VERSION);
  return kOk;
}

std::string help_about(std::string_view command) {
  std::string_view text = kHelp;
  size_t at = text.find(fmt::format("\n  {} ", command));
  if (at == text.npos) return "";
  size_t end = at + 1;
  do {
    end = text.find('\n', end) + 1;
  } while (text.substr(end).starts_with("      "));  // another line about the same one
  return std::string(text.substr(at + 1, end - at - 1));
}

int version() {
  fmt::print("Pylon {}\n", PYLON_VERSION);
  return kOk;
}

}  // namespace pylon::cli

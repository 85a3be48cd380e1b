#include "cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "base/strings.h"
#include "cli/commands.h"

namespace pylon::cli {
namespace {

struct Command {
  const char* name;
  std::function<int(const Options&)> run;
  void (*add_options)(CLI::App& sub, Options& options) = nullptr;  // beside those that all have
};

void add_scope(CLI::App& sub, Options& options) {
  sub.add_option("--resource", options.resource);
  sub.add_option("--id", options.id);
}

void add_history_options(CLI::App& sub, Options& options) {
  add_scope(sub, options);
  sub.add_option("--page", options.page);
  sub.add_option("--page-size", options.page_size);
}

void add_diff_options(CLI::App& sub, Options& options) {
  add_scope(sub, options);
  sub.add_option("FROM", options.revision)->required();
  sub.add_option("TO", options.to_revision);
}

void add_rollback_options(CLI::App& sub, Options& options) {
  add_scope(sub, options);
  sub.add_option("TO", options.revision)->required();
  sub.add_flag("--dry-run", options.dry_run);
  sub.add_option("--comment", options.comment);
}

void add_explain_options(CLI::App& sub, Options& options) {
  sub.add_option("METHOD", options.method)->required();
  sub.add_option("URI", options.uri)->required();
  sub.add_option("-H,--header", options.headers)->allow_extra_args(false);
  sub.add_option("--from", options.client);
  sub.add_option("--data", options.data);
  sub.add_flag("--json", options.json);
}

void add_status_options(CLI::App& sub, Options& options) { sub.add_flag("--json", options.json); }

void add_test_options(CLI::App& sub, Options& options) {
  sub.add_flag("--objects", options.objects);
}

void add_completion_options(CLI::App& sub, Options& options) {
  sub.add_option("SHELL", options.shell)->required();
}

void add_help_options(CLI::App& sub, Options& options) { sub.add_option("TOPIC", options.topic); }

int completion(const Options& options);

std::vector<Command> commands(GatewayMain gateway_main) {
  return {{"start", start},
          {"stop", stop},
          {"quit", quit},
          {"reload", reload},
          {"restart", restart},
          {"test", test, add_test_options},
          {"explain", explain, add_explain_options},
          {"status", status, add_status_options},
          {"completion", completion, add_completion_options},
          {"init", init},
          {"init_etcd", init_etcd},
          {"history", history, add_history_options},
          {"diff", diff, add_diff_options},
          {"rollback", rollback, add_rollback_options},
          {"version", [](const Options&) { return version(); }},
          {"help", help, add_help_options},
          {"worker-process", [gateway_main](const Options& options) {
             return worker_process(options, gateway_main);
           }}};
}

// The commands for people, each with the options that it takes.
int completion(const Options& options) {
  std::vector<CompletedCommand> all;
  for (const Command& command : commands(nullptr)) {
    if (std::string_view(command.name) == "worker-process") continue;
    CLI::App sub;
    sub.set_help_flag();
    Options unused;
    if (command.add_options != nullptr) command.add_options(sub, unused);
    CompletedCommand told{command.name, {"--config", "--prefix"}};
    if (std::string_view(command.name) == "start") told.options.emplace_back("--foreground");
    for (const CLI::Option* option : sub.get_options()) {
      for (const std::string& name : option->get_lnames()) told.options.push_back("--" + name);
    }
    all.push_back(std::move(told));
  }
  return print_completion(options.shell, all);
}

std::string message_of(const CLI::ParseError& error) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return text.substr(0, text.find(':')) + " wants a value";
  }
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    return "not a number: " + text.substr(std::min(text.size(), text.find(": ") + 2));
  }
  return text;
}

// The name of a command or option that the first unknown word may have meant.
std::string nearest_name(const CLI::App& app, const CLI::App* sub) {
  std::vector<std::string> rest = app.remaining(true);
  if (rest.empty()) return "";
  std::vector<std::string> known;
  for (const CLI::App* of : {&app, sub}) {
    if (of == nullptr) continue;
    for (const CLI::Option* option : of->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
  }
  if (sub == nullptr) {
    for (const Command& command : commands(nullptr)) known.emplace_back(command.name);
  }
  return std::string(nearest_word(rest[0], {known.begin(), known.end()}));
}

// What is wrong, and how the command is used.
int wrong_usage(const CLI::ParseError& error, const CLI::App& app) {
  std::vector<const CLI::App*> met = app.get_subcommands(nullptr);
  std::erase_if(met, [](const CLI::App* sub) { return !sub->parsed(); });
  const CLI::App* sub = met.empty() ? nullptr : met[0];
  fmt::print(stderr, "error: {}\n", message_of(error));
  if (std::string near = nearest_name(app, sub); !near.empty()) {
    fmt::print(stderr, "did you mean `pylon {}{}`?\n", sub != nullptr ? sub->get_name() + " " : "",
               near);
  }
  if (sub != nullptr) fmt::print(stderr, "usage:\n{}", help_about(sub->get_name()));
  fmt::print(stderr, "`pylon help` tells what there is\n");
  return kUsage;
}

}  // namespace

int run(int argc, char** argv, GatewayMain gateway_main) {
  Options options;
  CLI::App app;
  app.set_help_flag();
  app.fallthrough();
  bool wants_help = false;
  bool wants_version = false;
  app.add_flag("-h,--help", wants_help);
  app.add_flag("-v,--version", wants_version);
  app.add_option("-c,--config", options.config);
  app.add_option("--prefix", options.prefix);
  app.add_flag("--foreground", options.foreground);
  std::vector<Command> all = commands(gateway_main);
  for (const Command& command : all) {
    CLI::App* sub = app.add_subcommand(command.name);
    sub->set_help_flag();
    if (command.add_options != nullptr) command.add_options(*sub, options);
  }
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return wrong_usage(error, app);
  }
  if (wants_help) return help(options);
  if (wants_version) return version();
  for (const Command& command : all) {
    if (app.got_subcommand(command.name)) return command.run(options);
  }
  help(options);
  return kUsage;
}

}  // namespace pylon::cli

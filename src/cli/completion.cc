// `pylon completion`: scripts for shells, made from the commands that there are.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"

namespace pylon::cli {
namespace {

using Commands = std::vector<CompletedCommand>;

std::string names_of(const Commands& commands) {
  std::vector<std::string_view> names;
  for (const CompletedCommand& command : commands) names.push_back(command.name);
  return fmt::format("{}", fmt::join(names, " "));
}

// Bash's, which zsh understands through bashcompinit.
void print_bash(const Commands& commands) {
  fmt::print(
      "_pylon() {{\n"
      "  local word=\"${{COMP_WORDS[COMP_CWORD]}}\" command=\"\" each\n"
      "  for each in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case \"$each\" in -*) ;; *) command=\"$each\"; break ;; esac\n"
      "  done\n"
      "  case \"${{COMP_WORDS[COMP_CWORD-1]}}\" in\n"
      "    -c|--config) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
      "    --prefix) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
      "  esac\n"
      "  case \"$command\" in\n"
      "    \"\") COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;\n",
      names_of(commands));
  for (const CompletedCommand& command : commands) {
    std::string words = fmt::format("{}", fmt::join(command.options, " "));
    if (command.name == "completion") words += " bash zsh fish";
    if (command.name == "help") words += " config plugins";
    if (command.name == "explain") words += " GET POST PUT DELETE PATCH HEAD OPTIONS";
    fmt::print("    {}) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;\n", command.name, words);
  }
  fmt::print("  esac\n}}\ncomplete -F _pylon pylon\n");
}

void print_fish(const Commands& commands) {
  fmt::print("complete -c pylon -f\n");
  fmt::print("complete -c pylon -n __fish_use_subcommand -a '{}'\n", names_of(commands));
  for (const CompletedCommand& command : commands) {
    for (const std::string& option : command.options) {
      bool takes_path = option == "--config" || option == "--prefix";
      fmt::print("complete -c pylon -n '__fish_seen_subcommand_from {}' -l {}{}\n", command.name,
                 option.substr(2), takes_path ? " -rF" : "");
    }
  }
  fmt::print(
      "complete -c pylon -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n"
      "complete -c pylon -n '__fish_seen_subcommand_from help' -a 'config plugins'\n");
}

}  // namespace

int print_completion(const std::string& shell, const Commands& commands) {
  if (shell == "fish") {
    print_fish(commands);
  } else if (shell == "bash" || shell == "zsh") {
    if (shell == "zsh") fmt::print("autoload -Uz bashcompinit && bashcompinit\n");
    print_bash(commands);
  } else {
    fmt::print(stderr, "there is a completion for bash, zsh and fish\n");
    return kUsage;
  }
  return kOk;
}

}  // namespace pylon::cli

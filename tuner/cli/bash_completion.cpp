#include <fmt/format.h>

#include <string>
#include <vector>

#include "tuner/cli/commands.hpp"
#include "tuner/layers.hpp"

namespace convtune::cli {
namespace {

// Where nothing of the tables fits, an option's value say, the shell completes file names.
constexpr std::string_view walker = R"(
_convtune() {
  local word path=convtune current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ -n ${_convtune_words[$path $word]:-} ]] && path+=" $word"
  done
  local words=${_convtune_words[$path]}
  [[ " ${_convtune_valued[$path]} " == *" $before "* ]] && words=${_convtune_values[$before]:-}
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _convtune convtune
)";

/// What options take besides a file's name.
std::string values() {
  return fmt::format(R"(declare -gA _convtune_values=(
  ["--device"]="auto cpu cuda"
  ["--layers"]="{}"
  ["--grid"]="default"
)
)",
                     fmt::join(first_words_of_lists(), " "));
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

/// Rows of bash arrays: ["convtune db info"]="--db --help".
struct Tables {
  std::string words;   ///< what may follow a command
  std::string valued;  ///< those of its options that a value follows
};

void add_rows(const CLI::App& app, const std::string& path, Tables& tables) {
  std::vector<std::string> words;
  std::vector<std::string> valued;
  for (const CLI::App* each : listed_commands(app)) {
    words.push_back(each->get_name());
    add_rows(*each, path + " " + each->get_name(), tables);
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : names_of(*option)) {
      words.push_back(name);
      if (option->get_items_expected_max() > 0) valued.push_back(name);
    }
  }
  const auto row = [&](const std::vector<std::string>& list) {
    return fmt::format("  [\"{}\"]=\"{}\"\n", path, fmt::join(list, " "));
  };
  tables.words += row(words);
  tables.valued += row(valued);
}

std::string bash_completion(const CLI::App& app) {
  Tables tables;
  add_rows(app, app.get_name(), tables);
  // Global, for bash-completion reads the file inside a function.
  return fmt::format(
      "declare -gA _convtune_words=(\n{})\ndeclare -gA _convtune_valued=(\n{})\n{}{}", tables.words,
      tables.valued, values(), walker);
}

}  // namespace

void add_bash_completion(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("bash-completion", "Prints bash's completion of commands");
  command->group("");
  command->callback([&app, &action] {
    action = [&app] {
      fmt::print("{}", bash_completion(app));
      return 0;
    };
  });
}

}  // namespace convtune::cli

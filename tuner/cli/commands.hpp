#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <vector>

namespace convtune::cli {

/// What the parsed command line will do; it returns the exit code (kernels/error.hpp) and may throw
/// Error, which main() prints as one sentence.
using Action = std::function<int()>;

/// Each adds one subcommand with its options; parsing it sets `action`. One file a command:
/// tuner/cli/NAME.cpp.
void add_tune(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_compile(CLI::App& app, Action& action);
void add_source(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_db(CLI::App& app, Action& action);
void add_devices(CLI::App& app, Action& action);

/// Not shown in --help: the tuner's own worker process, and what the build makes of --help itself.
void add_worker(CLI::App& app, Action& action);
void add_man_page(CLI::App& app, Action& action);
void add_bash_completion(CLI::App& app, Action& action);

/// The subcommands that --help shows.
inline std::vector<const CLI::App*> listed_commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); });
}

}  // namespace convtune::cli

#pragma once

#include <CLI/CLI.hpp>
#include <functional>

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

/// The tuner's own worker process; not shown in --help.
void add_worker(CLI::App& app, Action& action);

}  // namespace convtune::cli

#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "generator/compiler.hpp"
#include "kernels/error.hpp"
#include "kernels/say.hpp"
#include "tuner/build_info.hpp"
#include "tuner/cli/commands.hpp"

namespace {

std::string nvrtc_text() {
  try {
    const convtune::CompilerInfo compiler = convtune::compiler_info();
    return fmt::format("{}, {}", compiler.version, compiler.path);
  } catch (const convtune::Error&) {
    return "none was found; convtune devices tells why";
  }
}

std::string version_text() {
  const convtune::BuildInfo build = convtune::build_info();
  return fmt::format(
      "convtune {}\ncommit     {}\ncompiler   {}\nflags      {}\nlibraries  {}\nNVRTC      {}",
      build.version, build.commit, build.compiler, build.flags, convtune::library_versions(),
      nvrtc_text());
}

/// What is wrong with a command line, by the command that it came to.
std::string usage_error(const CLI::App* at, const CLI::Error& error) {
  std::string command = at->get_name();
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  const std::vector<std::string> unknown = at->remaining();
  const bool no_command = !convtune::cli::listed_commands(*at).empty() && !unknown.empty() &&
                          !unknown.front().starts_with('-');
  if (no_command) {
    return fmt::format("convtune: there is no command {} {}; {} --help lists those there are\n",
                       command, unknown.front(), command);
  }
  return fmt::format("convtune: {}; see {} --help\n", error.what(), command);
}

int output_failed() {
  convtune::say("convtune: standard output could not be written; check where it goes");
  return static_cast<int>(convtune::Status::storage);
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what is not caught is a fault of the program
int main(int argc, char** argv) {
  using namespace convtune;
  CLI::App app("Autotuner, kernel generator and run-time library for Conv1D", "convtune");
  app.set_version_flag("--version", version_text, "What this program was built from and with");
  app.require_subcommand(0, 1);
  app.failure_message(usage_error);
  app.get_formatter()->column_width(36);
  app.footer(
      "Exit codes: 0 done, 1 a check failed, 2 usage or invalid problem, 3 no such device, driver\n"
      "or compiler, 4 database or file error, 5 done in part, 128+n ended by signal n.\n"
      "When something is wrong, `convtune devices` is the first thing to run.\n\n"
      "Environment:\n"
      "  CONVTUNE_DB             the database\n"
      "  XDG_DATA_DIRS           folders in which convtune/convtune.db is read after the user's\n"
      "  CONVTUNE_CACHE_DIR      the folder of compiled kernels\n"
      "  CONVTUNE_PACK           compiled kernels from `convtune compile --pack`, used before the "
      "cache\n"
      "  CONVTUNE_NUM_THREADS    threads of the CPU kernels, 1 to 1024\n"
      "  CONVTUNE_NVRTC          the NVRTC library's file, and no other\n"
      "  CONVTUNE_COMPILE_LIMIT  seconds after which NVRTC is given up on a kernel\n"
      "  CONVTUNE_CUDNN          the cuDNN library's file, and no other\n"
      "  CUDA_HOME               a CUDA toolkit in which NVRTC and cuDNN are looked for\n"
      "  CONVTUNE_CUDA_HINT      one more folder in which lib or lib64 holds NVRTC\n"
      "  CONVTUNE_PYTHON         Python with matplotlib and jinja2, for `convtune report`\n"
      "  CONVTUNE_REPORT_DIR     the folder of the report's program");
  cli::Action action;
  cli::add_tune(app, action);
  cli::add_plan(app, action);
  cli::add_run(app, action);
  cli::add_compile(app, action);
  cli::add_source(app, action);
  cli::add_check(app, action);
  cli::add_bench(app, action);
  cli::add_report(app, action);
  cli::add_db(app, action);
  cli::add_devices(app, action);
  cli::add_worker(app, action);
  cli::add_man_page(app, action);
  cli::add_bash_completion(app, action);

  try {
    app.parse(argc, argv);
    if (!action) throw Error(Status::invalid, "no command was given; convtune --help lists them");
    const int exit_code = action();
    // What was lost on the way, as by a benchmark's lines, leaves only the mark of an error.
    const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    return written ? exit_code : output_failed();
  } catch (const CLI::ParseError& error) {
    const bool is_help = app.exit(error) == 0;
    if (!is_help) return static_cast<int>(Status::invalid);
    return std::cout.flush() ? 0 : output_failed();
  } catch (const Error& error) {
    const bool lacks_device =
        error.status() == Status::unavailable && !app.got_subcommand("report");
    say(fmt::format(
        "convtune: {}{}", error.what(),
        lacks_device ? "; convtune devices lists what is here and what is missing" : ""));
    // A candidate that failed is what was asked for, done in part; so is what found no memory.
    const bool in_part = error.status() == Status::failed || error.status() == Status::no_memory;
    return static_cast<int>(in_part ? Status::partial : error.status());
  } catch (const std::bad_alloc&) {
    say("convtune: not enough memory for what was asked; ask for less, or free some");
    return static_cast<int>(Status::partial);
  } catch (const std::system_error& error) {
    say(fmt::format("convtune: {}", error.what()));
    return static_cast<int>(Status::storage);
  }
}

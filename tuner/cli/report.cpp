#include <fmt/core.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "kernels/error.hpp"
#include "kernels/say.hpp"
#include "results/store.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/generated_units.hpp"
#include "tuner/cli/output_file.hpp"
#include "tuner/cli/report_program.hpp"
#include "tuner/interrupt.hpp"

namespace convtune::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path database = default_database();
  fs::path earlier;
  fs::path page = "report.html";
  fs::path csv, json;
  bool follow = false;
};

/// An open file without a name: it is gone when this process is, however it ends.
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File file_of(const std::string& content) {
  File file(std::tmpfile(), std::fclose);
  if (!file || std::fwrite(content.data(), 1, content.size(), file.get()) != content.size() ||
      std::fflush(file.get()) != 0) {
    throw Error(Status::storage,
                fmt::format("{} bytes for the report cannot be written to a temporary file: {}; "
                            "free space there",
                            content.size(), std::generic_category().message(errno)));
  }
  std::rewind(file.get());
  return file;
}

File exported_earlier(const Options& options) {
  if (options.earlier.empty()) return {nullptr, std::fclose};
  return file_of(Store(options.earlier, Store::Access::read).export_json());
}

/// Writes page and tables from what the database holds now; returns the program's exit code.
int write_report(const Options& options, std::FILE* earlier,
                 const std::vector<std::string>& more_arguments, Ground ground) {
  const Store store(options.database, Store::Access::read);
  const File now = file_of(store.export_json());
  const File units = file_of(generated_units(store));
  std::vector<std::string> arguments = {"--output", options.page};
  for (const auto& [flag, path] : {std::pair{"--csv", options.csv}, {"--json", options.json}}) {
    if (!path.empty()) arguments.insert(arguments.end(), {flag, path});
  }
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  return run_report_program({.now = now.get(), .earlier = earlier, .units = units.get()}, arguments,
                            ground);
}

/// By which a database that was written to is known; its journal is deleted with every commit.
struct FileState {
  std::uintmax_t bytes = 0;
  fs::file_time_type written;
  bool operator==(const FileState&) const = default;
};

FileState state_of(const fs::path& file) {
  std::error_code ignored;  // exported() says what is wrong with it
  return {.bytes = fs::file_size(file, ignored), .written = fs::last_write_time(file, ignored)};
}

/// Writes the report again whenever the database has changed, until an interrupt; then once more,
/// as a page that does not reload itself.
int follow(const Options& options) {
  constexpr double least_seconds_between = 3;
  const File earlier = exported_earlier(options);
  note_interrupts();
  say(fmt::format("Following {} in {}; Ctrl-C ends", options.database.string(),
                  options.page.string()));
  std::optional<FileState> shown;
  while (interrupted() == 0) {
    // Looked at before it is read: what is written meanwhile is shown the next time.
    const FileState state = state_of(options.database);
    if (state != shown) {
      const int code = write_report(options, earlier.get(), {"--reload"}, Ground::background);
      // An interrupt may reach the program before it is in the background.
      if (code != 0 && interrupted() == 0) return code;
      shown = state;
    }
    wait_for_interrupt(least_seconds_between);
  }
  const int signal = interrupted();
  stop_noting_interrupts();  // the second one does not wait for the page
  const int code = write_report(options, earlier.get(), {}, Ground::background);
  return code > 1 ? code : 128 + signal;
}

int report(const Options& options) {
  for (const fs::path& path : {options.page, options.csv, options.json}) require_no_database(path);
  if (options.follow) return follow(options);
  const File earlier = exported_earlier(options);
  return write_report(options, earlier.get(), {}, Ground::foreground);
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("report", "Write the database as one HTML page, and as CSV and JSON");
  command->add_option("--db", options->database, "Database file")->capture_default_str();
  command->add_option("--against", options->earlier,
                      "An earlier database file to compare with: what became slower comes first");
  command->add_option("--output", options->page, "The page")->capture_default_str();
  command->add_option("--csv", options->csv, "Also write the table of layers as CSV");
  command->add_option("--json", options->json, "Also write all figures as JSON");
  command->add_flag("--follow", options->follow,
                    "Write again whenever a sweep has stored more, until interrupted");
  command->footer(
      "Against an earlier database the exit code is 1 if a layer became slower by more than its\n"
      "noise, or if nothing can be compared; the page is written all the same. While it follows, "
      "the\n"
      "page reloads itself; interrupted, it is written once more and does so no longer.\n\n"
      "Examples:\n"
      "  convtune report --output report.html --csv layers.csv --json figures.json\n"
      "  convtune report --against earlier.db");
  command->callback([options, &action] { action = [options] { return report(*options); }; });
}

}  // namespace convtune::cli

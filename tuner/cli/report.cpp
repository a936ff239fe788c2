#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "kernels/environment.hpp"
#include "kernels/error.hpp"
#include "results/store.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/output_file.hpp"

namespace convtune::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path database = default_database();
  fs::path earlier;
  fs::path page = "report.html";
  fs::path csv, json;
};

/// An open file without a name: it is gone when this process is, however it ends.
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File exported(const fs::path& database) {
  const std::string content = Store(database, Store::Access::read).export_json();
  File file(std::tmpfile(), std::fclose);
  if (!file || std::fwrite(content.data(), 1, content.size(), file.get()) != content.size() ||
      std::fflush(file.get()) != 0) {
    throw Error(Status::storage,
                fmt::format("the export of {} bytes for the report cannot be written to a "
                            "temporary file: {}; free space there",
                            content.size(), std::generic_category().message(errno)));
  }
  std::rewind(file.get());
  return file;
}

std::string python() {
  if (const auto chosen = environment("CONVTUNE_PYTHON")) return *chosen;
  return access(CONVTUNE_BUILD_PYTHON, X_OK) == 0 ? CONVTUNE_BUILD_PYTHON : "python3";
}

fs::path program() {
  std::vector<fs::path> places;
  if (const auto chosen = environment("CONVTUNE_REPORT_DIR")) {
    places.emplace_back(*chosen);
  } else {
    std::error_code ignored;
    const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
    places.push_back(here.parent_path() / "share/convtune/report");
    places.emplace_back(CONVTUNE_REPORT_SOURCE);
  }
  for (const fs::path& place : places) {
    if (fs::exists(place / "__main__.py")) return place;
  }
  throw Error(Status::storage,
              fmt::format("the report's program is not in {}: install convtune whole, or name its "
                          "folder in CONVTUNE_REPORT_DIR",
                          places.front().string()));
}

/// Where the program finds the earlier database's export.
constexpr int earlier_descriptor = 3;

/// The exit code of `command`, run with `input` as its standard input and `earlier`, if there is
/// one, as its earlier_descriptor.
int run(std::vector<std::string> command, std::FILE* input, std::FILE* earlier) {
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(input), STDIN_FILENO);
  if (earlier != nullptr) {
    posix_spawn_file_actions_adddup2(&actions, fileno(earlier), earlier_descriptor);
  }
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Error(Status::unavailable,
                fmt::format("the report needs Python, but {} cannot be started ({}): install "
                            "python3 with matplotlib and jinja2, or name one in CONVTUNE_PYTHON",
                            command[0], std::generic_category().message(error)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int report(const Options& options) {
  for (const fs::path& path : {options.page, options.csv, options.json}) require_no_database(path);
  const File now = exported(options.database);
  const File earlier =
      options.earlier.empty() ? File(nullptr, std::fclose) : exported(options.earlier);
  std::vector<std::string> command = {python(), program(), "--output", options.page};
  if (earlier) {
    command.insert(command.end(), {"--against", fmt::format("/dev/fd/{}", earlier_descriptor)});
  }
  for (const auto& [flag, path] : {std::pair{"--csv", options.csv}, {"--json", options.json}}) {
    if (!path.empty()) command.insert(command.end(), {flag, path});
  }
  return run(std::move(command), now.get(), earlier.get());
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
  command->footer(
      "Against an earlier database the exit code is 1 if a layer became slower by more than its\n"
      "noise, or if nothing can be compared; the page is written all the same.\n\n"
      "Examples:\n"
      "  convtune report --output report.html --csv layers.csv --json figures.json\n"
      "  convtune report --against earlier.db");
  command->callback([options, &action] { action = [options] { return report(*options); }; });
}

}  // namespace convtune::cli

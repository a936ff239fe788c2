#include "tuner/cli/report_program.hpp"

#include <fmt/core.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "kernels/environment.hpp"
#include "kernels/error.hpp"

namespace convtune::cli {
namespace {

namespace fs = std::filesystem;

/// Where the program finds what is not its standard input.
constexpr int earlier_descriptor = 3;
constexpr int units_descriptor = 4;

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

/// How a child is started: its files, and in the background a process group of its own.
class SpawnPlan {
 public:
  SpawnPlan(const ReportInput& input, Ground ground) {
    posix_spawn_file_actions_init(&files_);
    add(input.now, STDIN_FILENO);
    add(input.earlier, earlier_descriptor);
    add(input.units, units_descriptor);
    posix_spawnattr_init(&attributes_);
    if (ground == Ground::background) {
      posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP);
    }
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  void add(std::FILE* file, int descriptor) {
    if (file != nullptr) {
      posix_spawn_file_actions_adddup2(&files_, fileno(file), descriptor);
    }
  }

  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

}  // namespace

int run_report_program(const ReportInput& input, const std::vector<std::string>& arguments,
                       Ground ground) {
  std::vector<std::string> command = {python(), program()};
  const auto name = [&](const char* flag, const std::FILE* file, int descriptor) {
    if (file != nullptr)
      command.insert(command.end(), {flag, fmt::format("/dev/fd/{}", descriptor)});
  };
  name("--against", input.earlier, earlier_descriptor);
  name("--units", input.units, units_descriptor);
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  const SpawnPlan plan(input, ground);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, words[0], plan.files(), plan.attributes(), words.data(), environ);
  if (error != 0) {
    throw Error(Status::unavailable,
                fmt::format("the report needs Python, but {} cannot be started ({}): install "
                            "python3 with matplotlib and jinja2, or name one in CONVTUNE_PYTHON",
                            command[0], std::generic_category().message(error)));
  }
  constexpr int nicest = 19;
  if (ground == Ground::background) setpriority(PRIO_PROCESS, static_cast<id_t>(child), nicest);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace convtune::cli

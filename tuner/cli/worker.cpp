#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "tuner/cli/commands.hpp"
#include "tuner/worker.hpp"

namespace convtune::cli {

void add_worker(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("worker", "Measures for a tuner over standard input");
  command->group("");
  auto device = std::make_shared<std::string>();
  command->add_option("--device", *device)->required();
  command->callback([&action, device] {
    action = [device] {
      // A worker must not outlive its tuner, not even with a kernel that hangs.
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      // Replies go where standard output went; whatever a library prints goes to standard error.
      const int replies = dup(STDOUT_FILENO);
      dup2(STDERR_FILENO, STDOUT_FILENO);
      return serve_trials(open_device(*device), STDIN_FILENO, replies);
    };
  });
}

}  // namespace convtune::cli

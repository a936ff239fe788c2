#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "kernels/counted.hpp"
#include "kernels/error.hpp"
#include "kernels/say.hpp"
#include "tuner/cli/checks.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/database_option.hpp"
#include "tuner/cli/layer_options.hpp"
#include "tuner/cli/pack_option.hpp"
#include "tuner/interrupt.hpp"
#include "tuner/layer_work.hpp"
#include "tuner/sweep.hpp"
#include "tuner/workload.hpp"

namespace convtune::cli {
namespace {

struct CheckOptions {
  LayerOptions layers;
  std::string device = "auto";
  std::string database;
  bool chosen = false;
  std::uint64_t seed = 0;
};

/// A candidate that takes longer, checks included, has failed.
constexpr double candidate_seconds = 60;

struct Counts {
  std::size_t right = 0, wrong = 0, failed = 0, skipped = 0;
  double worst_ratio = 0;
};

/// Tells now and then how far a check got.
class Pulse {
 public:
  explicit Pulse(std::size_t problems) : problems_(problems) {}

  void candidate_ended(std::size_t problem) {
    ++candidates_;
    const auto now = std::chrono::steady_clock::now();
    if (!is_read_ || now - told_ < std::chrono::seconds(2)) return;
    told_ = now;
    say(fmt::format("problem {} of {}: {} checked", problem + 1, problems_,
                    counted(candidates_, "candidate")));
  }

 private:
  std::size_t problems_;
  bool is_read_ = progress_is_read();
  std::size_t candidates_ = 0;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

void report(const Problem& problem, const std::string& config, std::string_view what,
            const std::string& reason) {
  fmt::print("{}{}{}: {}, {}\n", describe(problem), config.empty() ? "" : "  ", config, what,
             reason);
}

void count(const WorkerAnswer& answer, const Problem& problem, const std::string& config,
           Counts& counts) {
  if (answer.end == WorkerAnswer::End::interrupted) return;
  if (answer.end != WorkerAnswer::End::replied) {
    ++counts.failed;
    report(problem, config, "failed", answer.reason);
    return;
  }
  const Measurement& measurement = answer.reply.measurements.at(0);
  counts.worst_ratio = std::max(counts.worst_ratio, measurement.worst_error_ratio);
  switch (measurement.outcome) {
    case Outcome::ok:
      ++counts.right;
      return;
    case Outcome::wrong:
      ++counts.wrong;
      break;
    default:
      ++counts.failed;
      break;
  }
  report(problem, config, name(measurement.outcome), measurement.reason);
}

int check(const CheckOptions& options) {
  const std::vector<Layer> layers = selected_layers(options.layers, "quickstart");
  const std::shared_ptr<Device> device = open_device(options.device);
  const auto plans = options.chosen ? plans_of(options.database) : nullptr;
  note_interrupts();
  Worker worker(worker_command(options.device));
  Counts counts;
  Pulse pulse(layers.size());
  std::size_t begun = 0;
  while (begun < layers.size() && interrupted() == 0) {
    const Problem& problem = layers[begun++].problem;
    if (workload_bytes(problem) > available_memory()) {
      ++counts.skipped;
      report(problem, "", "skipped", "not enough memory");
      continue;
    }
    const std::vector<Candidate> candidates =
        options.chosen
            ? std::vector{choose_plan(problem, device->properties(), plans.get()).candidate}
            : tunable_candidates(problem, device->properties());
    if (candidates.empty()) {
      ++counts.skipped;
      report(problem, "", "skipped", "no candidate can be had here");
    }
    const std::chrono::duration<double> limit(candidate_seconds + workload_allowance(problem));
    for (const Candidate& candidate : candidates) {
      if (interrupted() != 0) break;
      const std::string config = to_text(candidate.config);
      const TrialRequest request{
          .problem = problem, .configs = {config}, .seed = options.seed, .rounds = 0};
      count(ask_twice(worker, request, limit), problem, config, counts);
      pulse.candidate_ended(begun - 1);
    }
  }
  fmt::print(
      "{} of {}, {} skipped: {} right, {} wrong, {} failed; worst error {:.3g} of the tolerance\n",
      begun, counted(layers.size(), "problem"), counts.skipped, counted(counts.right, "candidate"),
      counts.wrong, counts.failed, counts.worst_ratio);
  if (interrupted() != 0) return 128 + interrupted();
  if (counts.wrong > 0) return static_cast<int>(Status::check_failed);
  return static_cast<int>(counts.failed + counts.skipped > 0 ? Status::partial : Status::ok);
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("check", "Compare candidates with the float64 reference on this device");
  auto options = std::make_shared<CheckOptions>();
  add_layer_options(*command, options->layers);
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:INDEX")
      ->capture_default_str();
  add_pack_option(*command);
  CLI::Option* chosen =
      command->add_flag("--chosen", options->chosen, "Only what would run, not every candidate");
  command->add_option("--db", options->database, database_help)->needs(chosen);
  command->add_option("--seed", options->seed, "Seed of the inputs")
      ->check(number_from(std::uint64_t{0}))
      ->capture_default_str();
  command->footer(
      "Without layers, those of the quickstart list. Exit code 1 if any candidate is wrong, 5 if\n"
      "any could not be checked.\n\n"
      "Examples:\n"
      "  convtune check --layers mamba-130m --chosen");
  command->callback([&action, options] { action = [options] { return check(*options); }; });
}

}  // namespace convtune::cli

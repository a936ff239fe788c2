#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "kernels/counted.hpp"
#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "kernels/say.hpp"
#include "results/record_json.hpp"
#include "tuner/cli/checks.hpp"
#include "tuner/cli/command_line.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/layer_options.hpp"
#include "tuner/cli/pack_option.hpp"
#include "tuner/interrupt.hpp"
#include "tuner/progress.hpp"
#include "tuner/run_record.hpp"
#include "tuner/speed_up.hpp"
#include "tuner/sweep.hpp"

namespace convtune::cli {
namespace {

struct TuneOptions {
  LayerOptions layers;
  std::string device = "auto";
  std::string database = default_database().string();
  SweepOptions sweep;
  bool quiet = false;
  bool json = false;
};

/// Of the layers with a verdict.
std::vector<SpeedUp> speed_ups(const std::vector<LayerResult>& results,
                               SpeedUp (*over)(const Verdict&)) {
  std::vector<SpeedUp> found;
  for (const LayerResult& result : results) {
    if (result.verdict) found.push_back(over(*result.verdict));
  }
  return found;
}

std::string row_note(const Verdict& verdict) {
  std::string note;
  if (!verdict.tied.empty()) note += fmt::format(" (ties with {})", verdict.tied.size());
  if (!verdict.complete) {
    note += fmt::format(" (budget: {} of {} tried)", verdict.measured, verdict.candidates);
  }
  return note;
}

/// One row a layer. Time and winner are those of the choice, which may be a vendor's; both ratios
/// are of the best generated kernel. `seconds` is what the sweep took.
void print_table(const std::vector<LayerResult>& results, double seconds) {
  std::size_t width = 5;
  for (const LayerResult& result : results) width = std::max(width, title(result.layer).size());
  fmt::print("{:<{}} {:>9} {:>9} {:>9} {:>10}  {}\n", "layer", width, "time", "GFLOP/s",
             "x default", "x vendor", "winner");
  for (const LayerResult& result : results) {
    const std::string row = title(result.layer);
    if (!result.verdict) {
      fmt::print("{:<{}} {}\n", row, width, result.reason.empty() ? "not reached" : result.reason);
      continue;
    }
    const Verdict& v = *result.verdict;
    fmt::print("{:<{}} {:>9} {:>9.1f} {:>9} {:>10}  {}{}\n", row, width, format_seconds(v.seconds),
               2e-9 * static_cast<double>(multiply_adds(v.problem)) / v.seconds,
               to_text(over_default(v)), to_text(over_vendor(v)), v.winner, row_note(v));
  }
  const std::vector<SpeedUp> defaults = speed_ups(results, over_default);
  const std::vector<SpeedUp> vendors = speed_ups(results, over_vendor);
  fmt::print("\nBest generated kernel over the untuned default: {}\n", mean_text(defaults));
  fmt::print("Best generated kernel over the vendor's: {}\n", mean_text(vendors));
  const auto unreliable = [](const SpeedUp& each) { return each.ratio > 0 && !each.reliable; };
  if (std::ranges::any_of(defaults, unreliable) || std::ranges::any_of(vendors, unreliable)) {
    fmt::print("?: the samples of one side spread by more than {:.0f} %; tune on a quiet machine\n",
               100 * most_noise);
  }
  std::size_t measured = 0;
  for (const LayerResult& result : results) measured += result.measured;
  fmt::print("{} measured in {}\n", counted(measured, "candidate"), format_minutes(seconds));
}

void print_json(const std::vector<LayerResult>& results) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const LayerResult& result : results) {
    list.push_back(
        {{"problem", nlohmann::ordered_json::parse(to_json(result.layer.problem))},
         {"measured_now", result.measured},
         {"reason", result.reason},
         {"verdict", result.verdict ? nlohmann::ordered_json::parse(to_line(*result.verdict))
                                    : nlohmann::ordered_json()}});
  }
  fmt::print("{}\n", list.dump(1));
}

int exit_code(const std::vector<LayerResult>& results) {
  if (interrupted() != 0) return 128 + interrupted();
  const bool all_won = std::ranges::all_of(
      results, [](const LayerResult& result) { return result.verdict.has_value(); });
  return static_cast<int>(all_won ? Status::ok : Status::partial);
}

int tune(const TuneOptions& options) {
  const std::vector<Layer> layers = selected_layers(options.layers, "quickstart");
  const std::shared_ptr<Device> device = open_device(options.device);
  const DeviceProperties& properties = device->properties();
  Store store(options.database);
  const Run run = describe_run(properties, own_command_line(), options.sweep.seed);
  store.insert(run, properties);

  note_interrupts();
  const bool shows_progress = !options.quiet && progress_is_read();
  Progress progress(shows_progress);
  if (shows_progress) {
    say(fmt::format("Tuning {} on {} ({}, {})", counted(layers.size(), "problem"), properties.name,
                    properties.arch,
                    counted(static_cast<std::size_t>(properties.units),
                            properties.kind == DeviceKind::cpu ? "thread" : "SM")));
  }
  Worker worker(worker_command(options.device));
  Sweep sweep(store, *device, worker, progress, options.sweep, run.id);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<LayerResult> results = sweep.run(layers);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  if (options.json) {
    print_json(results);
  } else {
    print_table(results, taken.count());
  }
  return exit_code(results);
}

}  // namespace

void add_tune(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("tune", "Find and store the fastest kernel of each layer");
  auto options = std::make_shared<TuneOptions>();
  add_layer_options(*command, options->layers);
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:INDEX")
      ->capture_default_str();
  add_pack_option(*command);
  command->add_option("--db", options->database, "Database file")->capture_default_str();
  command
      ->add_option("--budget", options->sweep.budget_seconds,
                   "About how many seconds in all; 0: no limit")
      ->check(number_from(0.0))
      ->capture_default_str();
  command
      ->add_option("--candidate-limit", options->sweep.candidate_seconds,
                   "Seconds after which a candidate is given up, its compilation included")
      ->check(number_from(0.001))
      ->capture_default_str();
  command->add_flag("--exhaustive", options->sweep.exhaustive, "Measure every candidate");
  command->add_option("--seed", options->sweep.seed, "Seed of search and inputs")
      ->check(number_from(std::uint64_t{0}))
      ->capture_default_str();
  command->add_flag("--quiet", options->quiet,
                    "No progress on stderr, as where that is no terminal");
  command->add_flag("--json", options->json, "Results as JSON on stdout");
  command->footer(
      "Without layers, those of the quickstart list. A sweep that was ended goes on where it was:\n"
      "run the same command again. Exit code 5 if a layer has no winner yet.\n\n"
      "Examples:\n"
      "  convtune tune --layers mamba-130m --budget 5\n"
      "  convtune tune --device cpu --budget 5 --problem "
      "'{\"length\":999,\"in_channels\":8,\"out_channels\":8,\"kernel_size\":3}'");
  command->callback([&action, options] { action = [options] { return tune(*options); }; });
}

}  // namespace convtune::cli

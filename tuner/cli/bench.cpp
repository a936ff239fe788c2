#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kernels/error.hpp"
#include "kernels/outputs_to_check.hpp"
#include "kernels/reference.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/database_option.hpp"
#include "tuner/cli/layer_options.hpp"
#include "tuner/cli/output_file.hpp"
#include "tuner/cli/pack_option.hpp"
#include "tuner/sweep.hpp"
#include "tuner/timer.hpp"
#include "tuner/workload.hpp"

namespace convtune::cli {
namespace {

struct BenchOptions {
  LayerOptions layers;
  std::string device = "auto";
  std::string database;
};

/// One contender of one layer. Everything is made when it runs, so that a long list needs the
/// memory of one layer only.
struct Contender {
  Problem problem;
  std::string role;  ///< tuned, generated, default, vendor
  std::string config;
  Cache cache = Cache::cold;
};

void require_memory(const Problem& problem) {
  if (workload_bytes(problem) > available_memory()) {
    throw Error(Status::no_memory, "not enough host memory");
  }
}

void time_candidate(benchmark::State& state, Device& device, const Contender& contender) {
  const Problem& problem = contender.problem;
  require_memory(problem);
  const Workload workload = make_random_arrays(problem, 0);
  const std::unique_ptr<Executable> executable = device.prepare(
      problem, resolve(contender.config, problem, device.properties(), all_families()),
      workload.weight.data(), workload.bias_data());
  const std::unique_ptr<Timer> timer = make_timer(device);
  timer->load(workload.inputs[0].x,
              static_cast<std::size_t>(output_elements(problem)) * size_of(problem.dtype));
  // Many launches a graph, for a GPU's events are coarse.
  const bool on_gpu = device.properties().kind == DeviceKind::cuda;
  const int runs = on_gpu ? 100 : 1;
  timer->seconds(*executable, 1, contender.cache);
  for ([[maybe_unused]] auto _ : state) {
    state.SetIterationTime(timer->seconds(*executable, runs, contender.cache));
  }
  state.SetLabel(contender.config);
  const auto rate = [&](double amount) {
    return benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
  };
  state.counters["FLOP/s"] = rate(2 * static_cast<double>(multiply_adds(problem)));
  state.counters["B/s"] = rate(static_cast<double>(compulsory_bytes(problem)));
}

void time_reference(benchmark::State& state, const Problem& problem) {
  require_memory(problem);
  const Workload workload = make_random_arrays(problem, 0);
  const std::vector<std::int64_t> indices = outputs_to_check(problem, 0);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(reference_at(problem, workload.inputs[0].x.data(),
                                          workload.weight.data(), workload.bias_data(), indices));
  }
  // Of a large layer the reference computes a sample; the rate tells what a whole one would take.
  const auto taps = static_cast<double>(products_per_output(problem));
  state.counters["FLOP/s"] = benchmark::Counter(2 * taps * static_cast<double>(indices.size()),
                                                benchmark::Counter::kIsIterationInvariantRate);
}

std::vector<Contender> contenders(const Problem& problem, const DeviceProperties& device,
                                  const PlanSource* plans) {
  std::vector<Contender> all;
  const auto tuned = plans == nullptr ? std::nullopt : plans->find(problem, device);
  if (tuned) all.push_back({problem, "tuned", tuned->config});
  if (tuned && !tuned->best_generated.empty() && tuned->best_generated != tuned->config) {
    all.push_back({problem, "generated", tuned->best_generated});
  }
  auto quarantine =
      plans == nullptr ? std::vector<Quarantined>{} : plans->quarantine(problem, device);
  const Plan untuned = heuristic_plan(problem, device, all_families(), std::move(quarantine));
  all.push_back({problem, "default", to_text(untuned.candidate.config)});
  if (tuned && !tuned->best_vendor.empty()) {
    all.push_back({problem, "vendor", tuned->best_vendor});
    return all;
  }
  for (const Candidate& candidate : enumerate(problem, device, all_families()).candidates) {
    if (candidate.family->origin != Origin::vendor) continue;
    all.push_back({problem, "vendor", to_text(candidate.config)});
    break;
  }
  return all;
}

/// A GPU is timed with either state of its L2 cache, apart; the names say which.
std::vector<std::pair<Cache, std::string>> cache_states(const Device& device) {
  if (device.properties().kind == DeviceKind::cpu) return {{Cache::warm, ""}};
  return {{Cache::cold, "/cold"}, {Cache::warm, "/warm"}};
}

/// Of what cannot be timed here the reason is shown, and `all_timed` becomes false.
benchmark::internal::Benchmark* register_one(const std::string& name, bool& all_timed,
                                             std::function<void(benchmark::State&)> time) {
  return benchmark::RegisterBenchmark(
             name.c_str(),
             [&all_timed, time = std::move(time)](benchmark::State& state) {
               try {
                 time(state);
               } catch (const Error& error) {
                 state.SkipWithError(error.what());
                 all_timed = false;
               }
             })
      ->Unit(benchmark::kMicrosecond);
}

void register_all(const std::vector<Layer>& layers, const std::shared_ptr<Device>& device,
                  const PlanSource* plans, bool& all_timed) {
  for (const Layer& layer : layers) {
    const std::string title =
        layer.label.model.empty() ? "" : layer.label.model + " " + layer.label.layer + " ";
    const auto benchmark_name = [&](const std::string& role) {
      return fmt::format("{}{}/{}", title, describe(layer.problem), role);
    };
    for (Contender contender : contenders(layer.problem, device->properties(), plans)) {
      for (const auto& [cache, suffix] : cache_states(*device)) {
        contender.cache = cache;
        register_one(benchmark_name(contender.role + suffix), all_timed,
                     [device, contender](benchmark::State& state) {
                       time_candidate(state, *device, contender);
                     })
            ->UseManualTime();
      }
    }
    register_one(
        benchmark_name("reference"), all_timed,
        [problem = layer.problem](benchmark::State& state) { time_reference(state, problem); });
  }
}

int bench(const BenchOptions& options, std::vector<std::string> flags) {
  const std::vector<Layer> layers = selected_layers(options.layers, "quickstart");
  const std::shared_ptr<Device> device = open_device(options.device);
  const std::shared_ptr<const PlanSource> plans = plans_of(options.database);

  for (const std::string& flag : flags) {
    constexpr std::string_view out = "--benchmark_out=";
    if (flag.starts_with(out)) require_writable(flag.substr(out.size()));
  }
  std::vector<char*> arguments;
  flags.insert(flags.begin(), {"convtune bench", "--benchmark_color=false"});
  for (std::string& flag : flags) arguments.push_back(flag.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (count > 1) {
    throw Error(
        Status::invalid,
        fmt::format("'{}' is neither an option of bench nor of Google Benchmark", arguments[1]));
  }
  bool all_timed = true;
  register_all(layers, device, plans.get(), all_timed);
  const std::size_t ran = benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (ran == 0) {
    throw Error(Status::invalid,
                "no benchmark ran; give a --benchmark_filter that matches one of "
                "--benchmark_list_tests");
  }
  return static_cast<int>(all_timed ? Status::ok : Status::partial);
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "bench", "Time tuned against default, vendor and reference (Google Benchmark)");
  auto options = std::make_shared<BenchOptions>();
  add_layer_options(*command, options->layers);
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:INDEX")
      ->capture_default_str();
  add_pack_option(*command);
  command->add_option("--db", options->database, database_help);
  command->allow_extras();
  command->footer(
      "Flags of Google Benchmark are passed on: --benchmark_filter=REGEX,\n"
      "--benchmark_format=json, --benchmark_out=FILE, --benchmark_repetitions=N, ...\n"
      "Without layers, those of the quickstart list. Exit code 5 if any could not be timed.\n"
      "Where a vendor's kernel is the tuned one, the best of ours is \"generated\".\n\n"
      "Examples:\n"
      "  convtune bench --layers mamba-130m --benchmark_filter=/tuned\n"
      "  convtune bench --layers mamba-130m --benchmark_filter=/default --benchmark_format=json");
  command->callback([&action, options, command] {
    action = [options, command] { return bench(*options, command->remaining()); };
  });
}

}  // namespace convtune::cli

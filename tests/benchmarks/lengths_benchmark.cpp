// 1,000 different lengths of one module, as audio has them, with a database of tuned plans: what
// the first call of a length costs (target: 5 ms at most, on a GPU with cached cubins), and what a
// later one costs over its kernel (target: 2 µs). With the tests' imaginary GPU (LD_LIBRARY_PATH is
// tests/faults of the build folder) a first call is all that a GPU's is but the driver's own work.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <convtune/conv1d.hpp>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/conv1d_options.hpp"
#include "tests/benchmarks/no_op_device.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

constexpr std::int64_t lengths = 1'000;

/// A layer of Whisper's encoder, or one of a vocoder with 4 MiB of weights.
const Conv1dOptions front_end = {
    .kernel_size = 3, .in_channels = 80, .out_channels = 384, .padding = 1, .permute = true};
const Conv1dOptions vocoder = {
    .kernel_size = 8, .in_channels = 256, .out_channels = 512, .permute = true};

Conv1dOptions on_gpu(Conv1dOptions options) {
  options.device = "cuda";
  return options;
}

/// In an order in which neighbours are far apart.
std::int64_t length_of(std::int64_t i) { return 100 + i * 387 % lengths * 3; }

/// The user's database, with a plan of every 100th length.
void keep_plans(const Conv1dOptions& options, const TemporaryFolder& folder) {
  const DeviceProperties device = open_device(options.device)->properties();
  Store store(folder / "convtune.db");
  store.insert(sample_run(device), device);
  for (std::int64_t i = 0; i < lengths; i += 100) {
    Verdict verdict = sample_verdict(100, device);
    verdict.problem = problem_of(options);
    verdict.problem.length = length_of(i);
    const Plan plan = heuristic_plan(verdict.problem, device);
    verdict.winner = to_text(plan.candidate.config);
    verdict.source_digest =
        source_digest(*plan.candidate.family, verdict.problem, plan.candidate.config, device);
    verdict.tied.clear();
    store.insert(verdict);
  }
  setenv("CONVTUNE_DB", (folder / "convtune.db").c_str(), 1);
}

Backend cpu_backend(const std::shared_ptr<Device>& device) {
  return {.device = device,
          .device_name = "cpu",
          .cpu = device,
          .families = all_families(),
          .plans = default_plan_source,
          .fallback_reason = {}};
}

struct Arrays {
  explicit Arrays(const Conv1dOptions& o)
      : weight(static_cast<std::size_t>(o.out_channels * o.in_channels * o.kernel_size), 0.5F),
        x(static_cast<std::size_t>(o.in_channels * 4'000), 0.25F),
        y(static_cast<std::size_t>(o.out_channels * 4'000)) {}
  std::vector<float> weight, x, y;
};

Conv1d loaded(const Conv1dOptions& options, const Arrays& arrays, Backend backend) {
  Conv1d conv(options, std::move(backend));
  conv.load_state_dict(
      {{"weight",
        {.data = arrays.weight.data(),
         .shape = {options.out_channels, options.in_channels, options.kernel_size}}}});
  return conv;
}

void run(const Conv1d& conv, Arrays& arrays, std::int64_t length) {
  conv.run({.data = arrays.x.data(), .shape = {1, conv.options().in_channels, length}},
           {.data = arrays.y.data(), .shape = conv.output_shape(1, length)});
}

double milliseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// A cache of cubins that is empty at first; the process knows one only.
void use_own_cache() {
  static const TemporaryFolder cache;
  setenv("CONVTUNE_CACHE_DIR", cache.path().c_str(), 1);
}

/// All of a first call but its kernel: the plan, packing the weights, what the cache does.
void first_call(benchmark::State& state, const Conv1dOptions& options) {
  use_own_cache();
  const TemporaryFolder folder;
  try {
    keep_plans(options, folder);
  } catch (const Error& error) {
    state.SkipWithError(error.what());
    return;
  }
  const Arrays arrays(options);
  const auto load = [&] {
    return loaded(options, arrays, open_backend(options.device, Policy::nearest_or_heuristic));
  };
  if (options.device != "cpu") {  // puts the cubins into the cache
    const Conv1d conv = load();
    for (std::int64_t i = 0; i < lengths; ++i) conv.prepare(1, length_of(i));
  }
  std::vector<double> calls;
  for (auto _ : state) {
    const Conv1d conv = load();
    for (std::int64_t i = 0; i < lengths; ++i) {
      const auto before = std::chrono::steady_clock::now();
      benchmark::DoNotOptimize(conv.plan(1, length_of(i)));
      calls.push_back(milliseconds(std::chrono::steady_clock::now() - before));
    }
  }
  std::ranges::sort(calls);
  state.counters["median_ms"] = calls[calls.size() / 2];
  state.counters["p99_ms"] = calls[calls.size() * 99 / 100];
  state.counters["max_ms"] = calls.back();
}
BENCHMARK_CAPTURE(first_call, front_end, front_end)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(first_call, vocoder, vocoder)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(first_call, front_end_cuda, on_gpu(front_end))
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(first_call, vocoder_cuda, on_gpu(vocoder))
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

/// Later calls, each of another length than the one before, with a kernel that takes no time.
void next_call(benchmark::State& state) {
  Arrays arrays(front_end);
  const Conv1d conv = loaded(front_end, arrays, cpu_backend(std::make_shared<NoOpDevice>()));
  for (std::int64_t i = 0; i < lengths; ++i) run(conv, arrays, length_of(i));
  std::int64_t i = 0;
  for (auto _ : state) run(conv, arrays, length_of(i++ % lengths));
}
BENCHMARK(next_call);

}  // namespace
}  // namespace convtune

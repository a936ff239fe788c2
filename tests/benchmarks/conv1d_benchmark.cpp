// What Conv1d::run costs over a direct call of the kernel it chose, and how many candidates are
// enumerated in a second. Limit: module_alone takes at most 2 µs; so does the difference between
// module_and_kernel and kernel_alone.
#include <benchmark/benchmark.h>

#include <convtune/conv1d.hpp>
#include <vector>

#include "runtime/backend.hpp"
#include "tests/benchmarks/no_op_device.hpp"

namespace convtune {
namespace {

const Conv1dOptions tiny = {.kernel_size = 3, .in_channels = 8, .out_channels = 8};
constexpr std::int64_t length = 10;

struct Arrays {
  std::vector<float> weight = std::vector<float>(3 * 8 * 8, 0.5F);
  std::vector<float> x = std::vector<float>(length * 8, 0.25F);
  std::vector<float> y = std::vector<float>((length - 2) * 8);
};

void time_runs(benchmark::State& state, Conv1d conv) {
  Arrays arrays;
  conv.load_state_dict({{"weight", {.data = arrays.weight.data(), .shape = {3, 8, 8}}}});
  conv.prepare(1, length);
  const TensorView x{.data = arrays.x.data(), .shape = {1, length, 8}};
  const MutableTensorView y{.data = arrays.y.data(), .shape = {1, length - 2, 8}};
  for (auto _ : state) conv.run(x, y);
  state.SetLabel(conv.plan(1, length).config);
}

void module_alone(benchmark::State& state) {
  Backend backend = open_backend("cpu", Policy::nearest_or_heuristic);
  backend.device = backend.cpu = std::make_shared<NoOpDevice>();
  time_runs(state, Conv1d(tiny, std::move(backend)));
}
BENCHMARK(module_alone);

void module_and_kernel(benchmark::State& state) { time_runs(state, Conv1d(tiny)); }
BENCHMARK(module_and_kernel);

void kernel_alone(benchmark::State& state) {
  Arrays arrays;
  const Problem problem{.length = length, .in_channels = 8, .out_channels = 8, .kernel_size = 3};
  const std::shared_ptr<Device> device = open_device("cpu");
  const Plan plan = choose_plan(problem, device->properties(), default_plan_source().get());
  const auto executable = device->prepare(problem, plan.candidate, arrays.weight.data(), nullptr);
  for (auto _ : state) executable->run(arrays.x.data(), arrays.y.data(), nullptr);
  state.SetLabel(to_text(plan.candidate.config));
}
BENCHMARK(kernel_alone);

void enumerated_candidates(benchmark::State& state, const DeviceProperties& device) {
  const Problem problem{.batch = 1,
                        .length = 3000,
                        .in_channels = 80,
                        .out_channels = 384,
                        .kernel_size = 3,
                        .padding = {1, 1}};
  std::size_t candidates = 0;
  for (auto _ : state) {
    const CandidateSpace space = enumerate(problem, device, all_families());
    benchmark::DoNotOptimize(space.candidates.data());
    candidates += space.candidates.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(candidates));
}
BENCHMARK_CAPTURE(enumerated_candidates, cpu, open_device("cpu")->properties());
BENCHMARK_CAPTURE(enumerated_candidates, sm_90a, properties_of_arch("sm_90a"));

}  // namespace
}  // namespace convtune

// Look-ups in a database of 100,000 measurements, and inserts into one. Limit: a look-up by key
// (find_measurement, find_missing_measurement, find_plan) takes at most 50 µs.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "results/record_json.hpp"
#include "results/store.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

constexpr int problems = 1'000;
constexpr int candidates = 100;

Measurement measurement_of(int number) {
  return sample_measurement(number % candidates, 100 + number / candidates);
}

/// An export of the whole content imports in one transaction; 100,000 inserts would sync as often.
std::string whole_content(const TemporaryFolder& folder) {
  Store store(folder / "empty.db");
  store.insert(sample_run(), sample_device());
  std::string text = store.export_json();
  const auto fill_list = [&](std::string_view name, int rows, auto&& line_of) {
    std::string lines;
    for (int i = 0; i < rows; ++i) lines += (i == 0 ? "" : ",\n") + line_of(i);
    const std::string empty = fmt::format("\"{}\":[]", name);
    text.replace(text.find(empty), empty.size(), fmt::format("\"{}\":[{}]", name, lines));
  };
  fill_list("measurements", problems * candidates,
            [](int i) { return to_line(measurement_of(i)); });
  fill_list("verdicts", problems, [](int i) { return to_line(sample_verdict(100 + i)); });
  return text;
}

Store& large_store() {
  static const TemporaryFolder folder;
  static Store store(folder / "large.db");
  static const bool filled = (store.import_json(whole_content(folder)), true);
  benchmark::DoNotOptimize(filled);
  return store;
}

void find_measurement(benchmark::State& state) {
  const Store& store = large_store();
  int number = 0;
  for (auto _ : state) {
    number = (number + 7919) % (problems * candidates);
    if (!store.find(measurement_of(number).key)) state.SkipWithError("a row is missing");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_measurement)->Unit(benchmark::kMicrosecond);

void find_missing_measurement(benchmark::State& state) {
  const Store& store = large_store();
  Key key = measurement_of(0).key;
  key.source_digest = "other";
  for (auto _ : state) benchmark::DoNotOptimize(store.find(key));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_missing_measurement)->Unit(benchmark::kMicrosecond);

void find_plan(benchmark::State& state) {
  const Store& store = large_store();
  const DeviceProperties device = sample_device();
  std::int64_t number = 0;
  for (auto _ : state) {
    number = (number + 389) % problems;
    if (!store.find(sample_problem(100 + number), device)) state.SkipWithError("no plan");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_plan)->Unit(benchmark::kMicrosecond);

void near_plans_among_1000(benchmark::State& state) {
  const Store& store = large_store();
  const DeviceProperties device = sample_device();
  for (auto _ : state) {
    if (store.near(sample_problem(77), device, 16).size() != 16) state.SkipWithError("no plans");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(near_plans_among_1000)->Unit(benchmark::kMicrosecond);

void insert_measurement(benchmark::State& state) {
  Store& store = large_store();
  int number = 0;
  for (auto _ : state) {
    Measurement measurement = measurement_of(number++);
    measurement.key.source_digest = "inserted";
    store.insert(measurement);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(insert_measurement)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace convtune

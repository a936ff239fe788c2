#include "tuner/sweep.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "tests/temporary_folder.hpp"
#include "tuner/progress.hpp"
#include "tuner/run_record.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

const Problem small = {.length = 64, .in_channels = 8, .out_channels = 8, .kernel_size = 3};

Layer layer_of(const Problem& problem) {
  return {.problem = problem, .label = {.problem = problem, .model = "test"}};
}

/// A folder of its own for each test.
class SweepTest : public testing::Test {
 protected:
  fs::path database(const std::string& name = "a.db") const { return folder_ / name; }

  std::vector<LayerResult> sweep(Store& store, std::span<const Layer> layers,
                                 SweepOptions options = {},
                                 const std::vector<std::string>& command = {
                                     CONVTUNE_PROGRAM, "worker", "--device", "cpu"}) {
    const auto device = open_device("cpu");
    Worker worker(command);
    Progress progress(false);
    const auto run = describe_run(device->properties(), "test", options.seed);
    store.insert(run, device->properties());
    return Sweep(store, *device, worker, progress, options, run.id).run(layers);
  }

  std::set<std::string> rows(const fs::path& path, const Problem& problem) const {
    const Store store(path, Store::Access::read);
    std::set<std::string> keys;
    for (const Measurement& row :
         store.measurements(problem, identity(open_device("cpu")->properties()))) {
      EXPECT_EQ(row.outcome, Outcome::ok) << row.reason;
      keys.insert(fmt::format("{} {} {}", row.turn, row.key.config, row.key.source_digest));
    }
    return keys;
  }

  static std::string without_verdicts(const std::string& text) {
    auto document = nlohmann::json::parse(text);
    document["verdicts"].clear();
    return document.dump();
  }

  /// `convtune tune --exhaustive` of one problem, as a process.
  static pid_t start_tuning(const Problem& problem, const fs::path& path) {
    const std::string json = to_json(problem);
    pid_t pid = 0;
    const char* arguments[] = {CONVTUNE_PROGRAM, "tune",    "--device",   "cpu",
                               "--exhaustive",   "--quiet", "--json",     "--problem",
                               json.c_str(),     "--db",    path.c_str(), nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn(&pid, CONVTUNE_PROGRAM, &files, nullptr, const_cast<char**>(arguments), environ);
    posix_spawn_file_actions_destroy(&files);
    return pid;
  }

  /// Of a process that ended by itself; the negative signal of one that did not.
  static int exit_code(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  const TemporaryFolder folder_;
};

TEST_F(SweepTest, StoresEveryMeasurementAndAVerdict) {
  Store store(database());
  const auto results = sweep(store, std::vector{layer_of(small)}, {.exhaustive = true});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].end, LayerEnd::tuned) << results[0].reason;
  const Verdict& verdict = *results[0].verdict;
  const auto device = open_device("cpu");
  const CandidateSpace space = enumerate(small, device->properties(), all_families());
  EXPECT_EQ(rows(database(), small).size(), space.candidates.size());
  std::vector<std::int64_t> turns;
  for (const Measurement& row : store.measurements(small, identity(device->properties()))) {
    turns.push_back(row.turn);
  }
  std::ranges::sort(turns);
  std::vector<std::int64_t> each_once(space.candidates.size());
  std::iota(each_once.begin(), each_once.end(), 1);
  EXPECT_EQ(turns, each_once) << "the finals, too, keep a candidate's place in the search";
  EXPECT_EQ(verdict.measured, static_cast<std::int64_t>(space.candidates.size()));
  EXPECT_GT(verdict.seconds, 0);
  EXPECT_GT(verdict.default_seconds, 0);
  EXPECT_FALSE(verdict.best_generated.empty());
  EXPECT_EQ(store.find(small, device->properties())->config, verdict.winner);
}

TEST_F(SweepTest, AVendorsKernelIsInTheFinalsOnce) {
  Store store(database());
  const SweepOptions options{.exhaustive = true};
  const auto results = sweep(store, std::vector{layer_of(small)}, options);
  ASSERT_EQ(results.at(0).end, LayerEnd::tuned) << results[0].reason;
  std::map<std::string, int> finalists;
  for (const Measurement& row :
       store.measurements(small, identity(open_device("cpu")->properties()))) {
    EXPECT_EQ(row.implementation.empty(), row.origin == Origin::generated) << row.key.config;
    const bool is_finalist =
        row.samples.size() > static_cast<std::size_t>(options.screening_rounds);
    if (row.origin == Origin::vendor) finalists[row.implementation] += is_finalist;
  }
  if (finalists.empty()) GTEST_SKIP() << "no vendor's library in this build";
  EXPECT_THAT(finalists, testing::Contains(testing::Pair(testing::_, 1)));
  EXPECT_THAT(finalists, testing::Each(testing::Pair(testing::_, testing::Le(1))));
}

TEST_F(SweepTest, ASecondRunMeasuresNothing) {
  Store store(database());
  const std::vector layers = {layer_of(small)};
  sweep(store, layers);
  const auto measured = [&] { return store.info().measurements; };
  const std::size_t before = measured();
  EXPECT_GT(before, 0U);
  const auto again = sweep(store, layers);
  EXPECT_EQ(again[0].end, LayerEnd::known);
  EXPECT_EQ(again[0].measured, 0U);
  EXPECT_EQ(measured(), before);
}

TEST_F(SweepTest, WhatDoesNotFitIsSkippedWithTheReason) {
  Problem huge = small;
  huge.length = std::int64_t{1} << 40;
  Store store(database());
  const auto results = sweep(store, std::vector{layer_of(huge)});
  EXPECT_EQ(results[0].end, LayerEnd::skipped);
  EXPECT_THAT(results[0].reason, testing::HasSubstr("MiB of host memory"));
}

TEST_F(SweepTest, ABudgetThatIsSpentLeavesLayersUnreached) {
  Problem other = small;
  other.length = 65;
  Store store(database());
  const auto results =
      sweep(store, std::vector{layer_of(small), layer_of(other)}, {.budget_seconds = 1e-9});
  EXPECT_EQ(results[1].end, LayerEnd::not_reached);
}

// The first layer needs seconds, and its share is a fraction of one; the others are known already.
TEST_F(SweepTest, TimeLeftOverGoesToLayersThatWereCutShort) {
  Problem slow = small;
  slow.length = 2000, slow.in_channels = 16, slow.out_channels = 16;
  Store store(database());
  sweep(store, std::vector{layer_of(small)});
  std::vector layers = {layer_of(slow)};
  layers.insert(layers.end(), 200, layer_of(small));
  const auto results = sweep(store, layers, {.budget_seconds = 150});
  ASSERT_TRUE(results[0].verdict);
  EXPECT_TRUE(results[0].verdict->complete);
}

// The default of the problem's family is the one that crashes, so that it would be run untuned.
TEST_F(SweepTest, WhatCrashesTwiceIsQuarantinedAndNobodyRunsItAgain) {
  const auto device = open_device("cpu");
  const DeviceProperties& cpu = device->properties();
  const std::string bad = to_text(choose_plan(small, cpu, nullptr).candidate.config);
  const fs::path deaths = database("deaths");
  const std::vector<std::string> command = {
      "/bin/sh", "-c",
      fmt::format("while read -r line; do case $line in *'{}'*) echo >>{}; kill -SEGV $$; exit;; "
                  "esac; printf '%s\\n' \"$line\"; done | {} worker --device cpu",
                  bad, deaths.string(), CONVTUNE_PROGRAM)};
  Store store(database());
  const std::vector layers = {layer_of(small)};
  const auto first = sweep(store, layers, {.exhaustive = true}, command);
  EXPECT_EQ(first[0].end, LayerEnd::tuned) << first[0].reason;
  EXPECT_EQ(fs::file_size(deaths), 2U);
  const auto quarantine = store.quarantine(small, cpu);
  ASSERT_EQ(quarantine.size(), 1U);
  EXPECT_EQ(quarantine[0].config, bad);
  EXPECT_EQ(quarantine[0].reason, "crashed, killed by signal 11, twice");

  Store fresh(database("b.db"));  // knows of the crash, but has no verdict
  fresh.import_json(without_verdicts(store.export_json()));
  EXPECT_NE(to_text(choose_plan(small, cpu, &fresh).candidate.config), bad);
  EXPECT_EQ(sweep(fresh, layers, {.exhaustive = true}, command)[0].end, LayerEnd::tuned);
  EXPECT_EQ(fs::file_size(deaths), 2U) << "the later sweep tried it again";
}

TEST_F(SweepTest, AskedToStopItKeepsWhatItHasAndGoesOnThere) {
  Problem large = small;  // some hundred milliseconds a candidate, so that it is stopped amid them
  large.length = 60000, large.in_channels = 64, large.out_channels = 64;
  const pid_t pid = start_tuning(large, database());
  const auto rows_now = [&] {
    try {
      return rows(database(), large).size();
    } catch (const Error&) {  // the sweep has not made it yet, or not its tables
      return std::size_t{0};
    }
  };
  for (int i = 0; i < 600 && rows_now() == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  kill(pid, SIGTERM);
  EXPECT_EQ(exit_code(pid), 128 + SIGTERM);
  const auto kept = rows(database(), large);
  EXPECT_FALSE(kept.empty());
  const Store store(database(), Store::Access::read);
  EXPECT_FALSE(store.verdict(large, identity(open_device("cpu")->properties())));
}

TEST_F(SweepTest, KilledAtAnyTimeAndRestartedEndsWithTheSameRows) {
  ASSERT_EQ(exit_code(start_tuning(small, database("whole.db"))), 0);

  int killed = 0;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const pid_t pid = start_tuning(small, database("killed.db"));
    std::this_thread::sleep_for(std::chrono::milliseconds(60 + 40 * attempt));
    kill(pid, SIGKILL);
    killed += exit_code(pid) == -SIGKILL;
  }
  EXPECT_GT(killed, 0) << "the sweep was over before the first kill";
  ASSERT_EQ(exit_code(start_tuning(small, database("killed.db"))), 0);
  EXPECT_EQ(rows(database("killed.db"), small), rows(database("whole.db"), small));
}

}  // namespace
}  // namespace convtune

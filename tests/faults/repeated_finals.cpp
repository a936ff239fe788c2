// repeated_finals CONVTUNE REPEATS: tunes 20 small problems on this machine while something else
// keeps one of its CPUs busy half of the time, with a thread for each of the others, or for as many
// as CONVTUNE_NUM_THREADS says; plays the finals of each REPEATS times, and prints how far they
// agree. Exit codes: 0 as far as they must, 1 not, 2 wrong usage.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cpu/thread_pool.hpp"
#include "tuner/finals.hpp"
#include "tuner/progress.hpp"
#include "tuner/run_record.hpp"
#include "tuner/sweep.hpp"

namespace convtune {
namespace {

constexpr double least_agreement = 0.98;
constexpr double most_ties = 0.30;
constexpr double most_cost = 0.02;
constexpr double tuning_seconds = 120;

/// Another program's load: bursts with pauses of the same length between them.
void keep_busy(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds burst(100);
  while (!stop.stop_requested()) {
    const auto end = std::chrono::steady_clock::now() + burst;
    while (std::chrono::steady_clock::now() < end) {
    }
    std::this_thread::sleep_for(burst);
  }
}

std::vector<Layer> small_problems() {
  struct Channels {
    std::int64_t in, out, groups;
  };
  std::vector<Layer> layers;
  for (const Channels& c : {Channels{1, 1, 1}, {4, 8, 1}, {16, 16, 1}, {64, 64, 1}, {32, 32, 32}}) {
    for (const std::int64_t kernel_size : {3, 7}) {
      for (const std::int64_t length : {100, 1000}) {
        const Problem problem = {.length = length,
                                 .in_channels = c.in,
                                 .out_channels = c.out,
                                 .kernel_size = kernel_size,
                                 .num_groups = c.groups};
        layers.push_back({.problem = problem, .label = {.problem = problem}});
      }
    }
  }
  return layers;
}

/// The finals of one problem, again and again.
struct Repeats {
  Problem problem;
  std::string default_config;
  std::vector<Measurement> finalists;
  std::vector<Verdict> verdicts = {};
  std::vector<std::map<std::string, double>> medians = {};  ///< of each play, by config
};

void play(Repeats& repeats, Worker& worker, const SweepOptions& options) {
  const Finals finals =
      play_finals(worker, repeats.problem, repeats.finalists, options.finals_seconds, options);
  if (finals.standing.empty()) return;
  repeats.verdicts.push_back(verdict_of(finals, repeats.default_config));
  std::map<std::string, double>& medians = repeats.medians.emplace_back();
  for (const Measurement& each : finals.standing) medians[each.key.config] = median(each.samples);
}

bool includes(const Verdict& verdict, const std::string& config) {
  return verdict.winner == config || std::ranges::count(verdict.tied, config) > 0;
}

/// The config that wins most often.
std::string usual_winner(const Repeats& repeats) {
  std::map<std::string, int> wins;
  for (const Verdict& verdict : repeats.verdicts) ++wins[verdict.winner];
  return std::ranges::max_element(wins, {}, [](const auto& each) { return each.second; })->first;
}

/// How much longer `one` takes than `other`: the median of all plays, each of which compares the
/// two on the machine as it was then.
double cost_of(const Repeats& repeats, const std::string& one, const std::string& other) {
  std::vector<double> ratios;
  for (const auto& medians : repeats.medians) {
    const auto slow = medians.find(one), fast = medians.find(other);
    if (slow != medians.end() && fast != medians.end()) {
      ratios.push_back(slow->second / fast->second);
    }
  }
  return median(std::move(ratios)) - 1;
}

/// That of the worst choice within a tie in place of the best.
double cost_of_tie(const Repeats& repeats, const Verdict& verdict) {
  std::vector<std::string> choices = verdict.tied;
  choices.push_back(verdict.winner);
  double cost = 0;
  for (const std::string& one : choices) {
    for (const std::string& other : choices) {
      if (one != other) cost = std::max(cost, cost_of(repeats, one, other));
    }
  }
  return cost;
}

struct Totals {
  int plays = 0, agree = 0, ties = 0;
  double cost = 0;
};

void add(Totals& totals, const Repeats& repeats) {
  if (repeats.verdicts.empty()) return;
  const std::string winner = usual_winner(repeats);
  Totals here;
  for (const Verdict& verdict : repeats.verdicts) {
    ++here.plays;
    here.agree += includes(verdict, winner);
    here.ties += !verdict.tied.empty();
    here.cost = std::max(here.cost, cost_of_tie(repeats, verdict));
  }
  fmt::print("{}: {} of {} plays agree on {}, {} ties, cost within one up to {:.1f} %\n",
             describe(repeats.problem), here.agree, here.plays, winner, here.ties, 100 * here.cost);
  totals = {.plays = totals.plays + here.plays,
            .agree = totals.agree + here.agree,
            .ties = totals.ties + here.ties,
            .cost = std::max(totals.cost, here.cost)};
}

/// Tunes the problems and chooses their finalists, once.
std::vector<Repeats> tuned(Device& device, Worker& worker, const std::filesystem::path& database,
                           SweepOptions options) {
  options.budget_seconds = tuning_seconds;
  Store store(database);
  Progress progress(false);
  const Run run = describe_run(device.properties(), "repeated_finals", options.seed);
  store.insert(run, device.properties());
  std::vector<Repeats> all;
  for (const LayerResult& result :
       Sweep(store, device, worker, progress, options, run.id).run(small_problems())) {
    if (!result.verdict) continue;
    const Verdict& verdict = *result.verdict;
    all.push_back(
        {.problem = verdict.problem,
         .default_config = verdict.default_config,
         .finalists = choose_finalists(store.measurements(verdict.problem, verdict.device),
                                       verdict.default_config, options.finals_seconds, options)});
  }
  return all;
}

/// Of two threads on a CPU that is another's half of the time, how long both take is up to it.
void leave_a_cpu_free() {
  const std::string threads = std::to_string(std::max(1, default_threads() - 1));
  setenv("CONVTUNE_NUM_THREADS", threads.c_str(), 0);
}

bool repeat(const std::string& program, int repeats) {
  const auto start = std::chrono::steady_clock::now();
  leave_a_cpu_free();
  const std::jthread busy(keep_busy);
  const std::shared_ptr<Device> device = open_device("cpu");
  Worker worker({program, "worker", "--device", "cpu"});
  const SweepOptions options;
  const std::filesystem::path database =
      std::filesystem::temp_directory_path() / fmt::format("convtune-finals-{}.db", getpid());
  std::vector<Repeats> all = tuned(*device, worker, database, options);
  std::filesystem::remove(database);
  for (int i = 0; i < repeats; ++i) {
    for (Repeats& each : all) play(each, worker, options);
  }

  Totals totals;
  for (const Repeats& each : all) add(totals, each);
  if (totals.plays == 0) return false;
  const double agreement = static_cast<double>(totals.agree) / totals.plays;
  const double ties = static_cast<double>(totals.ties) / totals.plays;
  const std::chrono::duration<double, std::ratio<60>> minutes =
      std::chrono::steady_clock::now() - start;
  fmt::print(
      "seen: {} problems, {} finals in {:.1f} min: {:.1f} % agree, {:.1f} % ties, cost within "
      "a tie up to {:.1f} %\n",
      all.size(), totals.plays, minutes.count(), 100 * agreement, 100 * ties, 100 * totals.cost);
  return all.size() == small_problems().size() && agreement >= least_agreement &&
         ties <= most_ties && totals.cost <= most_cost;
}

}  // namespace
}  // namespace convtune

int main(int argc, char** argv) {
  const int repeats = argc == 3 ? std::atoi(argv[2]) : 0;
  if (repeats < 1) {
    std::fputs("Usage: repeated_finals CONVTUNE REPEATS\n", stderr);
    return 2;
  }
  return convtune::repeat(argv[1], repeats) ? 0 : 1;
}

#include "tuner/sweep.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>

#include "generator/cubin_cache.hpp"
#include "kernels/counted.hpp"
#include "kernels/digest.hpp"
#include "kernels/error.hpp"
#include "tuner/finals.hpp"
#include "tuner/interrupt.hpp"
#include "tuner/layer_work.hpp"
#include "tuner/progress.hpp"
#include "tuner/search.hpp"
#include "tuner/workload.hpp"

namespace convtune {
namespace {

using Clock = std::chrono::steady_clock;

/// The part of a layer's time that goes to the screening; the rest is for the finals.
constexpr double screening_share = 0.75;
/// Samples this much slower than the best candidate so far end the measurement.
constexpr double hopeless_factor = 2;
constexpr double unlimited = std::numeric_limits<double>::infinity();

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What the search knows of a measured candidate: infinite without a valid time.
double screened_seconds(const Measurement& measurement) {
  return measurement.outcome == Outcome::ok ? median(measurement.samples) : unlimited;
}

SearchState state_of(const Screening& screening) {
  const Measurement* best = fastest(screening.measurements);
  const double default_seconds = screening.seconds.front().value_or(unlimited);
  return {.measured = screening.measurements.size(),
          .candidates = screening.candidates.size(),
          .best_seconds = best == nullptr ? 0 : median(best->samples),
          .default_seconds = std::isfinite(default_seconds) ? default_seconds : 0};
}

SearchRule search_rule(const SweepOptions& options) {
  return {.exhaustive = options.exhaustive, .seed = options.seed};
}

/// Candidates of a family stand together.
std::size_t count_families(std::span<const Candidate> candidates) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    count += i == 0 || candidates[i].family != candidates[i - 1].family;
  }
  return count;
}

/// Empty, or why the problem is not even tried.
std::string reason_to_skip(const Problem& problem, const DeviceProperties& device) {
  constexpr double mebibyte = 1024.0 * 1024.0;
  const auto shortage = [](std::int64_t needed, std::int64_t there, std::string_view where) {
    return fmt::format("needs about {:.0f} MiB of {}, {:.0f} MiB are there",
                       static_cast<double>(needed) / mebibyte, where,
                       static_cast<double>(there) / mebibyte);
  };
  const std::int64_t available = available_memory();
  if (workload_bytes(problem) > available) {
    return shortage(workload_bytes(problem), available, "host memory");
  }
  if (compulsory_bytes(problem) > device.memory_bytes) {
    return shortage(compulsory_bytes(problem), device.memory_bytes, "device memory");
  }
  return "";
}

}  // namespace

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(std::time(nullptr)));
}

std::vector<Candidate> tunable_candidates(const Problem& problem, const DeviceProperties& device) {
  std::vector<Candidate> candidates = enumerate(problem, device, all_families()).candidates;
  std::erase_if(candidates, [&](const Candidate& each) {
    const CudaKernel* kernel = each.family->cuda;
    return kernel != nullptr &&
           !is_obtainable(write_source(*kernel, problem, each.config, device), device.arch);
  });
  return candidates;
}

std::string space_digest(const Problem& problem, const DeviceProperties& device,
                         std::span<const Candidate> candidates) {
  std::vector<std::string> texts;
  for (const Candidate& candidate : candidates) {
    texts.push_back(to_text(candidate.config) + " " +
                    source_digest(*candidate.family, problem, candidate.config, device) + "\n");
  }
  std::ranges::sort(texts);
  std::string all;
  for (const std::string& text : texts) all += text;
  return digest(all);
}

Sweep::Sweep(Store& store, Device& device, Worker& worker, Progress& progress, SweepOptions options,
             std::string run_id)
    : store_(store),
      device_(device),
      worker_(worker),
      progress_(progress),
      options_(options),
      run_id_(std::move(run_id)) {}

std::vector<LayerResult> Sweep::run(std::span<const Layer> layers) {
  const auto start = Clock::now();
  // NOLINTNEXTLINE(bugprone-narrowing-conversions): believes an infinity to be too large
  const double budget = options_.budget_seconds > 0 ? options_.budget_seconds : unlimited;
  const auto seconds_left = [&] { return budget - seconds_since(start); };
  std::vector<LayerResult> results;
  for (const Layer& layer : layers) results.push_back({.layer = layer});

  progress_.sweep_started(options_.budget_seconds);
  tune_all([](const LayerResult&) { return true; }, results, seconds_left, false);
  // Layers that took less than their share leave time for those that theirs cut short.
  tune_all([](const LayerResult& each) { return each.verdict && !each.verdict->complete; }, results,
           seconds_left, true);
  return results;
}

void Sweep::tune_all(const std::function<bool(const LayerResult&)>& wanted,
                     std::vector<LayerResult>& results, const std::function<double()>& seconds_left,
                     bool is_last_round) {
  if (interrupted() != 0 || seconds_left() <= 0) return;
  const DeviceProperties& device = device_.properties();
  std::vector<LayerWork> works;
  for (const LayerResult& result : results) {
    if (!wanted(result)) continue;
    const Problem& problem = result.layer.problem;
    works.push_back(
        reason_to_skip(problem, device).empty()
            ? estimate_work(problem, device, options_, store_.verdict(problem, identity(device)))
            : LayerWork());
  }
  std::size_t to_do = works.size();
  progress_.round_started(std::move(works), is_last_round);
  for (LayerResult& result : results) {
    if (!wanted(result)) continue;
    if (interrupted() != 0 || seconds_left() <= 0) return;
    progress_.layer_started(result.layer);
    // A share is kept back: a layer's least (its oracle, its default, its finals) may exceed its
    // own.
    LayerResult now = tune(result.layer, seconds_left() / static_cast<double>(to_do-- + 1));
    progress_.layer_ended(now);
    now.measured += result.measured;
    result.measured = now.measured;
    if (now.verdict || !result.verdict) result = std::move(now);
  }
}

LayerResult Sweep::tune(const Layer& layer, double seconds) {
  LayerResult result{.layer = layer};
  const auto end_as = [&](LayerEnd end, std::string reason = "") {
    result.end = end;
    result.reason = std::move(reason);
    return result;
  };
  const Problem& problem = layer.problem;
  const DeviceProperties& device = device_.properties();
  Screening screening = recall(problem, tunable_candidates(problem, device));
  if (screening.candidates.empty()) return end_as(LayerEnd::no_winner, "no family serves it");
  const std::string space = space_digest(problem, device, screening.candidates);

  store_.insert(std::span(&layer.label, 1));
  result.verdict = store_.verdict(problem, identity(device));
  const std::optional<TunedPlan> stored = store_.find(problem, device);
  // Another driver or compiler may turn the tables: the finals, not the screening, are played
  // again.
  const bool current = stored && changed_since(*stored, device).empty();
  if (result.verdict && current && result.verdict->space == space && result.verdict->complete &&
      (!options_.exhaustive || result.verdict->measured == result.verdict->candidates)) {
    return end_as(LayerEnd::known);
  }
  result.verdict.reset();
  if (const std::string reason = reason_to_skip(problem, device); !reason.empty()) {
    return end_as(LayerEnd::skipped, reason);
  }

  screen(problem, screening, seconds * screening_share, result.measured);
  if (interrupted() != 0) return end_as(LayerEnd::not_reached);
  const std::string default_config = to_text(screening.candidates.front().config);
  const double finals_seconds = std::min(options_.finals_seconds, seconds * (1 - screening_share));
  std::vector<Measurement> finalists =
      choose_finalists(screening.measurements, default_config, finals_seconds, options_);
  if (finalists.empty()) {
    return end_as(
        LayerEnd::no_winner,
        fmt::format("of {} none was right: {}", counted(screening.measurements.size(), "candidate"),
                    screening.measurements.front().reason));
  }

  const auto finals = play_finals(worker_, problem, std::move(finalists), finals_seconds, options_);
  if (interrupted() != 0) return end_as(LayerEnd::not_reached);
  for (const Measurement& each : finals.disqualified) insert(each);
  for (const Measurement& each : finals.standing) insert(each);
  if (finals.standing.empty()) {
    return end_as(LayerEnd::no_winner, "no finalist lasted through the finals");
  }
  Verdict verdict = verdict_of(finals, default_config);
  verdict.space = space;
  verdict.candidates = static_cast<std::int64_t>(screening.candidates.size());
  verdict.measured = static_cast<std::int64_t>(screening.measurements.size());
  verdict.complete =
      !next_candidate(screening.candidates, screening.seconds, search_rule(options_));
  verdict.decided_at = utc_now();
  verdict.run = run_id_;
  store_.insert(verdict);
  result.verdict = std::move(verdict);
  return end_as(LayerEnd::tuned);
}

Screening Sweep::recall(const Problem& problem, std::vector<Candidate> candidates) const {
  Screening screening{.candidates = std::move(candidates)};
  if (screening.candidates.empty()) return screening;
  const Family* untuned = choose_plan(problem, device_.properties(), nullptr).candidate.family;
  std::stable_partition(screening.candidates.begin(), screening.candidates.end(),
                        [&](const Candidate& candidate) { return candidate.family == untuned; });
  for (const Candidate& candidate : screening.candidates) {
    auto stored = store_.find(key_of(problem, candidate));
    // What was skipped, for want of memory, may be possible now.
    if (stored && stored->outcome == Outcome::skipped) stored.reset();
    screening.seconds.push_back(stored ? std::optional(screened_seconds(*stored)) : std::nullopt);
    if (stored) screening.measurements.push_back(std::move(*stored));
  }
  return screening;
}

void Sweep::insert(Measurement measurement) {
  measurement.measured_at = utc_now();
  measurement.run = run_id_;
  store_.insert(measurement);
}

Key Sweep::key_of(const Problem& problem, const Candidate& candidate) const {
  const DeviceProperties& device = device_.properties();
  return {.problem = problem,
          .device = identity(device),
          .config = to_text(candidate.config),
          .source_digest = source_digest(*candidate.family, problem, candidate.config, device)};
}

void Sweep::screen(const Problem& problem, Screening& screening, double seconds,
                   std::size_t& measured_now) {
  const auto start = Clock::now();
  const std::size_t least = count_families(screening.candidates);
  while (interrupted() == 0) {
    const Measurement* best = fastest(screening.measurements);
    const bool has_least = best != nullptr && screening.measurements.size() >= least;
    if (has_least && seconds_since(start) > seconds) break;
    const auto next =
        next_candidate(screening.candidates, screening.seconds, search_rule(options_));
    if (!next) break;
    const Candidate& candidate = screening.candidates[*next];
    const double give_up = best == nullptr ? 0 : hopeless_factor * median(best->samples);
    Measurement measurement = measure(key_of(problem, candidate), *candidate.family, give_up);
    if (interrupted() != 0) break;  // the worker was stopped: this says nothing of the candidate
    measurement.turn = static_cast<std::int64_t>(screening.measurements.size()) + 1;
    insert(measurement);
    ++measured_now;
    screening.seconds[*next] = screened_seconds(measurement);
    screening.measurements.push_back(std::move(measurement));
    progress_.candidate_ended(state_of(screening));
  }
}

Measurement Sweep::measure(const Key& key, const Family& family, double give_up_seconds) {
  const TrialRequest request{.problem = key.problem,
                             .configs = {key.config},
                             .seed = options_.seed,
                             .rounds = options_.screening_rounds,
                             .give_up_seconds = give_up_seconds};
  const double limit = options_.candidate_seconds + workload_allowance(key.problem);
  WorkerAnswer answer = ask_twice(worker_, request, std::chrono::duration<double>(limit));
  Measurement measurement;
  if (answer.end == WorkerAnswer::End::replied) {
    measurement = std::move(answer.reply.measurements.at(0));
  } else {
    measurement.outcome = outcome_of(answer.end);
    measurement.reason = std::move(answer.reason);
  }
  measurement.key = key;  // a candidate that failed early does not know its own digest
  measurement.origin = family.origin;
  return measurement;
}

}  // namespace convtune

#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "results/record.hpp"
#include "tuner/decision.hpp"
#include "tuner/sweep_options.hpp"
#include "tuner/worker.hpp"

namespace convtune {

/// The measurement with the lowest median of those with a valid time, of one origin if given; null
/// if there is none.
const Measurement* fastest(std::span<const Measurement> measurements,
                           std::optional<Origin> origin = std::nullopt);

/// The candidates near the best one, at most as many as `seconds` of running time allow, and those
/// that a verdict speaks of in any case: the untuned default and the best of each origin. Of those
/// that are one kernel (equal `implementation`) one is chosen: the default, else the first by text.
std::vector<Measurement> choose_finalists(std::span<const Measurement> screened,
                                          const std::string& default_config, double seconds,
                                          const SweepOptions& options);

/// Finalists with their samples of the finals in place of the screening's.
struct Finals {
  std::vector<Measurement> standing;      ///< right in every round
  std::vector<Measurement> disqualified;  ///< wrong or failed in some round
  Decision decision;                      ///< indices of `standing`
};

/// Measures the finalists in turns, in one worker process, until the decision is settled, `seconds`
/// have passed or most_rounds are played. Rounds in which the machine was disturbed do not count,
/// unless there are less than five others; then there is no tie. Where the worker does not last,
/// each finalist is tried alone; those that fail are disqualified. An interrupt ends the finals
/// early. Throws Error{unavailable} if the device is lost.
Finals play_finals(Worker& worker, const Problem& problem, std::vector<Measurement> finalists,
                   double seconds, const SweepOptions& options);

/// What the finals say; `space`, `candidates`, `measured`, `decided_at` and `run` are left to the
/// caller.
Verdict verdict_of(const Finals& finals, const std::string& default_config);

}  // namespace convtune

#include "tuner/finals.hpp"

#include <algorithm>
#include <iterator>

#include "tuner/interrupt.hpp"

namespace convtune {
namespace {

int affordable_rounds(std::span<const Measurement> finalists, double seconds,
                      const SweepOptions& options) {
  double round_seconds = 0;
  for (const Measurement& each : finalists) round_seconds += median(each.samples);
  const double rounds = seconds / round_seconds;
  return static_cast<int>(std::clamp<double>(rounds, options.least_rounds, options.most_rounds));
}

void disqualify(Finals& finals, std::size_t index, Outcome outcome, std::string reason) {
  Measurement& finalist = finals.standing[index];
  finalist.outcome = outcome;
  finalist.reason = std::move(reason);
  finalist.samples.clear();
  finals.disqualified.push_back(std::move(finalist));
  finals.standing.erase(finals.standing.begin() + static_cast<std::ptrdiff_t>(index));
}

/// Adds one reply's samples; who was not right in it leaves the finals.
void add_rounds(Finals& finals, std::vector<Measurement> reply) {
  for (std::size_t i = finals.standing.size(); i-- > 0;) {
    Measurement& finalist = finals.standing[i];
    Measurement& taken = reply.at(i);
    finalist.worst_error_ratio = std::max(finalist.worst_error_ratio, taken.worst_error_ratio);
    finalist.checked_outputs += taken.checked_outputs;
    if (taken.outcome == Outcome::ok) {
      std::ranges::copy(taken.samples, std::back_inserter(finalist.samples));
      finalist.clock_mhz = taken.clock_mhz;
    } else {
      disqualify(finals, i, taken.outcome, std::move(taken.reason));
    }
  }
}

std::chrono::duration<double> limit_for(const TrialRequest& request, const SweepOptions& options) {
  return std::chrono::duration<double>(options.candidate_seconds *
                                       static_cast<double>(request.configs.size()));
}

/// Repeats the request with each finalist alone; whose worker does not last leaves the finals.
/// Returns whether there was any.
bool disqualify_culprits(Worker& worker, Finals& finals, TrialRequest request,
                         const SweepOptions& options) {
  const std::size_t before = finals.standing.size();
  for (std::size_t i = before; i-- > 0 && interrupted() == 0;) {
    request.configs = {finals.standing[i].key.config};
    WorkerAnswer answer = ask_twice(worker, request, limit_for(request, options));
    if (took_worker_down(answer)) {
      disqualify(finals, i, outcome_of(answer.end), std::move(answer.reason));
    }
  }
  return finals.standing.size() < before;
}

Decision decide_on(std::span<const Measurement> standing, const std::string& default_config) {
  std::vector<std::vector<double>> samples;
  std::size_t preferred = standing.size();
  for (const Measurement& each : standing) {
    if (each.key.config == default_config) preferred = samples.size();
    samples.push_back(each.samples);
  }
  return decide(samples, preferred);
}

}  // namespace

const Measurement* fastest(std::span<const Measurement> measurements,
                           std::optional<Origin> origin) {
  const Measurement* best = nullptr;
  for (const Measurement& each : measurements) {
    if (each.outcome != Outcome::ok || (origin && each.origin != *origin)) continue;
    if (best == nullptr || median(each.samples) < median(best->samples)) best = &each;
  }
  return best;
}

std::vector<Measurement> choose_finalists(std::span<const Measurement> screened,
                                          const std::string& default_config, double seconds,
                                          const SweepOptions& options) {
  const Measurement* best = fastest(screened);
  if (best == nullptr) return {};
  const double limit = options.finalist_margin * median(best->samples);
  std::vector<const Measurement*> chosen;
  for (const Measurement& each : screened) {
    if (each.outcome == Outcome::ok && median(each.samples) <= limit) chosen.push_back(&each);
  }
  std::ranges::stable_sort(chosen, {}, [](const Measurement* m) { return median(m->samples); });
  const double affordable = seconds / (options.least_rounds * median(best->samples));
  const auto most = static_cast<std::size_t>(
      std::clamp<double>(affordable, 1, static_cast<double>(options.finalists)));
  chosen.resize(std::min(chosen.size(), most));

  const auto add = [&](const Measurement* measurement) {
    if (measurement != nullptr && std::ranges::find(chosen, measurement) == chosen.end()) {
      chosen.push_back(measurement);
    }
  };
  add(fastest(screened, Origin::generated));
  add(fastest(screened, Origin::vendor));
  for (const Measurement& each : screened) {
    if (each.key.config == default_config && each.outcome == Outcome::ok) add(&each);
  }
  std::vector<Measurement> finalists;
  for (const Measurement* each : chosen) finalists.push_back(*each);
  return finalists;
}

Finals play_finals(Worker& worker, const Problem& problem, std::vector<Measurement> finalists,
                   const std::string& default_config, double seconds, const SweepOptions& options) {
  const int most_rounds = affordable_rounds(finalists, seconds, options);
  for (Measurement& each : finalists) each.samples.clear();
  Finals finals{.standing = std::move(finalists)};

  int next = options.least_rounds;
  for (int rounds = 0; rounds < most_rounds && !finals.standing.empty() && interrupted() == 0;) {
    TrialRequest request{.problem = problem, .seed = options.seed, .rounds = next};
    for (const Measurement& each : finals.standing) request.configs.push_back(each.key.config);
    WorkerAnswer answer = ask_twice(worker, request, limit_for(request, options));
    if (answer.end != WorkerAnswer::End::replied) {
      if (!disqualify_culprits(worker, finals, request, options)) break;
      continue;
    }
    add_rounds(finals, std::move(answer.reply.measurements));
    rounds += next;
    if (finals.standing.empty()) break;
    finals.decision = decide_on(finals.standing, default_config);
    if (finals.decision.settled) break;
    // Looks at 10, 20, 40, 80 rounds: few, since each look is one more chance to be misled.
    next = std::min(rounds, most_rounds - rounds);
  }
  // Without a round, nobody has won.
  std::erase_if(finals.standing, [](const Measurement& each) { return each.samples.empty(); });
  return finals;
}

Verdict verdict_of(const Finals& finals, const std::string& default_config) {
  const Measurement& winner = finals.standing[finals.decision.winner];
  Verdict verdict{.problem = winner.key.problem,
                  .device = winner.key.device,
                  .winner = winner.key.config,
                  .source_digest = winner.key.source_digest,
                  .origin = winner.origin,
                  .seconds = median(winner.samples),
                  .noise = relative_spread(winner.samples),
                  .confidence = finals.decision.confidence,
                  .default_config = default_config};
  for (const std::size_t tied : finals.decision.tied) {
    verdict.tied.push_back(finals.standing[tied].key.config);
  }
  for (const Measurement& each : finals.standing) {
    if (each.key.config != default_config) continue;
    verdict.default_seconds = median(each.samples);
    verdict.default_noise = relative_spread(each.samples);
  }
  if (const Measurement* generated = fastest(finals.standing, Origin::generated)) {
    verdict.best_generated = generated->key.config;
    verdict.best_generated_seconds = median(generated->samples);
    verdict.best_generated_noise = relative_spread(generated->samples);
  }
  if (const Measurement* vendor = fastest(finals.standing, Origin::vendor)) {
    verdict.best_vendor = vendor->key.config;
    verdict.best_vendor_seconds = median(vendor->samples);
    verdict.best_vendor_noise = relative_spread(vendor->samples);
  }
  return verdict;
}

}  // namespace convtune

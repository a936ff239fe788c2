#include "tuner/finals.hpp"

#include <algorithm>
#include <iterator>

#include "kernels/error.hpp"

namespace convtune {
namespace {

int affordable_rounds(std::span<const Measurement> finalists, double seconds,
                      const SweepOptions& options) {
  double round_seconds = 0;
  for (const Measurement& each : finalists) round_seconds += median(each.samples);
  const double rounds = seconds / round_seconds;
  return static_cast<int>(std::clamp<double>(rounds, options.least_rounds, options.most_rounds));
}

/// Adds one reply's samples; who was not right in it leaves the finals.
void add_rounds(Finals& finals, std::vector<Measurement> reply) {
  std::vector<Measurement> standing;
  for (std::size_t i = 0; i < finals.standing.size(); ++i) {
    Measurement& finalist = finals.standing[i];
    const Measurement& taken = reply.at(i);
    finalist.worst_error_ratio = std::max(finalist.worst_error_ratio, taken.worst_error_ratio);
    finalist.checked_outputs += taken.checked_outputs;
    if (taken.outcome == Outcome::ok) {
      std::ranges::copy(taken.samples, std::back_inserter(finalist.samples));
      standing.push_back(std::move(finalist));
    } else {
      finalist.outcome = taken.outcome;
      finalist.reason = taken.reason;
      finalist.samples.clear();
      finals.disqualified.push_back(std::move(finalist));
    }
  }
  finals.standing = std::move(standing);
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

std::optional<Finals> play_finals(Worker& worker, const Problem& problem,
                                  std::vector<Measurement> finalists,
                                  const std::string& default_config, double seconds,
                                  const SweepOptions& options) {
  const int most_rounds = affordable_rounds(finalists, seconds, options);
  for (Measurement& each : finalists) each.samples.clear();
  Finals finals{.standing = std::move(finalists)};

  int next = options.least_rounds;
  for (int rounds = 0; rounds < most_rounds && !finals.standing.empty();) {
    TrialRequest request{.problem = problem, .seed = options.seed, .rounds = next};
    for (const Measurement& each : finals.standing) request.configs.push_back(each.key.config);
    const std::chrono::duration<double> limit(options.candidate_seconds *
                                              static_cast<double>(request.configs.size()));
    WorkerAnswer answer = worker.ask(request, limit);
    if (!answer.reply.device_lost.empty()) {
      throw Error(Status::unavailable, answer.reply.device_lost);
    }
    if (answer.end != WorkerAnswer::End::replied) return std::nullopt;
    add_rounds(finals, std::move(answer.reply.measurements));
    rounds += next;
    if (finals.standing.empty()) break;
    finals.decision = decide_on(finals.standing, default_config);
    if (finals.decision.settled) break;
    // Looks at 10, 20, 40, 80 rounds: few, since each look is one more chance to be misled.
    next = std::min(rounds, most_rounds - rounds);
  }
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
    if (each.key.config == default_config) verdict.default_seconds = median(each.samples);
  }
  if (const Measurement* generated = fastest(finals.standing, Origin::generated)) {
    verdict.best_generated = generated->key.config;
    verdict.best_generated_seconds = median(generated->samples);
  }
  if (const Measurement* vendor = fastest(finals.standing, Origin::vendor)) {
    verdict.best_vendor = vendor->key.config;
    verdict.best_vendor_seconds = median(vendor->samples);
  }
  return verdict;
}

}  // namespace convtune

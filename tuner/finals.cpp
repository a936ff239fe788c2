#include "tuner/finals.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string_view>
#include <utility>

#include "tuner/calm_rounds.hpp"
#include "tuner/interrupt.hpp"
#include "tuner/layer_work.hpp"

namespace convtune {
namespace {

/// With fewer calm rounds in the end, the disturbed ones count, too.
constexpr int least_calm_rounds = 5;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of one request. Each prepares the candidates anew, and where their memory lies then, by chance,
/// turns some round where it fits into the nearest caches: more of these requests, not more rounds,
/// tell them apart. Larger problems also take longer to check.
int rounds_a_request(const Problem& problem) {
  constexpr std::int64_t near_bytes = 1 << 20;
  return compulsory_bytes(problem) <= near_bytes ? 2 : 10;
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
                                           static_cast<double>(request.configs.size()) +
                                       workload_allowance(request.problem));
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

Decision decide_on(std::span<const Measurement> standing, const DecisionRule& rule = {}) {
  std::vector<std::vector<double>> samples;
  for (const Measurement& each : standing) samples.push_back(each.samples);
  return decide(samples, rule);
}

/// Takes those out of the finals who are proven slower: they need no more rounds.
void set_apart_beaten(Finals& finals, std::vector<Measurement>& beaten) {
  std::vector<Measurement> others;
  for (std::size_t i = 0; i < finals.standing.size(); ++i) {
    const bool is_beaten = std::ranges::count(finals.decision.beaten, i) > 0;
    (is_beaten ? beaten : others).push_back(std::move(finals.standing[i]));
  }
  finals.standing = std::move(others);
}

void put_back_beaten(Finals& finals, std::vector<Measurement> beaten) {
  if (beaten.empty()) return;
  if (finals.standing.empty()) {  // who beat them was not right after all
    finals.standing = std::move(beaten);
    finals.decision = decide_on(finals.standing);
    return;
  }
  Decision& decision = finals.decision;
  const bool others_lost = decision.tied.size() + 1 < finals.standing.size();
  const double proof = DecisionRule().confidence;
  decision.confidence = others_lost ? std::min(decision.confidence, proof) : proof;
  for (Measurement& each : beaten) {
    decision.beaten.push_back(finals.standing.size());
    finals.standing.push_back(std::move(each));
  }
}

/// Of the candidates that are one kernel, `one` among them, the one that stands for all: the
/// default, else the one whose text sorts first. So a kernel has one name, whatever its samples.
const Measurement* representative(const Measurement* one, std::span<const Measurement> screened,
                                  const std::string& default_config) {
  if (one->implementation.empty()) return one;
  const auto rank = [&](const Measurement* m) {
    return std::pair(m->key.config != default_config, std::string_view(m->key.config));
  };
  for (const Measurement& each : screened) {
    const bool is_same_kernel = each.outcome == Outcome::ok &&
                                each.implementation == one->implementation &&
                                each.key.source_digest == one->key.source_digest;
    if (is_same_kernel && rank(&each) < rank(one)) one = &each;
  }
  return one;
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
  std::vector<const Measurement*> near;
  for (const Measurement& each : screened) {
    if (each.outcome == Outcome::ok && median(each.samples) <= limit) near.push_back(&each);
  }
  std::ranges::stable_sort(near, {}, [](const Measurement* m) { return median(m->samples); });
  const double affordable = seconds / (options.least_rounds * median(best->samples));
  const auto most = static_cast<std::size_t>(
      std::clamp<double>(affordable, 1, static_cast<double>(options.finalists)));

  std::vector<const Measurement*> chosen;
  const auto add = [&](const Measurement* measurement) {
    if (measurement == nullptr) return;
    measurement = representative(measurement, screened, default_config);
    if (std::ranges::find(chosen, measurement) == chosen.end()) chosen.push_back(measurement);
  };
  for (const Measurement* each : near) {
    if (chosen.size() < most) add(each);
  }
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
                   double seconds, const SweepOptions& options) {
  CalmRounds calm(finalists);
  for (Measurement& each : finalists) each.samples.clear();
  Finals finals{.standing = std::move(finalists)};
  std::vector<Measurement> beaten;

  const Clock::time_point start = Clock::now();
  const auto rounds = [&] { return static_cast<int>(finals.standing.front().samples.size()); };
  // Looks at 20, 80, 320, 1280 rounds: few, since each look is one more chance to be misled.
  int look = options.least_rounds;
  while (!finals.standing.empty() && rounds() < options.most_rounds && interrupted() == 0) {
    const bool has_samples = rounds() > 0 || calm.has_others();
    if (has_samples && seconds_since(start) > seconds) break;
    TrialRequest request{
        .problem = problem, .seed = options.seed, .rounds = rounds_a_request(problem)};
    for (const Measurement& each : finals.standing) request.configs.push_back(each.key.config);
    WorkerAnswer answer = ask_twice(worker, request, limit_for(request, options));
    if (answer.end != WorkerAnswer::End::replied) {
      if (!disqualify_culprits(worker, finals, request, options)) break;
      continue;
    }
    calm.keep(answer.reply);
    add_rounds(finals, std::move(answer.reply.measurements));
    if (finals.standing.empty() || rounds() < look) continue;
    finals.decision = decide_on(finals.standing);
    calm.doubt(finals.decision, finals.standing);
    // What was alike for a moment only is told apart by the second look.
    const bool is_first_look = look == options.least_rounds;
    if (finals.decision.settled && !(is_first_look && !finals.decision.tied.empty())) break;
    set_apart_beaten(finals, beaten);
    look = 4 * rounds();
  }
  DecisionRule rule;
  if (!finals.standing.empty() && rounds() < least_calm_rounds) {
    calm.add_others(finals.standing);
    rule.indifference = 0;  // whoever is alike then may not be so otherwise
  }
  // Without a round, nobody has won.
  std::erase_if(finals.standing, [](const Measurement& each) { return each.samples.empty(); });
  if (!finals.standing.empty()) {
    finals.decision = decide_on(finals.standing, rule);
    calm.doubt(finals.decision, finals.standing);
  }
  put_back_beaten(finals, std::move(beaten));
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

#include "runtime/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "kernels/error.hpp"
#include "runtime/cost_model.hpp"

namespace convtune {
namespace {

constexpr std::size_t neighbours_looked_at = 16;
/// The model cannot tell estimates apart that are within this factor.
constexpr double alike = 1.05;

double octaves(std::int64_t a, std::int64_t b) {
  return std::abs(std::log2(static_cast<double>(a)) - std::log2(static_cast<double>(b)));
}

/// The entry of the quarantine that is about the candidate, or null.
const Quarantined* find(std::span<const Quarantined> quarantine, const Problem& problem,
                        const Candidate& candidate, const DeviceProperties& device) {
  const auto found = std::ranges::find_if(quarantine, [&](const Quarantined& each) {
    return each.config == to_text(candidate.config) &&
           each.digest == source_digest(*candidate.family, problem, candidate.config, device);
  });
  return found == quarantine.end() ? nullptr : &*found;
}

/// Why the plan may no longer be the best; empty if it is as it was measured.
std::string reason_of_staleness(const TunedPlan& plan, const Candidate& candidate,
                                const DeviceProperties& device) {
  if (plan.digest != source_digest(*candidate.family, plan.problem, candidate.config, device)) {
    return "its code has changed since";
  }
  const std::string changed = changed_since(plan, device);
  return changed.empty() ? "" : fmt::format("it was measured with {}", changed);
}

Plan exact_plan(const TunedPlan& tuned, Candidate candidate, const DeviceProperties& device) {
  return {.problem = tuned.problem,
          .candidate = std::move(candidate),
          .match = Match::exact,
          .why = fmt::format("Tuned for this problem on {}.", device.name),
          .expected_seconds = tuned.seconds,
          .expected_loss = 0};
}

/// What the config executes and moves over what it must.
double waste(const Problem& problem, const Candidate& candidate, const DeviceProperties& device) {
  const Cost cost = candidate.family->cost(problem, candidate.config, device);
  const Cost least{.bytes = static_cast<double>(compulsory_bytes(problem)),
                   .flops = 2 * static_cast<double>(multiply_adds(problem)),
                   .arithmetic = cost.arithmetic};
  return estimated_seconds(cost, device) / estimated_seconds(least, device);
}

/// Of the default here, by its time in the finals of `tuned`; 0 where that is unknown.
double expected_default_seconds(const Problem& problem, const TunedPlan& tuned,
                                const DeviceProperties& device,
                                std::span<const Family* const> families) {
  const std::vector<Candidate> here = ranked_defaults(problem, device, families, {});
  const std::vector<Candidate> there = ranked_defaults(tuned.problem, device, families, {});
  if (here.empty() || there.empty()) return 0;
  return tuned.default_seconds * estimated_seconds(problem, here.front(), device) /
         estimated_seconds(tuned.problem, there.front(), device);
}

Plan borrowed_plan(const Problem& problem, const TunedPlan& tuned, Candidate candidate,
                   const DeviceProperties& device) {
  const double apart = distance(problem, tuned.problem);
  const double there = estimated_seconds(tuned.problem, candidate, device);
  const double here = estimated_seconds(problem, candidate, device);
  const double loss = expected_loss(problem, tuned.problem, candidate, device);
  const std::string stale = reason_of_staleness(tuned, candidate, device);
  Plan plan{.problem = problem,
            .candidate = std::move(candidate),
            .match = Match::nearest,
            .why = {},
            .expected_seconds = tuned.seconds * here / there,
            .expected_loss = stale.empty() ? std::optional(loss) : std::nullopt};
  plan.why = tuned.problem == problem
                 ? fmt::format("Tuned for this problem on {}.", device.name)
                 : fmt::format("Nearest tuned problem on {}: {} (distance {:.2f} of at most {}).",
                               device.name, describe(tuned.problem), apart, max_plan_distance);
  if (!stale.empty()) plan.why += fmt::format(" The plan is stale: {}; tune again.", stale);
  if (plan.expected_loss) {
    plan.why += fmt::format(" By the cost model about {:.0f} % slower than if tuned for this one.",
                            *plan.expected_loss * 100);
  }
  return plan;
}

/// Exact first, then by distance. The source's own order may rest on another measure.
std::vector<TunedPlan> by_distance(const Problem& problem, const DeviceProperties& device,
                                   const PlanSource& source) {
  std::vector<TunedPlan> plans = source.near(problem, device, neighbours_looked_at);
  std::erase_if(plans, [&](const TunedPlan& plan) {
    return plan.problem == problem || !(distance(problem, plan.problem) <= max_plan_distance);
  });
  std::ranges::stable_sort(plans, {},
                           [&](const TunedPlan& plan) { return distance(problem, plan.problem); });
  if (auto exact = source.find(problem, device)) plans.insert(plans.begin(), *std::move(exact));
  return plans;
}

[[noreturn]] void refuse(const Problem& problem, const DeviceProperties& device,
                         std::span<const Family* const> families,
                         std::span<const Quarantined> quarantine) {
  std::string reasons;
  for (const Quarantined& each : quarantine) {
    reasons += fmt::format("; {} is quarantined: {}", each.config, each.reason);
  }
  for (const Family* family : families) {
    if (family->device != device.kind) continue;
    const Config config = family->default_config(problem, device);
    if (const Constraint* broken = broken_constraint(*family, problem, config, device)) {
      reasons += fmt::format("; {}: {}", family->name, broken->rule);
    }
  }
  throw Error(Status::unavailable, fmt::format("no family of this build serves {} on {}{}",
                                               describe(problem), device.name, reasons));
}

}  // namespace

std::string_view name(Match match) {
  switch (match) {
    case Match::exact:
      return "exact";
    case Match::nearest:
      return "nearest";
    case Match::heuristic:
      return "heuristic";
    case Match::cpu:
      return "cpu";
  }
  return "";
}

std::string changed_since(const TunedPlan& plan, const DeviceProperties& device) {
  std::string changes;
  const auto compare = [&](const char* what, const std::string& then, const std::string& now) {
    if (then.empty() || now.empty() || then == now) return;
    changes += fmt::format("{}{} {}, now {}", changes.empty() ? "" : " and ", what, then, now);
  };
  compare("driver", plan.driver, device.driver);
  compare("compiler", plan.compiler, device.compiler);
  return changes;
}

std::string_view name(Policy policy) {
  switch (policy) {
    case Policy::nearest_or_heuristic:
      return "nearest_or_heuristic";
    case Policy::cpu:
      return "cpu";
    case Policy::compile_and_wait:
      return "compile_and_wait";
    case Policy::compile_in_background:
      return "compile_in_background";
    case Policy::error:
      return "error";
  }
  return "";
}

double distance(const Problem& a, const Problem& b) {
  if (std::tie(a.dtype, a.math, a.layout) != std::tie(b.dtype, b.math, b.layout)) {
    return std::numeric_limits<double>::infinity();
  }
  // Batch and length only say how often a tile repeats; channels and taps shape the tile itself.
  double sum = 0.5 * octaves(a.batch, b.batch) + 0.5 * octaves(output_length(a), output_length(b)) +
               octaves(in_channels_per_group(a), in_channels_per_group(b)) +
               octaves(out_channels_per_group(a), out_channels_per_group(b)) +
               octaves(a.kernel_size, b.kernel_size);
  if (a.stride != b.stride) sum += 1 + octaves(a.stride, b.stride);
  if (a.dilation != b.dilation) sum += 0.5 + 0.5 * octaves(a.dilation, b.dilation);
  if (a.num_groups != b.num_groups) sum += 0.5 + 0.5 * octaves(a.num_groups, b.num_groups);
  if (is_depthwise(a) != is_depthwise(b)) sum += 2;
  if (a.activation != b.activation) sum += 0.25;
  return sum;
}

double expected_loss(const Problem& problem, const Problem& tuned, const Candidate& candidate,
                     const DeviceProperties& device) {
  const double loss = waste(problem, candidate, device) / waste(tuned, candidate, device) - 1;
  return std::max(loss, 0.0);
}

std::optional<Candidate> cheapest(const Family& family, const Problem& problem,
                                  const DeviceProperties& device,
                                  std::span<const Quarantined> quarantine,
                                  const std::function<bool(const Candidate&)>& fits) {
  const Family* const alone[] = {&family};
  std::vector<Candidate> all = enumerate(problem, device, alone).candidates;
  std::erase_if(all, [&](const Candidate& each) {
    return !fits(each) || find(quarantine, problem, each, device) != nullptr;
  });
  if (all.empty()) return std::nullopt;
  return *std::ranges::min_element(
      all, {}, [&](const Candidate& each) { return estimated_seconds(problem, each, device); });
}

std::vector<Candidate> ranked_defaults(const Problem& problem, const DeviceProperties& device,
                                       std::span<const Family* const> families,
                                       std::span<const Quarantined> quarantine) {
  struct Ranked {
    Candidate candidate;
    double seconds;
  };
  std::vector<Ranked> ranked;
  for (const Family* family : families) {
    if (family->device != device.kind) continue;
    std::optional<Candidate> candidate{{family, family->default_config(problem, device)}};
    if (broken_constraint(*family, problem, candidate->config, device)) continue;
    if (find(quarantine, problem, *candidate, device) != nullptr) {
      candidate = cheapest(*family, problem, device, quarantine, [](const auto&) { return true; });
      if (!candidate) continue;
    }
    const double seconds = estimated_seconds(problem, *candidate, device);
    ranked.push_back({*std::move(candidate), seconds});
  }
  std::vector<Candidate> candidates;
  while (!ranked.empty()) {
    const auto best = std::ranges::min_element(ranked, {}, [](const Ranked& each) {
      return std::pair(each.candidate.family->origin, each.seconds);
    });
    const auto next = std::ranges::find_if(ranked, [&](const Ranked& each) {
      return each.candidate.family->origin == best->candidate.family->origin &&
             each.seconds <= best->seconds * alike;
    });
    candidates.push_back(std::move(next->candidate));
    ranked.erase(next);
  }
  return candidates;
}

Plan heuristic_plan(const Problem& problem, const DeviceProperties& device,
                    std::span<const Family* const> families, std::vector<Quarantined> quarantine) {
  std::vector<Candidate> candidates = ranked_defaults(problem, device, families, quarantine);
  if (candidates.empty()) refuse(problem, device, families, quarantine);
  const double seconds = estimated_seconds(problem, candidates.front(), device);
  return {.problem = problem,
          .candidate = std::move(candidates.front()),
          .match = Match::heuristic,
          .why = fmt::format("The cost model's choice on {}.", device.name),
          .expected_seconds = seconds,
          .expected_loss = std::nullopt,
          .quarantine = std::move(quarantine)};
}

Plan choose_plan(const Problem& problem, const DeviceProperties& device, const PlanSource* tuned,
                 std::span<const Family* const> families) {
  std::string passed_over;
  std::vector<Quarantined> quarantine;
  if (tuned != nullptr) {
    quarantine = tuned->quarantine(problem, device);
    for (const TunedPlan& each : by_distance(problem, device, *tuned)) {
      try {
        Candidate candidate = resolve(each.config, problem, device, families);
        if (const Quarantined* found = find(quarantine, problem, candidate, device)) {
          passed_over += fmt::format(" {} is quarantined: {}.", found->config, found->reason);
          continue;
        }
        const bool exact =
            each.problem == problem && reason_of_staleness(each, candidate, device).empty();
        Plan plan = exact ? exact_plan(each, std::move(candidate), device)
                          : borrowed_plan(problem, each, std::move(candidate), device);
        const double untuned = expected_default_seconds(problem, each, device, families);
        if (!exact && untuned > 0 && untuned < plan.expected_seconds) {
          passed_over += fmt::format(" That of {} is expected to be slower here than the default.",
                                     describe(each.problem));
          continue;
        }
        plan.why += passed_over;
        plan.quarantine = std::move(quarantine);
        return plan;
      } catch (const Error& error) {
        if (error.status() != Status::invalid) throw;
        if (each.problem == problem) {
          passed_over += fmt::format(" The plan stored for it is unusable: {}.", error.what());
        }
      }
    }
  }
  Plan plan = heuristic_plan(problem, device, families, std::move(quarantine));
  plan.why += tuned == nullptr ? " There are no tuned plans."
                               : " No tuned plan near it serves." + passed_over;
  return plan;
}

}  // namespace convtune

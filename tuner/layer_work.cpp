#include "tuner/layer_work.hpp"

#include <algorithm>
#include <cmath>

#include "generator/candidates.hpp"
#include "kernels/outputs_to_check.hpp"
#include "runtime/cost_model.hpp"
#include "runtime/device.hpp"
#include "tuner/search.hpp"
#include "tuner/trial.hpp"

namespace convtune {
namespace {

// Seconds as they were seen on two threads of a server. Eta corrects what they have in common.
constexpr double oracle_multiply_add = 0.4e-9;
constexpr double random_element = 5e-9;
constexpr double copied_byte = 1e-9;
constexpr double checked_output = 20e-9;
constexpr double preparation = 2e-3;
constexpr double compilation = 0.1;
/// How far from the roofline most candidates are, and those of the finals.
constexpr double over_roofline = 4;
constexpr double finalists_over_roofline = 1.5;
/// Neighbours of one leader of a search that are not measured yet.
constexpr double neighbours = 6;
constexpr double rounds_of_finals = 40;

/// Candidates that a search measures of a space with so many.
double search_length(std::size_t space, const SweepOptions& options) {
  const auto all = static_cast<double>(space);
  if (options.exhaustive) return all;
  const SearchRule rule;
  return std::min(
      all, static_cast<double>(rule.coarse) + neighbours * static_cast<double>(rule.leaders));
}

/// Of one run at best, in the mean over the space.
double roofline_seconds(const Problem& problem, const DeviceProperties& device,
                        std::span<const Candidate> space) {
  double sum = 0;
  for (const Candidate& each : space) sum += estimated_seconds(problem, each, device);
  return sum / static_cast<double>(space.size());
}

double workload_seconds(const Problem& problem) {
  const auto checked = static_cast<double>(most_outputs_to_check(problem));
  const auto products = static_cast<double>(products_per_output(problem));
  const auto elements = static_cast<double>(input_elements(problem) + weight_elements(problem));
  return 2 * (checked * products * oracle_multiply_add + elements * random_element);
}

}  // namespace

double workload_allowance(const Problem& problem) {
  return std::floor(10 * workload_seconds(problem));
}

LayerWork estimate_work(const Problem& problem, const DeviceProperties& device,
                        const SweepOptions& options, const std::optional<Verdict>& known) {
  const std::vector<Candidate> space = enumerate(problem, device, all_families()).candidates;
  if (space.empty()) return {};
  const bool is_searched =
      known && known->complete && (!options.exhaustive || known->measured == known->candidates);
  if (is_searched) return {};

  const auto checked = static_cast<double>(most_outputs_to_check(problem));
  const auto elements = static_cast<double>(input_elements(problem) + weight_elements(problem));
  const double bytes = static_cast<double>(size_of(problem.dtype)) *
                       (elements + 2 * static_cast<double>(output_elements(problem)));
  const double roofline = roofline_seconds(problem, device, space);
  const double sample = sample_seconds(over_roofline * roofline, device.kind);
  const double finals_sample = sample_seconds(finalists_over_roofline * roofline, device.kind);
  const double check = bytes * copied_byte + checked * checked_output;
  const double prepare = device.kind == DeviceKind::cuda ? compilation : preparation;
  const double measured = known ? static_cast<double>(known->measured) : 0;
  return {.start = workload_seconds(problem),
          .candidates = search_length(space.size(), options),
          .measured = measured,
          .candidate = prepare + 2 * check + (options.screening_rounds + 1) * sample,
          .finals = std::min(options.finals_seconds, static_cast<double>(options.finalists) *
                                                         rounds_of_finals * finals_sample)};
}

}  // namespace convtune

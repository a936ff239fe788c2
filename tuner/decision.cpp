#include "tuner/decision.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace convtune {
namespace {

std::vector<double> log_ratios(const std::vector<double>& slower,
                               const std::vector<double>& faster) {
  std::vector<double> ratios(std::min(slower.size(), faster.size()));
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] = std::log(slower[i] / faster[i]);
  return ratios;
}

}  // namespace

Interval median_interval(std::vector<double> values, double confidence) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  // P(the median lies outside [value k+1, value n−k]) = 2·P(Binomial(n, 1/2) ≤ k): take the largest
  // k that keeps it small enough.
  double outside = 0;
  double term = 2 * std::pow(0.5, static_cast<double>(n));
  std::size_t cut = 0;
  double reached = 0;
  bool bounded = false;
  for (std::size_t k = 0; 2 * k + 1 < n; ++k) {
    outside += term;
    if (outside > 1 - confidence) break;
    cut = k;
    reached = 1 - outside;
    bounded = true;
    term *= static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  if (!bounded) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {.low = -infinity, .high = infinity, .confidence = 1};
  }
  return {.low = values[cut], .high = values[n - 1 - cut], .confidence = reached};
}

Decision decide(std::span<const std::vector<double>> samples, std::size_t preferred,
                const DecisionRule& rule) {
  std::size_t fastest = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    if (median(samples[i]) < median(samples[fastest])) fastest = i;
  }
  Decision decision{.winner = fastest, .settled = true};
  const double equal = std::log1p(rule.indifference);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i == fastest) continue;
    const Interval interval =
        median_interval(log_ratios(samples[i], samples[fastest]), rule.confidence);
    if (interval.low > 0) {
      decision.confidence = decision.confidence == 0
                                ? interval.confidence
                                : std::min(decision.confidence, interval.confidence);
      continue;
    }
    decision.tied.push_back(i);
    decision.settled = decision.settled && interval.high <= equal;
  }
  if (const auto found = std::ranges::find(decision.tied, preferred);
      found != decision.tied.end()) {
    std::swap(*found, decision.winner);
  }
  return decision;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double relative_spread(const std::vector<double>& values) {
  const double center = median(values);
  std::vector<double> deviations(values.size());
  std::ranges::transform(values, deviations.begin(),
                         [&](double value) { return std::abs(value - center); });
  constexpr double sigma_of_mad = 1.4826;  // for a normal distribution
  return sigma_of_mad * median(deviations) / center;
}

}  // namespace convtune

#include "tuner/decision.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace convtune {
namespace {

std::vector<double> log_ratios(const std::vector<double>& slower,
                               const std::vector<double>& faster) {
  std::vector<double> ratios(std::min(slower.size(), faster.size()));
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] = std::log(slower[i] / faster[i]);
  return ratios;
}

/// P(Binomial(n, 1/2) = k), by logarithms: the power alone is too small for a double from n = 1075.
double coin_probability(std::size_t k, std::size_t n) {
  const auto log_factorial = [](std::size_t m) { return std::lgamma(static_cast<double>(m) + 1); };
  return std::exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k) -
                  static_cast<double>(n) * std::numbers::ln2);
}

}  // namespace

Interval median_interval(std::vector<double> values, double confidence) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Interval interval{.low = -infinity, .high = infinity, .confidence = 1};
  // P(the median lies outside [value k+1, value n−k]) = 2·P(Binomial(n, 1/2) ≤ k): take the largest
  // k that keeps it small enough.
  double reached = 1;
  for (std::size_t k = 0; 2 * k + 1 < n; ++k) {
    reached -= 2 * coin_probability(k, n);
    if (reached < confidence) break;
    interval = {.low = values[k], .high = values[n - 1 - k], .confidence = reached};
  }
  return interval;
}

double positive_confidence(std::span<const double> values) {
  const std::size_t n = values.size();
  const auto others = std::ranges::count_if(values, [](double value) { return value <= 0; });
  double confidence = 1;
  for (std::size_t k = 0; k <= static_cast<std::size_t>(others); ++k) {
    confidence -= 2 * coin_probability(k, n);
  }
  return std::max(confidence, 0.0);
}

Decision decide(std::span<const std::vector<double>> samples, const DecisionRule& rule) {
  std::size_t fastest = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    if (median(samples[i]) < median(samples[fastest])) fastest = i;
  }
  Decision decision{.winner = fastest, .confidence = 1, .settled = true};
  const double equal = std::log1p(rule.indifference);
  const double different = std::log1p(rule.least_difference);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i == fastest) continue;
    const std::vector<double> ratios = log_ratios(samples[i], samples[fastest]);
    const Interval interval = median_interval(ratios, rule.confidence);
    if (interval.low >= -equal && interval.high <= equal) {
      decision.tied.push_back(i);
      continue;
    }
    if (interval.low > different) {
      decision.beaten.push_back(i);
      decision.confidence = std::min(decision.confidence, interval.confidence);
    } else {
      decision.settled = false;
      decision.confidence = std::min(decision.confidence, positive_confidence(ratios));
    }
  }
  if (decision.tied.size() + 1 == samples.size()) decision.confidence = 0;
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

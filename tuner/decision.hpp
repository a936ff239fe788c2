#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace convtune {

/// How finalists are told apart.
struct DecisionRule {
  double confidence = 0.99;  ///< of each interval
  /// Candidates this close may be called equal. A choice among them is to cost at most 2 %; what
  /// one final proves within 1.5 %, many of them saw within 2 %.
  double indifference = 0.015;
  double least_difference = 0.0075;  ///< who is less slower than that is not beaten
};

/// What the finals show. Indices are those of the finalists.
struct Decision {
  std::size_t winner = 0;
  std::vector<std::size_t> tied;    ///< proven within `indifference`; the winner left out
  std::vector<std::size_t> beaten;  ///< proven slower by `least_difference`
  /// Of the weakest single comparison that separates the fastest from a loser, a guess included; 0
  /// if none does.
  double confidence = 0;
  bool settled = false;  ///< there is no guess: more rounds would change nothing
};

/// An interval that contains the median of the distribution behind `values` with at least
/// `confidence`, whatever that distribution is: two order statistics, by the binomial law. With too
/// few values (7 for 0.98, 8 for 0.99) it is unbounded. The reached confidence is given back.
struct Interval {
  double low = 0;
  double high = 0;
  double confidence = 0;
};
Interval median_interval(std::vector<double> values, double confidence);

/// The greatest confidence at which the interval of the median lies above 0; 0 if none does.
double positive_confidence(std::span<const double> values);

/// samples[finalist][round]: seconds, taken in turns, so that equal rounds saw equal conditions; at
/// least one round, equally many for all. The fastest has the lowest median, and wins ties: who won
/// them by another rule would lose the next final in which it is hardly beaten. With each other
/// comes the interval of the median of log(its sample / the fastest one's sample of the same
/// round):
/// - where that lies within ± log(1 + indifference), it is tied, though it may be slower;
/// - else, where it lies above log(1 + least_difference), it is beaten, so that what is about as
///   fast is tied in one final as in the next;
/// - else the rounds do not suffice, and that it loses is a guess, whose confidence is the sign
///   test's.
Decision decide(std::span<const std::vector<double>> samples, const DecisionRule& rule = {});

double median(std::vector<double> values);

/// 1.4826 · median |value − median| / median: the relative spread, insensitive to outliers.
double relative_spread(const std::vector<double>& values);

}  // namespace convtune

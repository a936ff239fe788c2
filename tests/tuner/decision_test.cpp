#include "tuner/decision.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

namespace convtune {
namespace {

using Samples = std::vector<std::vector<double>>;

/// A simulated final: candidate i takes `seconds[i]`, with noise that is partly common to a round
/// (a busy machine) and partly its own.
class Simulation {
 public:
  Simulation(std::vector<double> seconds, double noise, unsigned seed)
      : seconds_(std::move(seconds)), noise_(noise), random_(seed), samples_(seconds_.size()) {}

  void play(int rounds) {
    std::normal_distribution<double> normal;
    for (int round = 0; round < rounds; ++round) {
      const double common = normal(random_);
      for (std::size_t i = 0; i < seconds_.size(); ++i) {
        samples_[i].push_back(seconds_[i] * std::exp(noise_ * (common + normal(random_))));
      }
    }
  }

  /// As the tuner does: looks after 20, 80, 320, … rounds, more while it is not settled.
  Decision decide_after_as_many_rounds_as_asked(int most_rounds) {
    for (int rounds = 20;; rounds *= 4) {
      play(rounds - static_cast<int>(samples_[0].size()));
      Decision decision = decide(samples_);
      if (decision.settled || 4 * rounds > most_rounds) return decision;
    }
  }

 private:
  std::vector<double> seconds_;
  double noise_;
  std::mt19937 random_;
  Samples samples_;
};

TEST(Median, OfOddEvenAndSingle) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({7}), 7);
}

TEST(RelativeSpread, IsSigmaOverMedianForNormalNoise) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal(10, 0.5);
  std::vector<double> values(20000);
  for (double& value : values) value = normal(random);
  EXPECT_NEAR(relative_spread(values), 0.05, 0.002);
  values[0] = 1e9;  // one outlier changes nothing
  EXPECT_NEAR(relative_spread(values), 0.05, 0.002);
}

/// Ranks and levels from a table of the sign test: with n = 10 the interval from the 2nd to the 9th
/// value covers 97.9 %, from the 1st to the 10th 99.8 %; with n = 20 the 4th to the 17th cover 99.7
/// %.
TEST(MedianInterval, TakesTheRanksOfTheSignTest) {
  std::vector<double> ten(10);
  for (int i = 0; i < 10; ++i) ten[static_cast<std::size_t>(i)] = i + 1;
  const Interval wide = median_interval(ten, 0.99);
  EXPECT_EQ(wide.low, 1);
  EXPECT_EQ(wide.high, 10);
  EXPECT_NEAR(wide.confidence, 0.998, 0.0005);
  const Interval narrow = median_interval(ten, 0.97);
  EXPECT_EQ(narrow.low, 2);
  EXPECT_EQ(narrow.high, 9);
  EXPECT_NEAR(narrow.confidence, 0.979, 0.0005);

  std::vector<double> twenty(20);
  for (int i = 0; i < 20; ++i) twenty[static_cast<std::size_t>(i)] = i + 1;
  EXPECT_EQ(median_interval(twenty, 0.99).low, 4);
  EXPECT_EQ(median_interval(twenty, 0.99).high, 17);
}

TEST(MedianInterval, OfTooFewValuesIsUnbounded) {
  EXPECT_TRUE(std::isinf(median_interval({1, 2, 3, 4, 5, 6, 7}, 0.99).low));
  EXPECT_EQ(median_interval({1, 2, 3, 4, 5, 6, 7, 8}, 0.99).low, 1);
}

TEST(MedianInterval, CoversTheMedianAsOftenAsItSays) {
  std::mt19937 random(2);
  std::exponential_distribution<double> skewed(1);
  int covered = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<double> values(25);
    for (double& value : values) value = skewed(random);
    const Interval interval = median_interval(values, 0.95);
    covered += interval.low <= std::log(2.0) && std::log(2.0) <= interval.high;
  }
  EXPECT_GE(covered, 1880);  // 0.95 · 2000, less four of its standard deviations
}

/// For many values the binomial law is the normal one: ranks n/2 ± 2.576·√n/2.
TEST(MedianInterval, OfManyValuesHasTheRanksOfTheNormalLaw) {
  std::vector<double> ranks(10000);
  for (std::size_t i = 0; i < ranks.size(); ++i) ranks[i] = static_cast<double>(i + 1);
  const Interval interval = median_interval(ranks, 0.99);
  EXPECT_NEAR(interval.low, 5000 - 128.8, 2);
  EXPECT_NEAR(interval.high, 5001 + 128.8, 2);
  EXPECT_NEAR(interval.confidence, 0.99, 0.001);
}

/// From a table of the sign test, two-sided, n = 10: P = 0.0020, 0.0215 and 0.1094.
TEST(PositiveConfidence, IsThatOfTheSignTest) {
  EXPECT_NEAR(positive_confidence({{1, 2, 3, 4, 5, 6, 7, 8, 9, 9}}), 1 - 0.0020, 1e-4);
  EXPECT_NEAR(positive_confidence({{1, 2, 3, 4, -5, 6, 7, 8, 9, 9}}), 1 - 0.0215, 1e-4);
  EXPECT_NEAR(positive_confidence({{1, 2, 3, 4, -5, 6, 7, 8, 0, 9}}), 1 - 0.1094, 1e-4);
  EXPECT_EQ(positive_confidence({{1, -1}}), 0);
}

TEST(Decide, FindsTheFasterOfTwoThatDifferByThreePercentUnderFivePercentNoise) {
  int right = 0;
  for (unsigned trial = 0; trial < 200; ++trial) {
    Simulation simulation({1.03, 1.0}, 0.05, trial);
    const Decision decision = simulation.decide_after_as_many_rounds_as_asked(1280);
    right += decision.winner == 1 && decision.tied.empty();
  }
  EXPECT_GE(right, 198);
}

TEST(Decide, CallsEqualCandidatesATie) {
  int ties = 0;
  for (unsigned trial = 0; trial < 200; ++trial) {
    Simulation simulation({1.0, 1.0}, 0.05, 1000 + trial);
    ties += !simulation.decide_after_as_many_rounds_as_asked(1280).tied.empty();
  }
  EXPECT_GE(ties, 190);
}

TEST(Decide, WhatIsAboutAsFastIsTiedInEachFinal) {
  int ties = 0;
  for (unsigned trial = 0; trial < 200; ++trial) {
    Simulation simulation({1.005, 1.0}, 0.02, 3000 + trial);
    ties += !simulation.decide_after_as_many_rounds_as_asked(1280).tied.empty();
  }
  EXPECT_GE(ties, 196);
}

TEST(Decide, AChoiceWithinATieCostsNoMoreThanTheIndifference) {
  int ties = 0;
  int costly = 0;
  for (unsigned trial = 0; trial < 600; ++trial) {
    const double cost = 0.01 * (trial % 6);
    Simulation simulation({1 + cost, 1.0}, 0.03, 2000 + trial);
    const bool tie = !simulation.decide_after_as_many_rounds_as_asked(1280).tied.empty();
    ties += tie;
    costly += tie && cost > 0.02;
  }
  EXPECT_GE(ties, 100) << "of as many equal ones, of others, and of what cannot be told apart";
  EXPECT_LE(costly, 3);  // 0.005 of those that are costly, and three standard deviations
}

TEST(Decide, WhatTheRoundsDoNotTellApartIsNoTieButAGuess) {
  const Samples samples = {{1.00, 1.10, 1.00, 1.10, 1.00, 1.10, 1.00, 1.10, 1.00, 1.10},
                           {1.06, 1.07, 1.06, 1.07, 1.06, 1.07, 1.06, 1.07, 1.06, 1.07}};
  const Decision decision = decide(samples);
  EXPECT_EQ(decision.winner, 0U);
  EXPECT_TRUE(decision.tied.empty());
  EXPECT_TRUE(decision.beaten.empty());
  EXPECT_FALSE(decision.settled);
  EXPECT_LT(decision.confidence, 0.5);
}

TEST(Decide, NoiseThatHitsWholeRoundsDoesNotHideADifference) {
  const Samples samples = {{1.00, 2.00, 3.00, 4.00, 1.50, 2.50, 3.50, 1.10, 2.20, 3.30},
                           {1.03, 2.06, 3.09, 4.12, 1.55, 2.58, 3.61, 1.14, 2.27, 3.40}};
  const Decision decision = decide(samples);
  EXPECT_EQ(decision.winner, 0U);
  EXPECT_TRUE(decision.tied.empty());
  EXPECT_TRUE(decision.settled);
  EXPECT_GE(decision.confidence, 0.99);
}

TEST(Decide, AProvenDifferenceTooSmallToMatterIsATie) {
  const Samples samples = {{1.000, 1.500, 2.000, 1.100, 1.200, 1.300, 1.400, 1.600, 1.700, 1.800},
                           {1.010, 1.515, 2.020, 1.111, 1.212, 1.313, 1.414, 1.616, 1.717, 1.818}};
  const Decision decision = decide(samples);
  EXPECT_EQ(decision.winner, 0U);
  EXPECT_THAT(decision.tied, testing::ElementsAre(1U));
  EXPECT_TRUE(decision.settled);
}

TEST(Decide, TieGoesToTheFastest) {
  const Samples samples = {{1.00, 1.02, 1.01, 1.00, 1.03, 1.00, 1.02, 1.01, 1.00, 1.03},
                           {1.01, 1.01, 1.00, 1.01, 1.02, 1.01, 1.01, 1.02, 1.01, 1.02},
                           {9, 9, 9, 9, 9, 9, 9, 9, 9, 9}};
  const Decision decision = decide(samples);
  EXPECT_EQ(decision.winner, 0U);
  EXPECT_THAT(decision.tied, testing::ElementsAre(1U));
  EXPECT_THAT(decision.beaten, testing::ElementsAre(2U));
}

TEST(Decide, OfASingleCandidateIsSettled) {
  const Decision decision = decide(Samples{{1.0}});
  EXPECT_EQ(decision.winner, 0U);
  EXPECT_TRUE(decision.settled);
}

}  // namespace
}  // namespace convtune

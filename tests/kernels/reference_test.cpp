#include "kernels/reference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tests/golden/golden.hpp"

namespace convtune {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::int64_t> all_outputs(const Problem& problem) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(output_elements(problem)));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

void expect_golden(const golden::Case& test, const ReferenceValue& actual, double expected) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(actual.value));
  } else if (std::isinf(expected) || std::isinf(actual.magnitude)) {
    EXPECT_EQ(actual.value, expected);
  } else {
    const double allowed =
        test.in_float64 ? 1e-14 * (1 + actual.magnitude) : tolerance(test.problem, actual);
    EXPECT_NEAR(actual.value, expected, allowed);
  }
}

TEST(Reference, EqualsWhatOtherProjectsComputed) {
  const std::vector<golden::Case> cases = golden::all_cases();
  EXPECT_GT(cases.size(), 150U);
  for (const golden::Case& test : cases) {
    const auto indices = all_outputs(test.problem);
    ASSERT_EQ(indices.size(), test.y.size()) << test.name;
    const auto values =
        reference_at(test.problem, test.x.data(), test.weight.data(), test.bias_or_null(), indices);
    for (std::size_t i = 0; i < values.size(); ++i) {
      SCOPED_TRACE(test.name + " of " + test.source + ", output " + std::to_string(i));
      expect_golden(test, values[i], test.y[i]);
    }
  }
}

TEST(Reference, MagnitudeIsTheSumOfAbsoluteProductsAndBias) {
  const Problem problem{
      .length = 2, .in_channels = 2, .out_channels = 1, .kernel_size = 2, .has_bias = true};
  const float x[] = {1, -2, 3, 4};
  const float weight[] = {5, 6, -7, 8};
  const float bias[] = {-9};
  const auto values = reference_at(problem, x, weight, bias, all_outputs(problem));
  ASSERT_EQ(values.size(), 1);
  EXPECT_EQ(values[0].value, -9 + 5 - 12 - 21 + 32);
  EXPECT_EQ(values[0].magnitude, 9 + 5 + 12 + 21 + 32);
}

TEST(Reference, AnswersInTheOrderAskedFor) {
  const Problem problem{.length = 3, .in_channels = 1, .out_channels = 1, .kernel_size = 1};
  const float x[] = {1, 2, 3};
  const float weight[] = {10};
  const std::vector<std::int64_t> indices = {2, 0, 2};
  const auto values = reference_at(problem, x, weight, nullptr, indices);
  ASSERT_EQ(values.size(), 3);
  EXPECT_EQ(values[0].value, 30);
  EXPECT_EQ(values[1].value, 10);
  EXPECT_EQ(values[2].value, 30);
}

TEST(Reference, InfiniteWeightTimesPaddingCountsAsZero) {
  const Problem problem{.length = 1,
                        .in_channels = 1,
                        .out_channels = 1,
                        .kernel_size = 2,
                        .padding = {.left = 1, .right = 0}};
  const float x[] = {2};
  const float weight[] = {std::numeric_limits<float>::infinity(), 3};
  EXPECT_EQ(reference_at(problem, x, weight, nullptr, all_outputs(problem))[0].value, 6);
}

TEST(OutputsToCheck, AreAllUpToOneGigaflop) {
  Problem problem{.length = 50'000, .in_channels = 100, .out_channels = 100, .kernel_size = 1};
  EXPECT_EQ(outputs_to_check(problem, 1), all_outputs(problem));
  problem.length += 1;
  EXPECT_LT(outputs_to_check(problem, 1).size(),
            static_cast<std::size_t>(most_outputs_to_check(problem)));
  EXPECT_LT(most_outputs_to_check(problem), output_elements(problem));
}

// 5,001 positions, far above 1 GFLOP.
Problem large_problem(Layout layout) {
  return {.batch = 40,
          .length = 5000,
          .in_channels = 16,
          .out_channels = 4096,
          .kernel_size = 3,
          .padding = {.left = 2, .right = 1},
          .layout = layout};
}

struct Output {
  std::int64_t batch, position, channel;
};

Output output_at(const Problem& problem, std::int64_t index) {
  const std::int64_t length = output_length(problem);
  const std::int64_t channels = problem.out_channels;
  if (problem.layout == Layout::NLC) {
    return {index / channels / length, index / channels % length, index % channels};
  }
  return {index / length / channels, index % length, index / length % channels};
}

TEST(OutputsToCheck, OfALargeProblemCoverEdgesInBothLayouts) {
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    const Problem problem = large_problem(layout);
    const auto indices = outputs_to_check(problem, 7);
    ASSERT_LE(indices.size(), 6U * 4096U);
    EXPECT_GE(indices.front(), 0);
    EXPECT_LT(indices.back(), output_elements(problem));
    EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
    EXPECT_EQ(std::adjacent_find(indices.begin(), indices.end()), indices.end());

    int left = 0, right = 0, last_channels = 0, last_batch = 0, inside = 0;
    for (const std::int64_t index : indices) {
      const auto [batch, position, channel] = output_at(problem, index);
      left += position < 2;
      right += position >= 5001 - 128;
      last_channels += channel >= 4096 - 128;
      last_batch += batch == 39;
      inside += position >= 2 && position < 4873 && channel < 3968 && batch < 39;
    }
    EXPECT_GE(left, 1000);
    EXPECT_GE(right, 1000);
    EXPECT_GE(last_channels, 1000);
    EXPECT_GE(last_batch, 1000);
    EXPECT_GE(inside, 3000);
  }
}

// Of 3,500 positions the last 1,000 reach into the padding: random outputs alone would hit the 872
// of them before the tail about 1,020 times.
TEST(OutputsToCheck, FollowTheRightPaddingBeyondTheTail) {
  Problem problem = large_problem(Layout::NCL);
  problem.stride = 2;
  problem.padding.right = 2000;
  int padded = 0;
  for (const std::int64_t index : outputs_to_check(problem, 7)) {
    const std::int64_t position = output_at(problem, index).position;
    padded += position >= 2500 && position < 3500 - 128;
  }
  EXPECT_GE(padded, 1500);
}

// Both have some twenty times as many outputs as are drawn of a large edge.
TEST(OutputsToCheck, TakeAllOfAnEdgeThatCostsLittle) {
  Problem problem = large_problem(Layout::NLC);
  problem.batch = 1;
  problem.length = 100'000;
  problem.out_channels = 1000;
  problem.padding = {.left = 80, .right = 90};
  const auto indices = outputs_to_check(problem, 3);
  EXPECT_LE(indices.size(), static_cast<std::size_t>(most_outputs_to_check(problem)));
  const std::int64_t last = output_elements(problem) - 1;
  for (std::int64_t i = 0; i < 80 * problem.out_channels; ++i) {
    EXPECT_TRUE(std::binary_search(indices.begin(), indices.end(), i)) << i;
  }
  for (std::int64_t i = 0; i < 90 * problem.out_channels; ++i) {
    EXPECT_TRUE(std::binary_search(indices.begin(), indices.end(), last - i)) << i;
  }
}

TEST(OutputsToCheck, FollowTheSeed) {
  const Problem problem = large_problem(Layout::NCL);
  EXPECT_EQ(outputs_to_check(problem, 5), outputs_to_check(problem, 5));
  EXPECT_NE(outputs_to_check(problem, 5), outputs_to_check(problem, 6));
}

// n = 3 · 12 / 2 = 18 products.
Problem problem_of_18_products() {
  return {.length = 8, .in_channels = 12, .out_channels = 4, .kernel_size = 3, .num_groups = 2};
}

TEST(Tolerance, IsTheFormulaOfTheHeader) {
  const ReferenceValue value{.value = -3, .magnitude = 10};
  const double sums = (4 * std::sqrt(18.0) + 4) * std::pow(2, -24) * 10;
  Problem problem = problem_of_18_products();
  EXPECT_NEAR(tolerance(problem, value), sums + 3 * std::pow(2, -24), 1e-20);
  problem.dtype = DType::float16;
  EXPECT_NEAR(tolerance(problem, value), sums + 3 * std::pow(2, -11) + std::pow(2, -25), 1e-20);
  problem.dtype = DType::bfloat16;
  EXPECT_NEAR(tolerance(problem, value), sums + 3 * std::pow(2, -8), 1e-20);
}

TEST(Tolerance, OfTf32IsTwoRoundingsAProduct) {
  const ReferenceValue value{.value = 0, .magnitude = 10};
  Problem problem = problem_of_18_products();
  const double ieee = tolerance(problem, value);
  problem.math = Math::tf32;
  EXPECT_NEAR(tolerance(problem, value) - ieee, 2 * std::pow(2, -11) * 10, 1e-15);
  problem.math = Math::tf32x3;
  EXPECT_NEAR(tolerance(problem, value) - ieee, 12 * std::pow(2, -24) * 10, 1e-15);
}

TEST(Tolerance, GivesAnActivationEightRoundings) {
  const ReferenceValue value{.value = 0, .magnitude = 10};
  Problem problem = problem_of_18_products();
  const double without = tolerance(problem, value);
  problem.activation = Activation::tanh;
  EXPECT_NEAR(tolerance(problem, value) - without, 8 * std::pow(2, -24) * 10, 1e-15);
}

// The factors of the formula are bounds of the steepest slope, and no needlessly wide ones.
TEST(Tolerance, AmplifiesByTheSteepestSlopeOfTheActivation) {
  Problem problem = problem_of_18_products();
  const ReferenceValue value{.value = 0, .magnitude = 1};
  problem.activation = Activation::relu;
  const double flat = tolerance(problem, value);
  for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::silu,
                                      Activation::tanh, Activation::relu}) {
    double steepest = 0;
    constexpr double step = 1e-4;
    for (double at = -8; at < 8; at += step) {
      const double rise = activate(activation, at + step) - activate(activation, at);
      steepest = std::max(steepest, std::abs(rise / step));
    }
    problem.activation = activation;
    const double factor = tolerance(problem, value) / flat;
    EXPECT_GE(factor * (1 + 1e-9), steepest) << name(activation);
    EXPECT_LE(factor, 1.01 * steepest) << name(activation);
  }
}

struct Verdict {
  float y;
  ReferenceValue reference;
  bool accepted;
};

CheckResult check_one(const Problem& problem, const Verdict& verdict) {
  std::vector<std::byte> y(size_of(problem.dtype));
  store_element(y.data(), problem.dtype, 0, verdict.y);
  const std::vector<std::int64_t> indices = {0};
  return compare(problem, y.data(), indices, std::vector{verdict.reference});
}

TEST(Compare, JudgesValuesThatAreNotFinite) {
  constexpr auto inf = std::numeric_limits<float>::infinity();
  constexpr auto not_a_number = std::numeric_limits<float>::quiet_NaN();
  Problem problem = problem_of_18_products();
  problem.dtype = DType::float16;
  const std::vector<Verdict> verdicts = {
      {not_a_number, {nan, nan}, true},
      {0, {nan, nan}, false},
      {inf, {nan, infinity}, false},
      {inf, {infinity, infinity}, true},
      {-inf, {infinity, infinity}, false},
      {not_a_number, {infinity, infinity}, false},
      {65504, {infinity, infinity}, false},
      {not_a_number, {1, 1}, false},
      {inf, {1, 1}, false},
      {inf, {65520, 65520}, true},
      {-inf, {65520, 65520}, false},
      {inf, {65504, 65504}, false},
      {65504, {65600, 65600}, false},
      {65504, {65510, 65510}, true},
      {not_a_number, {65520, 65520}, false},
      {not_a_number, {1, 4e38}, true},
      {5, {1, 1}, false},
      {0, {0, infinity}, true},
      {1, {0, infinity}, false},
      {not_a_number, {0, infinity}, false},
  };
  for (const Verdict& verdict : verdicts) {
    const CheckResult result = check_one(problem, verdict);
    EXPECT_EQ(result.wrong == 0, verdict.accepted)
        << verdict.y << " for " << verdict.reference.value;
    EXPECT_EQ(result.worst_ratio <= 1, verdict.accepted) << verdict.y;
    EXPECT_TRUE(std::isfinite(result.worst_ratio));
  }
}

TEST(Compare, AcceptsNaNForInfinityOnlyWithThreeTf32Products) {
  Problem problem = problem_of_18_products();
  const Verdict verdict{std::numeric_limits<float>::quiet_NaN(), {infinity, infinity}, true};
  for (const Math math : {Math::ieee, Math::tf32, Math::tf32x3}) {
    problem.math = math;
    EXPECT_EQ(check_one(problem, verdict).wrong == 0, math == Math::tf32x3) << name(math);
  }
}

TEST(Compare, FindsTheWorstOfTheOutputsAskedFor) {
  const Problem problem = problem_of_18_products();
  const double allowed = tolerance(problem, {.value = 1, .magnitude = 64});
  std::vector<float> y(static_cast<std::size_t>(output_elements(problem)), 1);
  const std::vector<std::int64_t> indices = {3, 5, 9};
  const std::vector<ReferenceValue> expected(3, {.value = 1, .magnitude = 64});
  EXPECT_EQ(compare(problem, y.data(), indices, expected).worst_ratio, 0);

  y[0] = 1e6F;  // not asked for
  y[5] = static_cast<float>(1 + 0.5 * allowed);
  y[9] = static_cast<float>(1 - 1.5 * allowed);
  const CheckResult result = compare(problem, y.data(), indices, expected);
  EXPECT_EQ(result.checked, 3);
  EXPECT_EQ(result.wrong, 1);
  EXPECT_EQ(result.worst_index, 9);
  EXPECT_NEAR(result.worst_ratio, 1.5, 0.05);
}

}  // namespace
}  // namespace convtune

#include "kernels/reference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/tolerance.hpp"
#include "tests/golden/golden.hpp"

namespace convtune {
namespace {

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

// Large enough for several threads.
TEST(Reference, OfOnesIsHowManyProductsLieInsideX) {
  const Problem problem{.length = 2000,
                        .in_channels = 64,
                        .out_channels = 64,
                        .kernel_size = 5,
                        .padding = {.left = 2, .right = 2}};
  const std::vector<float> x(static_cast<std::size_t>(input_elements(problem)), 1);
  const std::vector<float> weight(static_cast<std::size_t>(weight_elements(problem)), 1);
  const auto values = reference_at(problem, x.data(), weight.data(), nullptr, all_outputs(problem));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto position = static_cast<std::int64_t>(i) / problem.out_channels;
    const std::int64_t from_an_end = std::min(position, problem.length - 1 - position);
    ASSERT_EQ(values[i].value, 64 * (3 + std::min<std::int64_t>(from_an_end, 2))) << i;
  }
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

}  // namespace
}  // namespace convtune

#include "kernels/outputs_to_check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

namespace convtune {
namespace {

TEST(OutputsToCheck, AreAllUpToOneGigaflop) {
  Problem problem{.length = 50'000, .in_channels = 100, .out_channels = 100, .kernel_size = 1};
  std::vector<std::int64_t> all(static_cast<std::size_t>(output_elements(problem)));
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(outputs_to_check(problem, 1), all);
  problem.length += 1;
  EXPECT_LE(outputs_to_check(problem, 1).size(),
            static_cast<std::size_t>(most_outputs_to_check(problem)));
  EXPECT_LT(most_outputs_to_check(problem), output_elements(problem));
}

// 5,001 positions; a position alone has 200 GFLOP in each batch row.
Problem large_problem(Layout layout) {
  return {.batch = 40,
          .length = 5000,
          .in_channels = 8'192'000,
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

TEST(OutputsToCheck, OfALargeProblemCoverBordersAndTailsInBothLayouts) {
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    const Problem problem = large_problem(layout);
    const auto indices = outputs_to_check(problem, 7);
    ASSERT_LE(indices.size(), 11U * 4096U);
    EXPECT_GE(indices.front(), 0);
    EXPECT_LT(indices.back(), output_elements(problem));
    EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
    EXPECT_EQ(std::adjacent_find(indices.begin(), indices.end()), indices.end());

    int left = 0, right = 0, last_positions = 0, last_channels = 0, last_batch = 0, inside = 0;
    for (const std::int64_t index : indices) {
      const auto [batch, position, channel] = output_at(problem, index);
      left += position < 2;
      right += position == 5000;
      last_positions += position >= 5001 - 128;
      last_channels += channel >= 4096 - 128;
      last_batch += batch == 39;
      inside += position >= 2 && position < 4873 && channel < 3968 && batch < 39;
    }
    EXPECT_GE(left, 4000);
    EXPECT_GE(right, 4000);
    EXPECT_GE(last_positions, right + 3900);
    EXPECT_GE(last_channels, 4000);
    EXPECT_GE(last_batch, 4000);
    EXPECT_GE(inside, 3000);
  }
}

std::set<std::int64_t> positions_of(const Problem& problem) {
  std::set<std::int64_t> positions;
  for (const std::int64_t index : outputs_to_check(problem, 7)) {
    positions.insert(output_at(problem, index).position);
  }
  return positions;
}

// Of 3,500 positions the last 1,000 reach into the padding.
TEST(OutputsToCheck, HaveEachPositionOfALargeBorder) {
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    Problem problem = large_problem(layout);
    problem.stride = 2;
    problem.padding.right = 2000;
    const std::set<std::int64_t> positions = positions_of(problem);
    EXPECT_TRUE(positions.contains(0));
    for (std::int64_t position = 2500; position < 3500; ++position) {
      EXPECT_TRUE(positions.contains(position)) << position;
    }
  }
}

TEST(OutputsToCheck, HaveEachOfTheLastPositions) {
  const std::set<std::int64_t> positions = positions_of(large_problem(Layout::NLC));
  for (std::int64_t position = 5001 - 128; position < 5001; ++position) {
    EXPECT_TRUE(positions.contains(position)) << position;
  }
}

// Of two batch rows, a position with 192 M multiply-adds in each: 83 positions are just below 64
// GFLOP, 84 above.
Problem with_borders_of(std::int64_t positions) {
  return {.batch = 2,
          .length = 1000,
          .in_channels = 1'000'000,
          .out_channels = 64,
          .kernel_size = 3,
          .padding = {.left = positions, .right = positions}};
}

TEST(OutputsToCheck, TakeAllOfABorderUpTo64Gigaflop) {
  const Problem problem = with_borders_of(83);
  const auto indices = outputs_to_check(problem, 3);
  EXPECT_LE(indices.size(), static_cast<std::size_t>(most_outputs_to_check(problem)));
  const std::int64_t last = output_elements(problem) - 1;
  const std::int64_t row = output_elements(problem) / 2;
  for (std::int64_t i = 0; i < 83 * problem.out_channels; ++i) {
    for (const std::int64_t index : {i, row - 1 - i, row + i, last - i}) {
      ASSERT_TRUE(std::binary_search(indices.begin(), indices.end(), index)) << index;
    }
  }
}

TEST(OutputsToCheck, TakeFirstAndLastBatchRowOfALargerBorder) {
  Problem problem = with_borders_of(84);
  problem.batch = 20;
  const auto indices = outputs_to_check(problem, 3);
  EXPECT_LE(indices.size(), static_cast<std::size_t>(most_outputs_to_check(problem)));
  const std::int64_t last = output_elements(problem) - 1;
  const std::int64_t row = output_elements(problem) / 20;
  for (std::int64_t i = 0; i < 84 * problem.out_channels; ++i) {
    for (const std::int64_t index : {i, row - 1 - i, last + 1 - row + i, last - i}) {
      ASSERT_TRUE(std::binary_search(indices.begin(), indices.end(), index)) << index;
    }
  }
  EXPECT_LT(most_outputs_to_check(problem), output_elements(problem) / 2);
}

TEST(OutputsToCheck, TakeTheLastPositionsOfTheLastBatchRow) {
  Problem problem = with_borders_of(0);
  const auto indices = outputs_to_check(problem, 3);
  const std::int64_t last = output_elements(problem) - 1;
  for (std::int64_t i = 0; i < 128 * problem.out_channels; ++i) {
    ASSERT_TRUE(std::binary_search(indices.begin(), indices.end(), last - i)) << i;
  }
}

TEST(OutputsToCheck, TakeAllOfATailThatCostsLittle) {
  const Problem problem{
      .batch = 2, .length = 100'000, .in_channels = 16, .out_channels = 300, .kernel_size = 3};
  const auto indices = outputs_to_check(problem, 3);
  const std::int64_t last = output_elements(problem) - 1;
  for (std::int64_t i = 0; i < 128 * problem.out_channels; ++i) {
    ASSERT_TRUE(std::binary_search(indices.begin(), indices.end(), last - i)) << i;
  }
}

TEST(OutputsToCheck, FollowTheSeed) {
  const Problem problem = large_problem(Layout::NCL);
  EXPECT_EQ(outputs_to_check(problem, 5), outputs_to_check(problem, 5));
  EXPECT_NE(outputs_to_check(problem, 5), outputs_to_check(problem, 6));
}

}  // namespace
}  // namespace convtune

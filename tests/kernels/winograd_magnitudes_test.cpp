#include "kernels/winograd_magnitudes.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace convtune {
namespace {

std::vector<double> magnitudes(const Problem& problem, const std::vector<float>& x,
                               const std::vector<float>& weight, const float* bias = nullptr) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(output_elements(problem)));
  std::iota(indices.begin(), indices.end(), 0);
  const auto values = reference_at(problem, x.data(), weight.data(), bias, indices);
  std::vector<double> found;
  for (const ReferenceValue& each :
       with_winograd_magnitudes(problem, x.data(), weight.data(), bias, indices, values)) {
    found.push_back(each.magnitude);
    const double value = values[found.size() - 1].value;
    EXPECT_TRUE(each.value == value || std::isnan(value));
  }
  return found;
}

Problem of_one_channel() {
  return {
      .length = 20, .in_channels = 1, .out_channels = 1, .kernel_size = 3, .math = Math::winograd};
}

// Outputs up to three dilations away may share a patch.
TEST(WinogradMagnitudes, AreOfTheNeighboursToo) {
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    const Problem problem{.batch = 2,
                          .length = 30,
                          .in_channels = 4,
                          .out_channels = 2,
                          .kernel_size = 3,
                          .padding = {2, 2},
                          .dilation = 2,
                          .num_groups = 2,
                          .has_bias = true,
                          .math = Math::winograd,
                          .layout = layout};
    const bool nlc = layout == Layout::NLC;
    std::vector<float> x(240, 1);
    x[nlc ? 12 * 4 + 1 : 30 + 12] = -5;  // position 12 of channel 1 of the first batch row
    std::vector<float> weight(12);
    const auto set = [&](std::int64_t tap, std::int64_t in, std::int64_t out, float value) {
      weight[static_cast<std::size_t>(weight_index(problem, tap, in, out))] = value;
    };
    for (std::int64_t tap = 0; tap < 3; ++tap) {
      set(tap, 0, 0, 1);    // 3 in all
      set(tap, 1, 0, -10);  // 30
      set(tap, 0, 1, 100);
    }
    const float bias[] = {-9, 7};
    const std::vector<double> found = magnitudes(problem, x, weight, bias);
    for (std::int64_t t = 0; t < 30; ++t) {
      const std::int64_t tap = t - 2;
      const bool near = (tap - 12) % 2 == 0 && tap - 6 <= 12 && 12 <= tap + 10;
      const auto at = [&](std::int64_t n, std::int64_t channel) {
        const std::int64_t index = nlc ? (n * 30 + t) * 2 + channel : (n * 2 + channel) * 30 + t;
        return found[static_cast<std::size_t>(index)];
      };
      EXPECT_FLOAT_EQ(static_cast<float>(at(0, 0)),
                      static_cast<float>(9 + winograd_growth * (3 + (near ? 5 : 1) * 30)));
      EXPECT_FLOAT_EQ(static_cast<float>(at(1, 0)), static_cast<float>(9 + winograd_growth * 33));
      EXPECT_FLOAT_EQ(static_cast<float>(at(0, 1)), static_cast<float>(7 + winograd_growth * 300));
    }
  }
}

// Sums of x, or of weights, that float32 does not hold are none whose errors are bounded.
TEST(WinogradMagnitudes, AreInfiniteWhereASumMayOverflow) {
  const Problem problem = of_one_channel();
  std::vector<float> x(20, 1), weight(3, 1);
  const float largest = std::numeric_limits<float>::max();
  x[10] = largest / 8;
  EXPECT_TRUE(std::isfinite(magnitudes(problem, x, weight)[10]));
  x[10] = largest / 6;
  EXPECT_TRUE(std::isinf(magnitudes(problem, x, weight)[10]));
  EXPECT_TRUE(std::isfinite(magnitudes(problem, x, weight)[0]));
  x[10] = 1;
  weight = {largest / 4, largest / 4, largest / 4};
  EXPECT_TRUE(std::isfinite(magnitudes(problem, x, weight)[10]));
  weight[0] = largest / 2;
  EXPECT_TRUE(std::isinf(magnitudes(problem, x, weight)[10]));
}

TEST(WinogradMagnitudes, CountTheRoundingsOfSubnormalNumbers) {
  const Problem problem = of_one_channel();
  const double least = std::numeric_limits<float>::min();
  const std::vector<float> zeros(20), ones(3, 1), loud(20, 1e30F), silent(3);
  EXPECT_NEAR(magnitudes(problem, zeros, ones)[5] / (winograd_growth * 3 * least), 1, 1e-6);
  EXPECT_NEAR(magnitudes(problem, loud, silent)[5] / (winograd_growth * 1e30 * least), 1, 1e-6);
}

TEST(WinogradMagnitudes, AreNotFiniteNearANaN) {
  const Problem problem = of_one_channel();
  std::vector<float> x(20, 1);
  x[10] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<double> found = magnitudes(problem, x, {1, 1, 1});
  for (std::size_t t = 0; t < found.size(); ++t) {
    EXPECT_EQ(std::isfinite(found[t]), t + 5 < 10 || t > 10 + 3) << t;
  }
}

}  // namespace
}  // namespace convtune

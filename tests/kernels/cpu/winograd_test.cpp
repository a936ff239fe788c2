#include "tests/kernels/cpu/simd_targets.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <utility>

#include "kernels/coordinates.hpp"
#include "kernels/cpu/winograd_patch.hpp"
#include "kernels/winograd_magnitudes.hpp"
#include "tests/kernels/cpu/convolution_run.hpp"
#include "tests/kernels/cpu/offered.hpp"

namespace convtune {
namespace {

using testing::IsEmpty;

template <class Row>
double largest(const Row& row) {
  double most = 0;
  for (const double value : row) most = std::max(most, std::abs(value));
  return most;
}

template <class Row>
double sum_of_sizes(const Row& row) {
  double sum = 0;
  for (const double value : row) sum += std::abs(value);
  return sum;
}

template <std::size_t m>
double input_growth() {
  double most = 0;
  for (const auto& row : Patch<m>::input) most = std::max(most, sum_of_sizes(row));
  return most;
}

template <std::size_t m>
double weight_growth() {
  double most = 0;
  for (const auto& row : Patch<m>::weight) most = std::max(most, largest(row));
  return most;
}

template <std::size_t m>
double growth() {
  double most = 0;
  for (const auto& output : Patch<m>::output) {
    double sum = 0;
    for (std::size_t j = 0; j < m + 2; ++j) {
      sum += std::abs(output[j]) * largest(Patch<m>::weight[j]) * sum_of_sizes(Patch<m>::input[j]);
    }
    most = std::max(most, sum);
  }
  return most;
}

TEST(WinogradPatch, GrowsAsFarAsTheBoundAllows) {
  EXPECT_EQ(std::ceil(std::max(growth<2>(), growth<4>())), winograd_growth);
  EXPECT_EQ(std::max(input_growth<2>(), input_growth<4>()), winograd_input_growth);
  const double weights = std::max(weight_growth<2>(), weight_growth<4>());
  EXPECT_LE(weights, winograd_weight_growth);
  EXPECT_GT(weights, winograd_weight_growth - 0.1);
}

// Bilinear: it holds for all x and w if it does for their units.
template <std::size_t m>
void expect_convolution() {
  for (std::size_t position = 0; position < m + 2; ++position) {
    for (std::size_t tap = 0; tap < 3; ++tap) {
      for (std::size_t k = 0; k < m; ++k) {
        double sum = 0;
        for (std::size_t j = 0; j < m + 2; ++j) {
          sum += double{Patch<m>::output[k][j]} * Patch<m>::weight[j][tap] *
                 double{Patch<m>::input[j][position]};
        }
        EXPECT_NEAR(sum, k + tap == position ? 1 : 0, 1e-14) << m << " " << position << " " << tap;
      }
    }
  }
}

TEST(WinogradPatch, IsAConvolutionOfThreeTaps) {
  expect_convolution<2>();
  expect_convolution<4>();
}

// Outputs at the edges of patches, tiles and tasks.
std::vector<Problem> edge_shapes() {
  const Problem base = {.length = 65,
                        .in_channels = 35,
                        .out_channels = 33,
                        .kernel_size = 3,
                        .padding = {1, 1},
                        .has_bias = true,
                        .math = Math::winograd};
  std::vector<Problem> shapes;
  const auto add = [&](auto change) {
    Problem p = base;
    change(p);
    shapes.push_back(p);
  };
  for (const std::int64_t length : {1, 2, 3, 4, 5, 16, 63, 64, 66, 130, 259, 300}) {
    add([&](Problem& p) { p.length = length, p.batch = length < 5 ? 2 : 1; });
  }
  for (const std::int64_t dilation : {2, 3, 7, 16, 24, 40, 200}) {
    add([&](Problem& p) {
      p.dilation = dilation, p.length = 150, p.padding = {dilation, dilation};
    });
    add([&](Problem& p) { p.dilation = dilation, p.length = 450, p.padding = {5, 0}; });
  }
  for (const std::int64_t channels : {32, 47, 48, 64, 130}) {
    add([&](Problem& p) { p.in_channels = channels; });
    add([&](Problem& p) { p.out_channels = channels; });
  }
  add([](Problem& p) { p.num_groups = 2, p.in_channels = 72, p.out_channels = 80, p.batch = 2; });
  add([](Problem& p) { p.in_channels = 700, p.length = 70; });  // in several passes
  add([](Problem& p) { p.padding = {9, 0}; });
  add([](Problem& p) { p.padding = {0, 40}; });
  add([](Problem& p) { p.length = 1, p.padding = {30, 30}, p.dilation = 2; });
  add([](Problem& p) { p.has_bias = false, p.activation = Activation::silu; });
  return shapes;
}

class Winograd : public testing::TestWithParam<Variant> {
 protected:
  Problem variant(Problem p) const {
    p.dtype = std::get<1>(GetParam());
    p.layout = std::get<2>(GetParam());
    return p;
  }

  static std::vector<Candidate> candidates(const Problem& p) {
    std::vector<Candidate> all = candidates_of(p, cpu_target());
    std::erase_if(all, [](const Candidate& c) { return c.family != &cpu_winograd(); });
    return all;
  }

 private:
  ForcedTarget forced_{std::get<0>(GetParam())};
};

// On ordinary data sums do not grow on their way, and the error is that of any sums.
TEST_P(Winograd, StaysFarWithinItsTolerance) {
  ThreadPool pool(2);
  for (const Problem& shape : edge_shapes()) {
    const Problem p = variant(shape);
    EXPECT_EQ(candidates(p).empty(), lanes_of(cpu_target()) == 1);
    ConvolutionRun run(p, 1, Data::random);
    const double most = p.dtype == DType::float32 ? 1 / winograd_growth : 1;
    for (const Candidate& candidate : candidates(p)) {
      const auto y = run.run(*candidate.family, candidate.config, pool);
      EXPECT_LE(run.check(y).worst_ratio, most) << describe(p) << "\n" << to_text(candidate.config);
    }
  }
}

TEST_P(Winograd, GivesTheSameBytesForAnyNumberOfThreads) {
  ThreadPool one(1), three(3);
  const Problem p = variant({.batch = 2,
                             .length = 900,
                             .in_channels = 300,
                             .out_channels = 150,
                             .kernel_size = 3,
                             .math = Math::winograd});
  ConvolutionRun run(p, 2, Data::random);
  for (const Candidate& candidate : candidates(p)) {
    const auto y = run.run(*candidate.family, candidate.config, one);
    EXPECT_EQ(y, run.run(*candidate.family, candidate.config, three)) << to_text(candidate.config);
    EXPECT_EQ(run.check(y).wrong, 0) << to_text(candidate.config);
  }
}

TEST(WinogradCost, CountsThePatchesThatReachTheOutput) {
  Problem p = {.length = 12,
               .in_channels = 16,
               .out_channels = 16,
               .kernel_size = 3,
               .math = Math::winograd};
  const Config config = parse_config("cpu_winograd{outputs=4,rows=12,columns=16,block=64}");
  // 6 products, 26 terms before and 18 behind them.
  const double work = 2 * (6 * 16 * 16 + 26 * 16 + 18 * 16);
  const auto patches = [&] { return cpu_winograd().cost(p, config, {}).flops / work; };
  EXPECT_EQ(patches(), 3);  // of 10 outputs
  p.dilation = 3;
  p.padding = {0, 8};
  EXPECT_EQ(patches(), 3 + 2);  // 14 outputs: of each remainder by 3 up to four, then one
}

// F(2,3) errs less than sums one by one, F(4,3) not much more.
TEST(WinogradError, IsAsThatOfDirectSumsOnOrdinaryData) {
  ThreadPool pool(1);
  const Problem p = {.length = 500,
                     .in_channels = 256,
                     .out_channels = 32,
                     .kernel_size = 3,
                     .math = Math::winograd};
  ConvolutionRun run(p, 4, Data::random);
  const DeviceProperties device = device_of(cpu_target());
  const auto error_of = [&](const Family& family, const Config& config) {
    return run.relative_error(run.run(family, config, pool));
  };
  const double direct = error_of(cpu_direct(), cpu_direct().default_config(p, device));
  for (const auto& [outputs, most] : {std::pair{2, 1.0}, std::pair{4, 2.0}}) {
    Config config = cpu_winograd().default_config(p, device);
    config.settings[0].value = outputs;
    if (broken_constraint(cpu_winograd(), p, config, device) != nullptr) GTEST_SKIP();
    const double error = error_of(cpu_winograd(), config);
    std::printf("F(%d,3) errs %.2f times as much as direct sums\n", outputs, error / direct);
    EXPECT_LE(error, most * direct);
    EXPECT_GT(error, 0.1 * direct);
  }
}

// What is not finite reaches no output beyond those that may share a patch.
TEST_P(Winograd, KeepsInfinitiesNearTheirPosition) {
  ThreadPool pool(1);
  for (const std::int64_t dilation : {1, 3}) {
    const Problem p = variant({.length = 90,
                               .in_channels = 32,
                               .out_channels = 32,
                               .kernel_size = 3,
                               .padding = {2, 2},
                               .dilation = dilation,
                               .math = Math::winograd});
    const Coordinates step = strides(p.layout, p.length, p.in_channels);
    ConvolutionRun run(p, 3, Data::random);
    run.set_x(40 * step.position, std::numeric_limits<float>::infinity());
    run.set_x(60 * step.position + 3 * step.channel, std::numeric_limits<float>::quiet_NaN());
    for (const Candidate& candidate : candidates(p)) {
      const auto y = run.run(*candidate.family, candidate.config, pool);
      EXPECT_EQ(run.check(y).wrong, 0) << describe(p) << " " << to_text(candidate.config);
      std::int64_t lost = 0;
      for (std::int64_t i = 0; i < output_elements(p); ++i) {
        lost += !std::isfinite(load_element(y.data(), p.dtype, i));
      }
      EXPECT_GE(lost, 2 * 3 * p.out_channels);
      EXPECT_LE(lost, 2 * 9 * p.out_channels);
    }
  }
}

// An infinite weight makes NaN of more than ieee would, but only of its own output channel.
TEST_P(Winograd, KeepsAnInfiniteWeightInItsChannel) {
  ThreadPool pool(1);
  const Problem p = variant({.length = 40,
                             .in_channels = 32,
                             .out_channels = 32,
                             .kernel_size = 3,
                             .padding = {2, 2},
                             .math = Math::winograd});
  ConvolutionRun run(p, 5, Data::random);
  run.set_weight(weight_index(p, 1, 7, 9), std::numeric_limits<float>::infinity());
  for (const Candidate& candidate : candidates(p)) {
    const auto y = run.run(*candidate.family, candidate.config, pool);
    EXPECT_EQ(run.check(y).wrong, 0) << to_text(candidate.config);
    for (std::int64_t i = 0; i < output_elements(p); ++i) {
      const bool finite = std::isfinite(load_element(y.data(), p.dtype, i));
      EXPECT_TRUE(finite || output_at(p, i).channel == 9) << i;
    }
  }
}

// Where sums overflow or are less than normal numbers, the bound still is one.
TEST_P(Winograd, StaysWithinItsToleranceAtTheEndsOfTheRange) {
  ThreadPool pool(1);
  const Problem p = variant({.length = 64,
                             .in_channels = 32,
                             .out_channels = 32,
                             .kernel_size = 3,
                             .padding = {1, 1},
                             .math = Math::winograd});
  const bool half = p.dtype == DType::float16;
  for (const auto& [large, small] : {std::pair{half ? 6e4F : 1.2e38F, half ? 1e-5F : 1e-10F},
                                     std::pair{half ? 6e4F : 1e30F, half ? 1e-7F : 1e-42F}}) {
    ConvolutionRun run(p, 6, Data::random);
    const std::int64_t positions = strides(p.layout, p.length, p.in_channels).position;
    for (std::int64_t i = 0; i < input_elements(p); ++i) {
      run.set_x(i, i / positions % 2 == 0 ? large : -large);
    }
    for (std::int64_t i = 0; i < weight_elements(p); ++i) {
      run.set_weight(i, i % 2 == 0 ? small : 3 * small);
    }
    for (const Candidate& candidate : candidates(p)) {
      const auto y = run.run(*candidate.family, candidate.config, pool);
      EXPECT_EQ(run.check(y).wrong, 0) << large << " " << to_text(candidate.config);
    }
  }
}

TEST_P(Winograd, IsOfferedOnlyWhereItIsAskedForAndServes) {
  const Problem p = variant({.length = 90,
                             .in_channels = 32,
                             .out_channels = 32,
                             .kernel_size = 3,
                             .math = Math::winograd});
  EXPECT_EQ(candidates(p).empty(), lanes_of(cpu_target()) == 1);
  const auto without = [&](auto change) {
    Problem other = p;
    change(other);
    EXPECT_THAT(candidates(other), IsEmpty()) << describe(other);
  };
  without([](Problem& other) { other.math = Math::ieee; });
  without([](Problem& other) { other.kernel_size = 4; });
  without([](Problem& other) { other.stride = 2; });
  without([](Problem& other) { other.in_channels = 31; });
  without([](Problem& other) { other.num_groups = 2; });
  without([](Problem& other) {
    other.length = 1, other.dilation = 1 << 24;
    other.padding = {other.dilation, other.dilation};
  });
}

INSTANTIATE_TEST_SUITE_P(, Winograd, every_variant(), name_of_variant);

}  // namespace
}  // namespace convtune

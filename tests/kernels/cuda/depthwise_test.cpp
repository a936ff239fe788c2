#include "kernels/cuda/depthwise.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "kernels/cuda/cuda_kernel.hpp"
#include "tests/kernels/cuda/depthwise_kernels.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/kernel_check.hpp"
#include "tests/kernels/cuda/real_layers.hpp"

namespace convtune {
namespace {

using cuda::DepthwiseConfig;

const DeviceProperties h200 = properties_of_arch("sm_90a");

/// A problem with outputs for a part of a tile, a whole one, one more, and several of a thread.
Problem draw_problem(const DepthwiseConfig& c, std::mt19937& random) {
  const bool piece = cuda::is_piece(c);
  Problem p;
  p.batch = pick(random, {1, 2, 3});
  p.kernel_size = c.chunked ? c.taps * pick(random, {2, 3}) + pick(random, {0, 1, 2}) : c.taps;
  p.stride = c.step * c.common;
  p.dilation = piece ? c.spacing : c.common * pick(random, {1, 2, 3, 8, 9, 17});
  if (c.tile_l == 1) p.stride = pick(random, {1, 2, 5});

  p.num_groups = c.vec_y * pick(random, {1, 3, 5}) + pick(random, {0, 0, 1, 2, 3});
  const bool gathers = c.vec_x < c.vec_y;
  const bool multiplies = c.layout == Layout::NCL || c.vec_y == 1;
  std::int64_t multiplier = 1;
  if (gathers) multiplier = pick(random, {2, 3, 8});
  if (multiplies) multiplier = pick(random, {1, 1, 2, 3});
  p.in_channels = p.num_groups;
  p.out_channels = p.num_groups * multiplier;

  const std::int64_t span = p.dilation * (p.kernel_size - 1);
  const std::int64_t unit = piece || c.tile_l == 1 ? c.tile_l : c.tile_l * p.dilation / c.common;
  const std::int64_t out =
      pick(random, {std::int64_t{1}, unit - 1, unit, unit + 1, unit * c.tiles + 3, 3 * unit + 5});
  p.padding = pick<Padding>(random, {{0, 0}, {span, 0}, {span / 2, span / 2}, {2, 3}, {0, 1}});
  p.length = (out - 1) * p.stride + span + 1 - p.padding.left - p.padding.right +
             static_cast<std::int64_t>(random() % 4);
  p.has_bias = random() % 2 == 0;
  p.dtype = c.dtype;
  p.layout = c.layout;
  p.activation = c.activation;
  return p;
}

Config config_for(const DepthwiseConfig& c) {
  return {.family = "cuda_depthwise",
          .settings = {{"tile_l", c.tile_l}, {"tiles", c.tiles}, {"vec", c.vec_y}}};
}

bool is_valid(const Problem& problem) { return problem.num_groups > 1 && has_output(problem); }

bool suits(const Problem& problem) {
  return is_valid(problem) && output_elements(problem) <= 20'000;
}

const Draw<DepthwiseConfig> draw = {.family = cuda_depthwise(),
                                    .device = h200,
                                    .problem = draw_problem,
                                    .suits = suits,
                                    .config_for = config_for,
                                    .baked = depthwise_config};

class DepthwiseOnHost : public testing::TestWithParam<std::size_t> {};

TEST_P(DepthwiseOnHost, EqualsTheReference) {
  expect_reference(depthwise_kernels()[GetParam()], draw, 30, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Kernels, DepthwiseOnHost,
                         testing::Range<std::size_t>(0, depthwise_kernels().size()));

TEST(DepthwiseHostKernels, ServeHundredsOfTaps) {
  std::mt19937 random(1);
  int served = 0;
  for (const auto& kernel : depthwise_kernels()) {
    const DepthwiseConfig& c = kernel.config;
    for (const std::int64_t taps : {128, 256, 1024}) {
      Problem p = {.length = 100, .in_channels = 16, .out_channels = 16, .kernel_size = taps};
      p.padding = {taps - 1, 0};
      p.num_groups = 16;
      p.dtype = c.dtype;
      p.layout = c.layout;
      p.activation = c.activation;
      const Config config = config_for(c);
      if (!broken_by(cuda_depthwise(), p, config, h200).empty() || depthwise_config(p, config) != c)
        continue;
      ++served;
      check_kernel(cuda_depthwise(), p, config, kernel.thread, Data::random, random);
    }
  }
  EXPECT_GE(served, 9);
}

TEST(DepthwiseHostKernels, MoveTheBytesOfTheirCost) {
  EXPECT_GE(expect_counted_bytes(cuda_depthwise(), h200, depthwise_kernels(), config_for,
                                 depthwise_config),
            5);
}

TEST(DepthwiseHostKernels, HaveEveryValueOfEveryParameter) {
  expect_every_value(cuda_depthwise(), depthwise_kernels(), config_for);
}

TEST(DepthwiseHostKernels, HaveEveryActivationAndKindOfProducts) {
  expect_every_type(depthwise_kernels(), 6);
}

/// Calls visit(problem) for problems near the edges of many kernels.
template <class Visit>
void for_drawn_problems(const Visit& visit) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const auto& kernel = depthwise_kernels()[random() % depthwise_kernels().size()];
    const Problem problem = draw_problem(kernel.config, random);
    if (is_valid(problem)) visit(problem);
  }
}

TEST(Depthwise, DefaultKeepsEveryConstraint) {
  for_drawn_problems([](const Problem& problem) {
    const Config config = cuda_depthwise().default_config(problem, h200);
    const Constraint* broken = broken_constraint(cuda_depthwise(), problem, config, h200);
    EXPECT_EQ(broken, nullptr) << describe(problem) << " " << to_text(config) << " breaks "
                               << broken->name;
  });
}

TEST(Depthwise, ServesPointersAlignedToTheirElementOnly) {
  for_drawn_problems([](const Problem& problem) {
    const Config config = config_for({.tile_l = 1, .vec_y = 1});
    EXPECT_EQ(cuda_depthwise().cuda->alignment(problem, config), size_of(problem.dtype));
    EXPECT_EQ(broken_constraint(cuda_depthwise(), problem, config, h200), nullptr)
        << describe(problem);
  });
}

TEST(Depthwise, NamesWhatItDoesNotServe) {
  const Problem served = {
      .length = 64, .in_channels = 8, .out_channels = 16, .kernel_size = 3, .num_groups = 8};
  const auto broken = [](const Problem& problem) -> std::string_view {
    const Config config = cuda_depthwise().default_config(problem, h200);
    const Constraint* constraint = broken_constraint(cuda_depthwise(), problem, config, h200);
    return constraint == nullptr ? "" : constraint->name;
  };
  EXPECT_EQ(broken(served), "");
  Problem other = served;
  other.num_groups = 4;
  EXPECT_EQ(broken(other), "depthwise");
  other = served;
  other.math = Math::tf32;
  EXPECT_EQ(broken(other), "");
  other = served;
  other.padding.left = std::int64_t{1} << 40;
  EXPECT_EQ(broken(other), "indices_fit_64_bits");
}

TEST(Depthwise, DefaultWalksWhereTheWindowOfAPieceWouldHaveGaps) {
  Problem problem = {.length = 4000,
                     .in_channels = 512,
                     .out_channels = 512,
                     .kernel_size = 3,
                     .num_groups = 512,
                     .layout = Layout::NCL};
  EXPECT_EQ(cuda_depthwise().default_config(problem, h200).at("vec"), 4);
  problem.dilation = 64;
  EXPECT_EQ(cuda_depthwise().default_config(problem, h200).at("vec"), 1);
  EXPECT_GT(cuda_depthwise().default_config(problem, h200).at("tile_l"), 1);
}

TEST(Depthwise, WidensIndicesWhereATensorNeedsIt) {
  const Config config = config_for({.tile_l = 4, .vec_y = 4});
  Problem problem = {.length = 1 << 26,
                     .in_channels = 16,
                     .out_channels = 16,
                     .kernel_size = 1,
                     .num_groups = 16,
                     .layout = Layout::NCL};
  EXPECT_EQ(depthwise_config(problem, config).index_bits, 32);
  problem.batch = 2;  // 2^31 elements of x
  EXPECT_EQ(depthwise_config(problem, config).index_bits, 64);
  problem = {.length = 64,
             .in_channels = 2,
             .out_channels = 2,
             .kernel_size = 2,
             .padding = {0, 1 << 30},
             .dilation = 1 << 30,
             .num_groups = 2};
  EXPECT_EQ(depthwise_config(problem, config_for({})).index_bits, 64);  // a tap's position
}

TEST(Depthwise, WidensIndicesWhereATileReachesBeyond) {
  const Config config = config_for({.tile_l = 4, .vec_y = 4});
  Problem problem = {.length = (1 << 27) - 64,
                     .in_channels = 16,
                     .out_channels = 16,
                     .kernel_size = 1,
                     .num_groups = 16};
  EXPECT_EQ(depthwise_config(problem, config).index_bits, 32);
  problem.length = (1 << 27) - 3;  // the last tile ends 3 positions behind, 2^31 elements
  EXPECT_EQ(depthwise_config(problem, config).index_bits, 64);
}

TEST(Depthwise, BakesInNothingButWhatItNames) {
  const Problem problem = {.length = 64,
                           .in_channels = 8,
                           .out_channels = 8,
                           .kernel_size = 3,
                           .dilation = 2,
                           .num_groups = 8};
  Problem other = problem;
  other.batch = 7;
  other.length = 200;
  other.in_channels = other.out_channels = other.num_groups = 12;
  other.padding = {1, 4};
  other.dilation = 5;
  other.has_bias = true;
  other.math = Math::tf32x3;
  const Config config = config_for({.tile_l = 8, .vec_y = 4});
  const CudaKernel& twin = *cuda_depthwise().cuda;
  EXPECT_EQ(twin.instantiation(problem, config), twin.instantiation(other, config));
  other.kernel_size = 5;
  EXPECT_NE(twin.instantiation(problem, config), twin.instantiation(other, config));
}

TEST(Depthwise, OneKernelServesAllLongKernelsThatDivideAlike) {
  Problem problem = {.length = 640,
                     .in_channels = 8,
                     .out_channels = 8,
                     .kernel_size = 64,
                     .num_groups = 8,
                     .layout = Layout::NCL};
  const Config config = config_for({.tile_l = 16, .vec_y = 4});
  const CudaKernel& twin = *cuda_depthwise().cuda;
  const std::string of_64 = twin.instantiation(problem, config);
  problem.kernel_size = 128;
  EXPECT_EQ(twin.instantiation(problem, config), of_64);
}

TEST(Depthwise, CostCountsTailsAndPackedWeights) {
  // 5 outputs of each of 2 classes in tiles of 4, 4 channels, 3 taps.
  const Problem problem = {.length = 14,
                           .in_channels = 4,
                           .out_channels = 4,
                           .kernel_size = 3,
                           .dilation = 2,
                           .num_groups = 4};
  const Cost cost = cuda_depthwise().cost(problem, config_for({.tile_l = 4, .vec_y = 4}), {});
  EXPECT_EQ(cost.flops, 2.0 * (2 * 2 * 4) * 4 * 3);
  EXPECT_EQ(cost.bytes, (14 * 4 + 10 * 4) * 4.0 + 3 * 4 * 4 + 4 * 4);
}

}  // namespace
}  // namespace convtune

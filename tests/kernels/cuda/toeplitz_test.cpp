#include "kernels/cuda/toeplitz.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "kernels/cuda/cuda_kernel.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/kernel_check.hpp"
#include "tests/kernels/cuda/real_layers.hpp"
#include "tests/kernels/cuda/toeplitz_kernels.hpp"

namespace convtune {
namespace {

using cuda::ToeplitzConfig;

const DeviceProperties h200 = properties_of_arch("sm_90a");

/// A problem with outputs for a part of a tile, a whole one, one more, and for several; taps that
/// fill steps and such that do not; groups that fill a block's rows, share them, and need several.
Problem draw_problem(const ToeplitzConfig& c, std::mt19937& random) {
  Problem p;
  p.batch = pick(random, {1, 1, 2, 3});
  p.kernel_size = pick(random, {11, 16, 17, 31, 32, 33, 64, 65, 100, 128}) +
                  (c.step > 1 ? pick(random, {0, 16, 31}) : 0);
  const std::int64_t common = c.across && c.layout == Layout::NLC ? pick(random, {1, 1, 2}) : 1;
  p.stride = c.step * common;
  p.dilation = common * pick(random, {1, 1, 2, 3, 7});
  const std::int64_t outputs = pick(random, {1, 1, 2, 3, c.tile_c, c.tile_c + 1});
  const std::int64_t inputs = pick(random, {1, 1, c.vec_x, 3, 16});
  p.num_groups = pick(random, {1, 2, 5, 8, c.tile_c, c.tile_c + 8, 2 * c.tile_c});
  p.in_channels = p.num_groups * inputs;
  p.out_channels = p.num_groups * outputs;

  const std::int64_t apart = p.dilation / common;
  const std::int64_t span = p.dilation * (p.kernel_size - 1);
  const std::int64_t tile = c.tile_l * apart;
  const std::int64_t out = pick(
      random, {std::int64_t{1}, std::int64_t{7}, tile - 1, tile, tile + 1, tile + 40, tile + 42});
  p.padding = pick<Padding>(
      random, {{0, 0}, {span, 0}, {span / 2, span / 2}, {2, 3}, {0, 1}, {8, 0}, {16, 7}});
  p.length = (out - 1) * p.stride + span + 1 - p.padding.left - p.padding.right +
             static_cast<std::int64_t>(random() % 4);
  p.has_bias = random() % 2 == 0;
  p.dtype = c.dtype;
  p.math = c.math;
  p.layout = c.layout;
  p.activation = c.activation;
  return p;
}

Config config_for(const ToeplitzConfig& c) {
  return {.family = "cuda_toeplitz", .settings = {{"tile_l", c.tile_l}, {"tile_c", c.tile_c}}};
}

bool suits(const Problem& problem) { return multiply_adds(problem) <= 2'000'000; }

const Draw<ToeplitzConfig> draw = {.family = cuda_toeplitz(),
                                   .device = h200,
                                   .problem = draw_problem,
                                   .suits = suits,
                                   .config_for = config_for,
                                   .baked = toeplitz_config};

class ToeplitzOnHost : public testing::TestWithParam<std::size_t> {};

TEST_P(ToeplitzOnHost, EqualsTheReference) {
  expect_reference(toeplitz_kernels()[GetParam()], draw, 30, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Kernels, ToeplitzOnHost,
                         testing::Range<std::size_t>(0, toeplitz_kernels().size()));

TEST(ToeplitzHostKernels, MoveTheBytesOfTheirCost) {
  EXPECT_GE(
      expect_counted_bytes(cuda_toeplitz(), h200, toeplitz_kernels(), config_for, toeplitz_config),
      3);
}

TEST(ToeplitzHostKernels, HaveEveryValueOfEveryParameter) {
  expect_every_value(cuda_toeplitz(), toeplitz_kernels(), config_for);
}

TEST(ToeplitzHostKernels, HaveEveryActivationAndKindOfProducts) {
  expect_every_type(toeplitz_kernels(), 8);
}

std::string_view broken_by_default(const Problem& problem, const DeviceProperties& device = h200) {
  return broken_by_default(cuda_toeplitz(), problem, device);
}

TEST(Toeplitz, DefaultBreaksOnlyWhatExcludesTheFamily) {
  std::mt19937 random(1);
  int served = 0;
  for (int i = 0; i < 500; ++i) {
    const auto& kernel = toeplitz_kernels()[random() % toeplitz_kernels().size()];
    const Problem problem = draw_problem(kernel.config, random);
    if (!has_output(problem)) continue;
    const std::string_view broken = broken_by_default(problem);
    EXPECT_TRUE(broken.empty() || broken == "kernel_is_long")
        << describe(problem) << " breaks " << broken;
    served += broken.empty() ? 1 : 0;
  }
  EXPECT_GT(served, 200);
}

const Problem served = {.length = 4096,
                        .in_channels = 64,
                        .out_channels = 64,
                        .kernel_size = 64,
                        .num_groups = 64,
                        .dtype = DType::bfloat16};

TEST(Toeplitz, NamesWhatItDoesNotServe) {
  EXPECT_EQ(broken_by_default(served), "");
  EXPECT_EQ(broken_by_default(served, properties_of_arch("sm_75")), "device_is_ampere_or_later");
  Problem other = served;
  other.dtype = DType::float32;
  EXPECT_EQ(broken_by_default(other), "tensor_core_math");
  other.math = Math::tf32x3;
  EXPECT_EQ(broken_by_default(other), "");
  other = served;
  other.num_groups = 2;
  EXPECT_EQ(broken_by_default(other), "few_channels");
  other = served;
  other.kernel_size = 10;
  EXPECT_EQ(broken_by_default(other), "kernel_is_long");
  other.kernel_size = 11;
  EXPECT_EQ(broken_by_default(other), "");
  other.stride = 2;
  EXPECT_EQ(broken_by_default(other), "kernel_is_long");
  other.dilation = 2;
  EXPECT_EQ(broken_by_default(other), "");
  other = served;
  other.padding.left = std::int64_t{1} << 40;
  EXPECT_EQ(broken_by_default(other), "indices_fit_64_bits");
  other = served;
  other.kernel_size = 1 << 17;
  other.padding.left = other.kernel_size;
  EXPECT_EQ(broken_by_default(other), "shared_memory_fits");
}

TEST(Toeplitz, StrideAndDilationOfAnySizeBreakAConstraint) {
  Problem problem = served;
  problem.padding.left = std::int64_t{63} << 33;  // what 64 taps reach over, 2^33 positions apart
  problem.stride = std::int64_t{1} << 33;
  EXPECT_EQ(broken_by_default(problem), "kernel_is_long");
  problem.dilation = problem.stride;
  EXPECT_EQ(broken_by_default(problem), "");
  problem.stride = 1;
  EXPECT_EQ(broken_by_default(problem), "grid_fits");
}

TEST(Toeplitz, DefaultFillsTheDevice) {
  const auto chosen = [](const Problem& problem) {
    return to_text(cuda_toeplitz().default_config(problem, h200));
  };
  Problem problem = served;
  problem.batch = 64;
  EXPECT_EQ(chosen(problem), "cuda_toeplitz{tile_l=512,tile_c=32}");
  problem.layout = Layout::NCL;
  EXPECT_EQ(chosen(problem), "cuda_toeplitz{tile_l=512,tile_c=8}");
  problem.batch = 1;
  EXPECT_EQ(chosen(problem), "cuda_toeplitz{tile_l=128,tile_c=4}");
}

TEST(Toeplitz, PacksAlikeForAllLengths) {
  Problem problem = served;
  problem.layout = Layout::NCL;
  problem.padding = {3, 0};
  const Config config = config_for({.tile_l = 128, .tile_c = 8});
  const auto pack = [&] {
    std::vector<char> packed(cuda_toeplitz().cuda->packed_bytes(problem, config));
    const std::vector<char> weight(static_cast<std::size_t>(weight_elements(problem)) * 2, 1);
    cuda_toeplitz().cuda->pack(problem, config, weight.data(), nullptr, packed.data());
    return packed;
  };
  const std::vector<char> of_vectors = pack();
  problem.length = 4097;
  problem.batch = 3;
  EXPECT_EQ(pack(), of_vectors);
}

TEST(Toeplitz, WidensIndicesWhereATensorNeedsIt) {
  const Config config = config_for({.tile_l = 128, .tile_c = 8});
  Problem problem = served;
  problem.length = (std::int64_t{1} << 25) - 256;
  EXPECT_EQ(toeplitz_config(problem, config).index_bits, 32);
  problem.length = std::int64_t{1} << 25;  // 2^31 elements of x
  EXPECT_EQ(toeplitz_config(problem, config).index_bits, 64);
}

TEST(Toeplitz, WidensIndicesWhereAWindowReachesBeyond) {
  const Config config = config_for({.tile_l = 128, .tile_c = 8});
  Problem problem = served;
  problem.length = (std::int64_t{1} << 25) - 256;
  EXPECT_EQ(toeplitz_config(problem, config).index_bits, 32);
  problem.length = (std::int64_t{1} << 25) - 128;  // the last window ends 65 positions behind 2^25
  EXPECT_EQ(toeplitz_config(problem, config).index_bits, 64);
}

TEST(Toeplitz, BakesInNothingButWhatItNames) {
  Problem other = served;
  other.batch = 7;
  other.length = 201;
  other.in_channels = 24;
  other.out_channels = 144;
  other.num_groups = 3;
  other.kernel_size = 41;
  other.padding = {1, 40};
  other.dilation = 3;
  other.has_bias = true;
  const Config config = config_for({.tile_l = 128, .tile_c = 8});
  const CudaKernel& twin = *cuda_toeplitz().cuda;
  EXPECT_EQ(twin.instantiation(served, config), twin.instantiation(other, config));
  other.activation = Activation::relu;
  EXPECT_NE(twin.instantiation(served, config), twin.instantiation(other, config));
}

TEST(Toeplitz, CostCountsTailsAndTheZerosOfTheMatrix) {
  // 5 outputs in a tile of 128 of each of 3 channels; 16 taps of rows of 16 need two steps.
  const Problem problem = {.length = 20,
                           .in_channels = 3,
                           .out_channels = 3,
                           .kernel_size = 16,
                           .num_groups = 3,
                           .dtype = DType::float16};
  const Cost cost = cuda_toeplitz().cost(problem, config_for({.tile_l = 128, .tile_c = 4}), {});
  EXPECT_EQ(cost.flops, 2.0 * 3 * 128 * 32);
  EXPECT_EQ(cost.arithmetic, Arithmetic::mma_16_bits);
  // Behind x and y: four copies of 32 columns behind 16 zeros for each channel, and the bias.
  EXPECT_EQ(cost.bytes, (20 * 3 + 5 * 3) * 2.0 + 3 * 4 * (16 + 32) * 2 + 3 * 4);
}

}  // namespace
}  // namespace convtune

#include "kernels/cuda/halo.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "kernels/cuda/cuda_kernel.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/halo_kernels.hpp"
#include "tests/kernels/cuda/halo_settings.hpp"
#include "tests/kernels/cuda/kernel_check.hpp"
#include "tests/kernels/cuda/real_layers.hpp"

namespace convtune {
namespace {

using cuda::HaloConfig;

const DeviceProperties h200 = properties_of_arch("sm_90a");

/// Input channels of a group and groups for a kernel: one channel, several words, many chunks.
void draw_channels(const HaloConfig& c, std::mt19937& random, Problem& p) {
  const auto inputs =
      pick<std::int64_t>(random, {c.vec_x, c.vec_x, 2, 3, 5, 8, 12, 24, 40, 33, 130});
  const auto outputs =
      c.filled ? pick<std::int64_t>(random, {1, 1, 2, 2, 3, 4, 5, 7, 8})
               : pick<std::int64_t>(
                     random, {1, 2, 4, c.tile_c, c.tile_c + 1, c.tile_c - 1, c.tile_c * c.slices,
                              c.tile_c * c.slices + 2, c.tile_c * c.slices * 2 + 8});
  p.num_groups = c.folded ? 1 : pick<std::int64_t>(random, {1, 1, 2, 4, 6, 9});
  p.in_channels = p.num_groups * (c.folded ? 1 : inputs);
  p.out_channels = p.num_groups * outputs;
}

/// A problem with outputs for a part of a block, a whole one, one more, and for several.
Problem draw_problem(const HaloConfig& c, std::mt19937& random) {
  Problem p;
  p.batch = pick(random, {1, 2, 3});
  p.kernel_size = pick(random, {1, 2, 3, 4, 7, 16, 31});
  p.stride = pick(random, {1, 1, 2, 3, 4, 5, 11});
  p.dilation = pick(random, {1, 1, 2, 3, 8});
  draw_channels(c, random, p);
  const std::int64_t block = cuda::block_length(c, conv_shape(p));
  const std::int64_t span = p.dilation * (p.kernel_size - 1);
  const std::int64_t out =
      pick(random, {std::int64_t{1}, block - 1, block, block + 1, block + 16, std::int64_t{7}});
  p.padding = pick<Padding>(random, {{0, 0}, {span, 0}, {span / 2, span / 2}, {2, 3}, {0, 1}});
  p.length = (out - 1) * p.stride + span + 1 - p.padding.left - p.padding.right +
             static_cast<std::int64_t>(random() % 4);
  p.has_bias = random() % 2 == 0;
  p.dtype = c.dtype;
  p.layout = c.layout;
  p.activation = c.activation;
  return p;
}

bool is_valid(const Problem& problem) { return problem.out_channels >= 1 && has_output(problem); }

bool suits(const Problem& problem) {
  return is_valid(problem) && multiply_adds(problem) <= 2'000'000;
}

const Draw<HaloConfig> draw = {.family = cuda_halo(),
                               .device = h200,
                               .problem = draw_problem,
                               .suits = suits,
                               .config_for = config_for,
                               .baked = halo_config};

bool suits_with_many_taps(const Problem& problem) {
  return is_valid(problem) && multiply_adds(problem) <= 4'000'000;
}

/// Likewise, with many taps.
Problem draw_long_problem(const HaloConfig& c, std::mt19937& random) {
  Problem p = draw_problem(c, random);
  p.kernel_size = pick(random, {64, 128, 300});
  p.padding = {p.dilation * (p.kernel_size - 1), 0};
  const std::int64_t block = cuda::block_length(c, conv_shape(p));
  const auto out = pick<std::int64_t>(random, {1, 7, block - 2, block - 1, block});
  p.length = (out - 1) * p.stride + 1 + static_cast<std::int64_t>(random() % 4);
  return p;
}

const Draw<HaloConfig> long_draw = {.family = cuda_halo(),
                                    .device = h200,
                                    .problem = draw_long_problem,
                                    .suits = suits_with_many_taps,
                                    .config_for = config_for,
                                    .baked = halo_config};

class HaloOnHost : public testing::TestWithParam<std::size_t> {};

TEST_P(HaloOnHost, EqualsTheReference) {
  expect_reference(halo_kernels()[GetParam()], draw, 30, GetParam());
}
TEST_P(HaloOnHost, ServesHundredsOfTaps) {
  expect_reference(halo_kernels()[GetParam()], long_draw, 2, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Kernels, HaloOnHost,
                         testing::Range<std::size_t>(0, halo_kernels().size()));

TEST(HaloHostKernels, MoveTheBytesOfTheirCost) {
  EXPECT_GE(expect_counted_bytes(cuda_halo(), h200, halo_kernels(), config_for, halo_config), 9);
}

TEST(HaloHostKernels, HaveEveryValueOfEveryParameter) {
  expect_every_value(cuda_halo(), halo_kernels(), config_for);
}

TEST(HaloHostKernels, HaveEveryActivationAndKindOfProducts) {
  expect_every_type(halo_kernels(), 6);
}

/// Calls visit(problem) for problems near the edges of many kernels.
template <class Visit>
void for_drawn_problems(const Visit& visit) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const auto& kernel = halo_kernels()[random() % halo_kernels().size()];
    const Problem problem = draw_problem(kernel.config, random);
    if (is_valid(problem)) visit(problem);
  }
}

std::string_view broken_by_default(const Problem& problem, const DeviceProperties& device = h200) {
  return broken_by_default(cuda_halo(), problem, device);
}

TEST(Halo, DefaultBreaksOnlyWhatExcludesTheFamily) {
  int served = 0;
  for_drawn_problems([&](const Problem& problem) {
    const std::string_view broken = broken_by_default(problem);
    const std::set<std::string_view> of_the_problem = {"", "not_depthwise", "narrow_in_16_bits"};
    EXPECT_TRUE(of_the_problem.contains(broken)) << describe(problem) << " breaks " << broken;
    served += broken.empty() ? 1 : 0;
  });
  EXPECT_GT(served, 200);
}

TEST(Halo, NamesWhatItDoesNotServe) {
  const Problem served = {
      .length = 4096, .in_channels = 8, .out_channels = 64, .kernel_size = 3, .num_groups = 2};
  EXPECT_EQ(broken_by_default(served), "");
  Problem other = served;
  other.num_groups = 8;
  EXPECT_EQ(broken_by_default(other), "not_depthwise");
  other = served;
  other.math = Math::tf32;
  EXPECT_EQ(broken_by_default(other), "");
  other.in_channels = 32;
  EXPECT_EQ(broken_by_default(other), "float32_products");
  EXPECT_EQ(broken_by_default(other, properties_of_arch("sm_75")), "");
  other = served;
  other.padding.left = std::int64_t{1} << 40;
  EXPECT_EQ(broken_by_default(other), "indices_fit_64_bits");
  other = served;
  other.dilation = 8192;  // a window of 16,416 positions
  EXPECT_EQ(broken_by_default(other), "stage_fits");
  other = served;
  other.in_channels = 256;
  EXPECT_EQ(broken_by_default(other), "");
  other.dtype = DType::float16;
  EXPECT_EQ(broken_by_default(other), "narrow_in_16_bits");
  other = served;
  other.dtype = DType::bfloat16;
  EXPECT_EQ(broken_by_default(other), "");
  EXPECT_EQ(broken_by_default(other, properties_of_arch("sm_75")), "bfloat16_since_ampere");
}

TEST(Halo, DefaultSplitsTheLongSumsOfFewOutputs) {
  const auto split = [](const Problem& problem) {
    return cuda_halo().default_config(problem, h200).at("split");
  };
  Problem problem = {.batch = 16, .length = 32, .in_channels = 1024, .out_channels = 1};
  problem.kernel_size = 3;
  EXPECT_EQ(split(problem), 4);
  problem.length = 200000;
  EXPECT_EQ(split(problem), 1);
}

TEST(Halo, DefaultTilesWasteNoChannelsOfAGroup) {
  const auto tile_c = [](std::int64_t channels, DType dtype) {
    Problem problem = {.length = 4096, .in_channels = 64, .kernel_size = 9, .num_groups = 4};
    problem.out_channels = 4 * channels;
    problem.dtype = dtype;
    return cuda_halo().default_config(problem, h200).at("tile_c");
  };
  EXPECT_EQ(tile_c(1, DType::float32), 1);
  EXPECT_EQ(tile_c(4, DType::float32), 4);
  EXPECT_EQ(tile_c(24, DType::float32), 8);
  EXPECT_EQ(tile_c(48, DType::float32), 16);
  EXPECT_EQ(tile_c(9, DType::float16), 16);
  EXPECT_EQ(tile_c(48, DType::float16), 48);
  EXPECT_EQ(tile_c(64, DType::bfloat16), 32);
}

class HaloPacking : public testing::TestWithParam<bool> {};

TEST_P(HaloPacking, IsAlikeForAllLengths) {
  Problem problem = {.length = 640,
                     .in_channels = 12,
                     .out_channels = 3,
                     .kernel_size = 5,
                     .padding = {3, 0},
                     .dtype = DType::float16,
                     .layout = Layout::NCL};
  const Config config = config_for({.tile_l = 32, .tile_c = 8, .filled = GetParam()});
  const auto pack = [&] {
    std::vector<char> packed(cuda_halo().cuda->packed_bytes(problem, config));
    const std::vector<char> weight(static_cast<std::size_t>(weight_elements(problem)) * 2, 1);
    cuda_halo().cuda->pack(problem, config, weight.data(), nullptr, packed.data());
    return packed;
  };
  const std::vector<char> of_vectors = pack();
  problem.length = 641;
  problem.batch = 3;
  EXPECT_EQ(pack(), of_vectors);
}

INSTANTIATE_TEST_SUITE_P(Filled, HaloPacking, testing::Bool());

/// Turns that shared memory takes for a load of an mma's operand A, on average: neighbouring lanes
/// read 8 neighbouring words of 4 rows, which the table names two by two.
double turns_a_load(const Problem& problem, const Config& config) {
  const CudaKernel& twin = *cuda_halo().cuda;
  std::vector<char> packed(twin.packed_bytes(problem, config));
  const std::vector<char> weight(static_cast<std::size_t>(weight_elements(problem)) * 2);
  twin.pack(problem, config, weight.data(), nullptr, packed.data());
  const auto* const table = reinterpret_cast<const int*>(packed.data() + cuda::table_offset);
  const auto loads = 2 * cuda::steps(halo_config(problem, config), conv_shape(problem));
  std::size_t turns = 0;
  for (std::int64_t load = 0; load < loads; ++load) {
    std::array<std::set<int>, 32> banks;
    for (int lane = 0; lane < 32; ++lane) {
      const int word = table[load / 2 * 8 + lane % 4 * 2 + load % 2] + lane / 4;
      banks[static_cast<std::size_t>(word % 32)].insert(word);
    }
    std::size_t most = 0;
    for (const auto& bank : banks) most = std::max(most, bank.size());
    turns += most;
  }
  return static_cast<double>(turns) / static_cast<double>(loads);
}

TEST(Halo, LanesReadDifferentBanks) {
  for (const auto& [channels, stride] : {std::pair(2, 1),
                                         {2, 2},
                                         {2, 4},
                                         {4, 1},
                                         {4, 2},
                                         {4, 4},
                                         {8, 1},
                                         {8, 3},
                                         {12, 2},
                                         {12, 4},
                                         {16, 1},
                                         {24, 2},
                                         {32, 1},
                                         {64, 4}}) {
    Problem problem = {.length = 8192, .kernel_size = 41, .stride = stride, .num_groups = 16};
    problem.in_channels = problem.num_groups * channels;
    problem.out_channels = problem.num_groups * 8;
    problem.dtype = DType::float16;
    EXPECT_LT(turns_a_load(problem, config_for({.tile_l = 16, .tile_c = 8})), 1.1)
        << channels << " channels, stride " << stride;
  }
  // Runs of 4 and 8, whose strides are 16 and 8.
  Problem problem = {.length = 8192, .in_channels = 64, .out_channels = 64, .kernel_size = 41};
  problem.stride = 4;
  problem.num_groups = 16;
  problem.dtype = DType::float16;
  const Config filled = config_for({.tile_l = 16, .tile_c = 16, .filled = true});
  EXPECT_LT(turns_a_load(problem, filled), 1.1);
  problem.stride = 1;
  problem.out_channels = 32;
  EXPECT_LT(turns_a_load(problem, filled), 1.1);
}

TEST(Halo, WidensIndicesWhereATensorNeedsIt) {
  const Config config = config_for({.tile_l = 128, .tile_c = 8});
  Problem problem = {
      .length = (1 << 26) - 128, .in_channels = 1, .out_channels = 32, .kernel_size = 1};
  EXPECT_EQ(halo_config(problem, config).index_bits, 32);
  problem.length = 1 << 26;  // 2^31 elements of y
  EXPECT_EQ(halo_config(problem, config).index_bits, 64);
}

TEST(Halo, WidensIndicesWhereAChunkReachesBeyond) {
  // 13 channels, windows of 1,028 positions: two chunks of 7 channels.
  const Config config = config_for({.tile_l = 32, .tile_c = 8});
  Problem problem = {.length = 150'000'000,
                     .in_channels = 13,
                     .out_channels = 8,
                     .kernel_size = 2,
                     .dilation = 900,
                     .layout = Layout::NCL};
  const auto shape = conv_shape(problem);
  ASSERT_EQ(cuda::chunks(halo_config(problem, config), shape), 2);
  ASSERT_EQ(cuda::chunk_channels(halo_config(problem, config), shape), 7);
  EXPECT_EQ(halo_config(problem, config).index_bits, 32);
  problem.length = 160'000'000;  // 13 channels end below 2^31, the 14th of them beyond
  EXPECT_EQ(halo_config(problem, config).index_bits, 64);
}

TEST(Halo, WidensIndicesWhereTilesReachBeyond) {
  Problem problem = {.length = 64,
                     .in_channels = 1 << 22,
                     .out_channels = 8,
                     .kernel_size = 15,
                     .dtype = DType::float16};
  EXPECT_EQ(halo_config(problem, config_for({.tile_l = 32, .tile_c = 8})).index_bits, 32);
  // The weights of a tile are 480 Mi elements: those of a fourth slice, without channels, would
  // lie beyond 2^31.
  const Config sliced = config_for({.tile_l = 32, .tile_c = 8, .slices = 4});
  EXPECT_EQ(halo_config(problem, sliced).index_bits, 64);
}

TEST(Halo, BakesInNothingButWhatItNames) {
  const Problem problem = {.length = 4000, .in_channels = 8, .out_channels = 64, .kernel_size = 3};
  Problem other = problem;
  other.batch = 7;
  other.length = 201;
  other.in_channels = 24;
  other.out_channels = 144;
  other.kernel_size = 41;
  other.stride = 4;
  other.padding = {1, 4};
  other.dilation = 3;
  other.num_groups = 2;
  other.has_bias = true;
  other.math = Math::tf32;
  const Config config = config_for({.tile_l = 32, .tile_c = 8});
  const CudaKernel& twin = *cuda_halo().cuda;
  EXPECT_EQ(twin.instantiation(problem, config), twin.instantiation(other, config));
  other.activation = Activation::relu;
  EXPECT_NE(twin.instantiation(problem, config), twin.instantiation(other, config));
}

TEST(Halo, CostCountsTailsAndPaddedSteps) {
  // 5 outputs in a block of 64 by 8 channels, 3 rows of pairs in a step of 8, 16 products.
  const Problem problem = {
      .length = 5, .in_channels = 6, .out_channels = 3, .kernel_size = 1, .dtype = DType::float16};
  const Cost cost = cuda_halo().cost(problem, config_for({.tile_l = 16, .tile_c = 8}), {});
  EXPECT_EQ(cost.flops, 2.0 * 64 * 8 * 16);
  EXPECT_EQ(cost.arithmetic, Arithmetic::mma_16_bits);
  // Behind x and y: 64 bytes of sizes, 8 rows of the table, the weights, the bias.
  EXPECT_EQ(cost.bytes, (5 * 6 + 5 * 3) * 2.0 + 64 + 8 * 4 + 16 * 8 * 2 + 8 * 4);
}

}  // namespace
}  // namespace convtune

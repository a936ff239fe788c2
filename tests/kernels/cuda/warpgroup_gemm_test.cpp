#include "kernels/cuda/warpgroup_gemm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <random>

#include "kernels/cuda/cuda_kernel.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/kernel_check.hpp"
#include "tests/kernels/cuda/real_layers.hpp"
#include "tests/kernels/cuda/warpgroup_gemm_kernels.hpp"

namespace convtune {
namespace {

using cuda::WarpgroupGemmConfig;

const DeviceProperties h200 = properties_of_arch("sm_90a");

/// A problem with outputs for a part of a slab, whole ones, one more, and several tiles; channels
/// for parts of chunks and of tiles; enough steps to go round the ring.
Problem draw_problem(const WarpgroupGemmConfig& c, std::mt19937& random) {
  const bool nlc = c.layout == Layout::NLC;
  Problem p;
  p.batch = pick(random, {1, 2, 3, 7});
  p.kernel_size = pick(random, {1, 2, 3, 5});
  p.stride = nlc ? pick(random, {1, 1, 2, 3, 4, 5, 8}) : 1;
  p.dilation = pick(random, {1, 1, 2, 3, 7});
  p.num_groups = pick(random, {1, 1, 2, 3});
  const int unit = nlc ? 16 / cuda::element_bytes(c) : pick(random, {1, 8});
  p.in_channels = p.num_groups * unit * pick(random, {1, 2, 4, 5, 8, 9, 17});
  p.out_channels = p.num_groups * pick(random, {c.vec_y, 24, c.tile_c - c.vec_y, c.tile_c,
                                                c.tile_c + c.vec_y, 2 * c.tile_c + 9});
  const std::int64_t span = p.dilation * (p.kernel_size - 1);
  const int out = pick(
      random, {1, 16, 17, 32, 33, 63, 64, 65, c.tile_l - 1, c.tile_l, c.tile_l + 8, 3 * 64 + 5});
  p.padding = pick<Padding>(random, {{0, 0}, {span, 0}, {span / 2, span / 2}, {2, 3}, {0, 1}});
  p.length = (out - 1) * p.stride + span + 1 - p.padding.left - p.padding.right +
             static_cast<std::int64_t>(random() % 8);
  p.has_bias = random() % 2 == 0;
  p.dtype = c.dtype;
  p.math = c.math;
  p.layout = c.layout;
  p.activation = c.activation;
  return p;
}

Config config_for(const WarpgroupGemmConfig& c) {
  return {.family = "cuda_warpgroup_gemm",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"teams", c.teams},
                       {"share", c.shares_x ? 1 : 0},
                       {"cluster", c.cluster}}};
}

std::string_view broken_by(const Problem& problem, const Config& config,
                           const DeviceProperties& device = h200) {
  return broken_by(cuda_warpgroup_gemm(), problem, config, device);
}

/// A drawn problem that the host twin would serve with exactly this kernel.
std::optional<Problem> problem_for(const WarpgroupGemmConfig& config, std::mt19937& random) {
  for (int attempt = 0; attempt < 20000; ++attempt) {
    const Problem problem = draw_problem(config, random);
    if (!has_output(problem) || !broken_by(problem, config_for(config)).empty()) continue;
    const double flops = cuda_warpgroup_gemm().cost(problem, config_for(config), {}).flops;
    if (flops < 1e8 && warpgroup_gemm_config(problem, config_for(config)) == config) return problem;
  }
  return std::nullopt;
}

class WarpgroupGemmOnHost : public testing::TestWithParam<std::size_t> {};

TEST_P(WarpgroupGemmOnHost, EqualsTheReference) {
  const auto& kernel = warpgroup_gemm_kernels()[GetParam()];
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  for (int i = 0; i < 24; ++i) {
    const std::optional<Problem> problem = problem_for(kernel.config, random);
    ASSERT_TRUE(problem) << "no drawn problem needs this kernel";
    check_kernel(cuda_warpgroup_gemm(), *problem, config_for(kernel.config), kernel.thread,
                 static_cast<Data>(i % 3), random, pick(random, {1, 2, 3, 5}));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, WarpgroupGemmOnHost,
                         testing::Range<std::size_t>(0, warpgroup_gemm_kernels().size()));

TEST(WarpgroupGemmHostKernels, MoveTheBytesOfTheirCost) {
  EXPECT_GE(expect_counted_bytes(cuda_warpgroup_gemm(), h200, warpgroup_gemm_kernels(), config_for,
                                 warpgroup_gemm_config),
            11);
}

TEST(WarpgroupGemmHostKernels, HaveEveryValueOfEveryParameter) {
  expect_every_value(cuda_warpgroup_gemm(), warpgroup_gemm_kernels(), config_for);
}

TEST(WarpgroupGemmHostKernels, HaveEveryActivationAndKindOfProducts) {
  expect_every_type(warpgroup_gemm_kernels(), 6);
}

TEST(WarpgroupGemm, DefaultKeepsEveryConstraintThatAnyConfigKeeps) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const auto& kernel = warpgroup_gemm_kernels()[random() % warpgroup_gemm_kernels().size()];
    const Problem problem = draw_problem(kernel.config, random);
    if (!has_output(problem) || !broken_by(problem, config_for(kernel.config)).empty()) continue;
    const Config config = cuda_warpgroup_gemm().default_config(problem, h200);
    EXPECT_EQ(broken_by(problem, config), "") << describe(problem) << " " << to_text(config);
  }
}

const Problem served = {.length = 3000,
                        .in_channels = 384,
                        .out_channels = 384,
                        .kernel_size = 3,
                        .dtype = DType::float16};

std::string_view default_broken_by(const Problem& problem, const DeviceProperties& device = h200) {
  return broken_by_default(cuda_warpgroup_gemm(), problem, device);
}

TEST(WarpgroupGemm, NamesWhatItDoesNotServe) {
  EXPECT_EQ(default_broken_by(served), "");
  EXPECT_EQ(default_broken_by(served, properties_of_arch("sm_100a")), "device_is_hopper");
  Problem other = served;
  other.dtype = DType::float32;
  EXPECT_EQ(default_broken_by(other), "tensor_core_math");
  other.math = Math::tf32x3;
  EXPECT_EQ(default_broken_by(other), "");
  other.layout = Layout::NCL;
  EXPECT_EQ(default_broken_by(other), "tf32_in_nlc");
  other = served;
  other.in_channels = 380;
  EXPECT_EQ(default_broken_by(other), "x_rows_are_aligned");
  other.layout = Layout::NCL;
  EXPECT_EQ(default_broken_by(other), "");
  other.length = 3001;
  EXPECT_EQ(default_broken_by(other), "x_rows_are_aligned");
  other.length = 3000;
  other.stride = 2;
  EXPECT_EQ(default_broken_by(other), "stride_served");
  other = served;
  other.stride = 9;
  EXPECT_EQ(default_broken_by(other), "stride_served");
  other = served;
  other.padding.left = std::int64_t{1} << 30;
  EXPECT_EQ(default_broken_by(other), "indices_fit_32_bits");
  other.padding.left = std::int64_t{1} << 40;
  EXPECT_EQ(default_broken_by(other), "indices_fit_32_bits");
  other = served;
  other.length = (1 << 30) - 1024;
  EXPECT_EQ(default_broken_by(other), "");
  other.length = (1 << 30) - 1;  // the last slab ends beyond
  EXPECT_EQ(default_broken_by(other), "indices_fit_32_bits");
}

TEST(WarpgroupGemm, BakesInNothingButWhatItNames) {
  Problem other = served;
  other.batch = 7;
  other.length = 200;
  other.in_channels = 64;
  other.out_channels = 80;
  other.num_groups = 2;
  other.kernel_size = 11;
  other.stride = 5;
  other.dilation = 3;
  other.padding = {1, 4};
  other.has_bias = true;
  const Config config = config_for({.tile_l = 128, .tile_c = 64});
  const CudaKernel& twin = *cuda_warpgroup_gemm().cuda;
  EXPECT_EQ(twin.instantiation(served, config), twin.instantiation(other, config));
  other.out_channels = 86;  // rows of y are no longer aligned to 16 bytes
  EXPECT_NE(twin.instantiation(served, config), twin.instantiation(other, config));
}

TEST(WarpgroupGemm, DefaultFillsTheGpuWithTheLargestTiles) {
  Problem problem = served;
  const auto tile = [&] {
    const Config config = cuda_warpgroup_gemm().default_config(problem, h200);
    return std::pair(config.at("tile_l"), config.at("tile_c"));
  };
  problem.batch = 64;
  problem.out_channels = 512;
  EXPECT_EQ(tile(), std::pair(std::int64_t{128}, std::int64_t{256}));
  problem.batch = 1;
  problem.length = 1500;
  EXPECT_EQ(tile(), std::pair(std::int64_t{128}, std::int64_t{64}));  // 96 tiles
  problem.batch = 64;
  problem.out_channels = 64;
  EXPECT_EQ(tile(), std::pair(std::int64_t{256}, std::int64_t{64}));
}

TEST(WarpgroupGemm, DefaultSharesWhereLoadingTakesLongerThanMultiplying) {
  Problem problem = served;
  const auto shared = [&] {
    const Config config = cuda_warpgroup_gemm().default_config(problem, h200);
    return std::pair(config.at("share"), config.at("cluster"));
  };
  problem.batch = 64;
  problem.out_channels = 512;
  EXPECT_EQ(shared(), std::pair(std::int64_t{0}, std::int64_t{1}));  // 128 x 256: as long
  problem.batch = 1;
  problem.length = 1500;
  EXPECT_EQ(shared(), std::pair(std::int64_t{1}, std::int64_t{2}));  // 128 x 64
  problem.kernel_size = 1;
  EXPECT_EQ(shared(), std::pair(std::int64_t{0}, std::int64_t{1}));  // 128 x 64 has one tap
}

TEST(WarpgroupGemm, MapsXWithItsGroupsAndStride) {
  Problem problem = served;
  problem.batch = 5;
  problem.num_groups = 4;
  problem.stride = 3;
  const Config config = config_for({.tile_l = 128, .tile_c = 64});
  const auto nlc = cuda_warpgroup_gemm().cuda->tensor_maps(problem, config).x;
  EXPECT_EQ(std::vector(nlc.size, nlc.size + 4), (std::vector<cuda::Int64>{96, 3000, 4, 5}));
  EXPECT_EQ(std::vector(nlc.stride + 1, nlc.stride + 4),
            (std::vector<cuda::Int64>{768, 192, 2304000}));
  EXPECT_EQ(std::vector(nlc.box, nlc.box + 4), (std::vector<int>{64, 192, 1, 1}));
  EXPECT_EQ(nlc.step[1], 3);
  problem.stride = 8;
  EXPECT_EQ(cuda_warpgroup_gemm().cuda->tensor_maps(problem, config).x.box[1], 256);
  problem.stride = 1;
  problem.layout = Layout::NCL;
  const auto ncl = cuda_warpgroup_gemm().cuda->tensor_maps(problem, config).x;
  EXPECT_EQ(std::vector(ncl.size, ncl.size + 4), (std::vector<cuda::Int64>{3000, 96, 4, 5}));
  EXPECT_EQ(std::vector(ncl.stride + 1, ncl.stride + 4),
            (std::vector<cuda::Int64>{6000, 576000, 2304000}));
  EXPECT_EQ(std::vector(ncl.box, ncl.box + 4), (std::vector<int>{64, 64, 1, 1}));
}

TEST(WarpgroupGemm, PacksShortSequencesIntoSlabs) {
  Problem problem = served;
  problem.batch = 9;
  const auto packed = [&](int outputs, WarpgroupGemmConfig c) {
    problem.length = outputs + 2;
    const auto x = cuda_warpgroup_gemm().cuda->tensor_maps(problem, config_for(c)).x;
    const double flops = cuda_warpgroup_gemm().cost(problem, config_for(c), {}).flops;
    return std::tuple(x.box[1], x.box[3], flops / (2.0 * 64 * 384 * 384 * 3));  // slabs
  };
  const WarpgroupGemmConfig one_slab = {.tile_l = 64, .tile_c = 128, .teams = 2};
  EXPECT_EQ(packed(33, one_slab), std::tuple(64, 1, 9.0));
  EXPECT_EQ(packed(32, one_slab), std::tuple(32, 2, 5.0));
  EXPECT_EQ(packed(17, one_slab), std::tuple(32, 2, 5.0));
  EXPECT_EQ(packed(16, one_slab), std::tuple(16, 4, 3.0));
  EXPECT_EQ(packed(1, one_slab), std::tuple(16, 4, 3.0));
  WarpgroupGemmConfig shared = one_slab;
  shared.shares_x = true;
  EXPECT_EQ(std::get<2>(packed(16, shared)), 9.0);
  problem.layout = Layout::NCL;
  EXPECT_EQ(std::get<2>(packed(16, {.tile_l = 64, .tile_c = 128})), 9.0);
}

TEST(WarpgroupGemm, MapsSharedXByPiecesOf16Bytes) {
  Problem problem = served;
  problem.batch = 5;
  problem.num_groups = 4;
  problem.dilation = 7;
  const Config config = config_for({.tile_l = 128, .tile_c = 64, .shares_x = true});
  const auto x = cuda_warpgroup_gemm().cuda->tensor_maps(problem, config).x;
  EXPECT_EQ(x.rank, 5);
  EXPECT_EQ(std::vector(x.size, x.size + 5), (std::vector<cuda::Int64>{8, 3000, 12, 4, 5}));
  EXPECT_EQ(std::vector(x.stride + 1, x.stride + 5),
            (std::vector<cuda::Int64>{768, 16, 192, 2304000}));
  EXPECT_EQ(std::vector(x.box, x.box + 5), (std::vector<int>{8, 64 + 2 * 7, 8, 1, 1}));
}

TEST(WarpgroupGemm, SharesXWhereTapsOverlap) {
  const auto shared = config_for({.tile_l = 128, .tile_c = 64, .shares_x = true});
  EXPECT_EQ(broken_by(served, shared), "");
  Problem other = served;
  other.dilation = 32;
  EXPECT_EQ(broken_by(other, shared), "");
  other.dilation = 33;  // 66 positions more
  EXPECT_EQ(broken_by(other, shared), "taps_share_x");
  other = served;
  other.stride = 2;
  EXPECT_EQ(broken_by(other, shared), "taps_share_x");
  other = served;
  other.layout = Layout::NCL;
  EXPECT_EQ(broken_by(other, shared), "taps_share_x");
  other = served;
  other.kernel_size = 1;
  EXPECT_EQ(broken_by(other, shared), "taps_share_x");
}

TEST(WarpgroupGemm, SharesWeightsWhereTheyAreHalfOfWhatComes) {
  const auto rule = [](const Problem& problem, WarpgroupGemmConfig config) {
    config.cluster = 2;
    return broken_by(problem, config_for(config));
  };
  EXPECT_EQ(rule(served, {.tile_l = 128, .tile_c = 128}), "");
  EXPECT_EQ(rule(served, {.tile_l = 128, .tile_c = 64}), "cluster_shares_weights");
  EXPECT_EQ(rule(served, {.tile_l = 128, .tile_c = 64, .shares_x = true}), "");
  Problem other = served;
  other.dtype = DType::float32;
  other.math = Math::tf32x3;
  EXPECT_EQ(rule(other, {.tile_l = 128, .tile_c = 64}), "");
  other = served;
  other.length = 130;  // 128 outputs: one tile
  EXPECT_EQ(rule(other, {.tile_l = 128, .tile_c = 128}), "cluster_shares_weights");
  other.length = 131;
  EXPECT_EQ(rule(other, {.tile_l = 128, .tile_c = 128}), "");
}

TEST(WarpgroupGemm, LaunchesWholeClusters) {
  const Config config = config_for({.tile_l = 128, .tile_c = 128, .cluster = 2});
  const auto blocks = [&](std::int64_t length, int units) {
    Problem problem = served;
    problem.length = length + 2;
    problem.out_channels = 128;
    DeviceProperties device = h200;
    device.units = units;
    const LaunchGeometry geometry = cuda_warpgroup_gemm().cuda->geometry(problem, config, device);
    EXPECT_EQ(geometry.cluster, 2U);
    return geometry.grid[0];
  };
  EXPECT_EQ(blocks(3 * 128, 132), 4U);
  EXPECT_EQ(blocks(1000 * 128, 132), 132U);
  EXPECT_EQ(blocks(1000 * 128, 131), 130U);
  EXPECT_EQ(blocks(1000 * 128, 1), 2U);
}

/// What a kernel loads beside its chunks: the bias of each of a tile's outputs.
double bias_loads(const WarpgroupGemmConfig& c, const cuda::ConvShape<cuda::Int64>& shape) {
  return static_cast<double>(cuda::tiles(c, shape)) * c.tile_l * c.tile_c * sizeof(float);
}

TEST(WarpgroupGemmHostKernels, LoadTheBytesThatTheCostModelExpects) {
  std::mt19937 random(1);
  for (const auto& kernel : warpgroup_gemm_kernels()) {
    const WarpgroupGemmConfig& c = kernel.config;
    // Whole tiles without padding: the engine then fills no zeros in.
    Problem p = {.batch = 1,
                 .length = 4 * c.tile_l + 2,
                 .in_channels = 2 * cuda::chunk_channels(c),
                 .out_channels = c.tile_c,
                 .kernel_size = 3};
    p.dtype = c.dtype;
    p.math = c.math;
    p.layout = c.layout;
    p.activation = c.activation;
    if (p.layout == Layout::NCL) p.length = 4 * c.tile_l, p.kernel_size = 1;
    SCOPED_TRACE(describe(p) + " " + to_text(config_for(c)));
    const auto shape = conv_shape(p);
    const auto chunks =
        static_cast<double>(cuda::tiles(c, shape) * cuda::chunks(c, shape) * chunk_loads(c, shape));
    const auto report = check_kernel(cuda_warpgroup_gemm(), p, config_for(c), kernel.thread,
                                     Data::integers, random, 3);
    EXPECT_EQ(static_cast<double>(report.counts.bytes_loaded), chunks + bias_loads(c, shape));
  }
}

TEST(WarpgroupGemm, ClustersHalveTheBytesOfWeights) {
  const auto shape = conv_shape(served);  // three taps of six chunks
  const auto bytes = [&](WarpgroupGemmConfig c) { return cuda::chunk_loads(c, shape); };
  EXPECT_EQ(bytes({.tile_l = 128, .tile_c = 256}), 3 * (128 + 256) * 128);
  EXPECT_EQ(bytes({.tile_l = 128, .tile_c = 256, .cluster = 2}), 3 * (128 + 128) * 128);
  EXPECT_EQ(bytes({.tile_l = 128, .tile_c = 64, .shares_x = true}), (2 * 66 + 3 * 64) * 128);
  EXPECT_EQ(bytes({.tile_l = 128, .tile_c = 64, .shares_x = true, .cluster = 2}),
            (2 * 66 + 3 * 32) * 128);
}

TEST(WarpgroupGemm, PacksWeightsRoundedToTf32WithWhatThatLeftOff) {
  const float weight = 1.2349f;  // 1264.54 / 1024
  Problem problem = {.length = 1, .in_channels = 4, .out_channels = 1, .kernel_size = 1};
  problem.math = Math::tf32x3;
  const Config config = config_for({.tile_l = 128, .tile_c = 64});
  const CudaKernel& twin = *cuda_warpgroup_gemm().cuda;
  std::vector<float> packed(twin.packed_bytes(problem, config) / sizeof(float));
  twin.pack(problem, config, std::vector<float>(4, weight).data(), nullptr, packed.data());
  const float big = packed[0], small = packed[64 * 32];
  EXPECT_EQ(big, 1265.0f / 1024);
  EXPECT_NEAR(small, weight - big, 0x1p-23);
  EXPECT_EQ(std::fmod(small, 0x1p-22f), 0) << "more bits than TF32 has";
}

TEST(WarpgroupGemm, CostCountsTailsAndPackedWeights) {
  // Two rows of 65 positions, which are four slabs, and 80 input channels: five products a tap.
  const Problem problem = {.batch = 2,
                           .length = 65,
                           .in_channels = 80,
                           .out_channels = 65,
                           .kernel_size = 1,
                           .dtype = DType::float16};
  const Cost cost =
      cuda_warpgroup_gemm().cost(problem, config_for({.tile_l = 128, .tile_c = 64}), {});
  EXPECT_EQ(cost.flops, 2.0 * (2 * 128) * (2 * 64) * 80);
  EXPECT_EQ(cost.bytes, 2 * 65 * (80 + 65) * 2.0 + 2 * 2 * 64 * 64 * 2 + 2 * 64 * 4);
}

}  // namespace
}  // namespace convtune

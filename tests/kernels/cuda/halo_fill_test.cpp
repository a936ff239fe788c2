#include <gtest/gtest.h>

#include "kernels/cuda/halo.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/halo_settings.hpp"

namespace convtune {
namespace {

using cuda::HaloConfig;

const DeviceProperties h200 = properties_of_arch("sm_90a");

/// A head of two outputs.
const Problem head = {.length = 100'000,
                      .in_channels = 16,
                      .out_channels = 2,
                      .kernel_size = 4,
                      .dtype = DType::float16,
                      .layout = Layout::NCL};

TEST(Halo, NamesWhereTilesTakeNoRuns) {
  const auto broken = [](const Problem& problem, int tile_c, int tile_l = 32) {
    const HaloConfig c = {.tile_l = tile_l, .tile_c = tile_c, .filled = true};
    return broken_by(cuda_halo(), problem, config_for(c), h200);
  };
  EXPECT_EQ(broken(head, 8), "");
  EXPECT_EQ(broken(head, 16), "");
  EXPECT_EQ(broken(head, 32), "fill_holds_runs");
  Problem other = head;
  other.out_channels = 8;
  EXPECT_EQ(broken(other, 16), "");
  EXPECT_EQ(broken(other, 8), "fill_holds_runs");
  other = head;
  other.dtype = DType::float32;
  EXPECT_EQ(broken(other, 8), "fill_holds_runs");
  other = head;
  other.dilation = 2;
  EXPECT_EQ(broken(other, 8), "taps_of_a_run_overlap");
  other.stride = 4;
  EXPECT_EQ(broken(other, 8), "");
  other = head;
  other.stride = 4;
  EXPECT_EQ(broken(other, 8), "taps_of_a_run_overlap");
  other.dilation = std::int64_t{1} << 38;
  other.stride = other.padding.right = 3 * other.dilation;
  EXPECT_EQ(broken(other, 8, 16), "stage_fits");
}

TEST(Halo, RunsTakeTheirTapsAtOnce) {
  // 256 positions: 4 blocks of 64, 4 steps of 16 products; or one of 64 runs of 4, which read 7
  // taps in 7 steps.
  Problem problem = head;
  problem.length = 259;
  const auto flops = [&](bool filled) {
    const Config config = config_for({.tile_l = 16, .tile_c = 8, .filled = filled});
    return cuda_halo().cost(problem, config, {}).flops;
  };
  EXPECT_EQ(flops(false), 2.0 * 256 * 8 * 4 * 16);
  EXPECT_EQ(flops(true), 2.0 * 64 * 8 * 7 * 16);
}

TEST(Halo, DefaultFillsTilesWhereBlocksAreMany) {
  const auto fill = [](const Problem& problem) {
    return cuda_halo().default_config(problem, h200).at("fill");
  };
  EXPECT_EQ(fill(head), 1);
  Problem other = head;
  other.length = 2000;
  EXPECT_EQ(fill(other), 0);
  other = head;
  other.stride = 4;  // no tap is read twice
  EXPECT_EQ(fill(other), 0);
  other = {.batch = 16, .length = 2048, .kernel_size = 41, .stride = 4, .num_groups = 256};
  other.in_channels = other.out_channels = 1024;
  other.dtype = DType::bfloat16;
  EXPECT_EQ(fill(other), 1);
}

}  // namespace
}  // namespace convtune

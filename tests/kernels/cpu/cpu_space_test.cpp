#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/cache.hpp"
#include "tests/kernels/cpu/convolution_run.hpp"
#include "tests/kernels/cpu/offered.hpp"
#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;
using testing::IsNull;

// So that y may be stored past the caches: its rows are whole lines.
void enlarge(Problem& p) {
  p.batch = far_bytes;
  p.stride = p.dilation = 1;
  p.padding = {};
  p.length = 2 * cache_line + p.kernel_size - 1;
}

// Of many channels, in long rows from memory, to one.
void make_head(Problem& p) {
  p = {.length = 200'000,
       .in_channels = 16 + p.in_channels,
       .out_channels = 1,
       .kernel_size = std::min<std::int64_t>(p.kernel_size, 7),
       .layout = Layout::NCL};
}

// So that cpu_winograd serves it, too.
void make_winograd(Problem& p) {
  p.math = Math::winograd;
  p.kernel_size = 3;
  p.stride = 1;
  p.length += 2 * p.dilation;
  p.in_channels *= 32;
  p.out_channels *= 32;
}

TEST(CpuSpace, OffersEveryValueAndAModestNumberOfConfigs) {
  std::mt19937_64 random(9);
  Values offered;
  for (int i = 0; i < 400; ++i) {
    Problem p = random_problem(random);
    if (i % 10 == 0) p.out_channels = 300 * p.num_groups;
    const bool large = i % 10 == 5;
    if (large) enlarge(p);
    if (i % 5 == 1) make_winograd(p);
    if (i % 10 == 2) make_head(p);
    for (const char* arch : {"AVX3", "AVX3+AMX", "AVX3+BF16", "AVX2", "NEON", "SCALAR"}) {
      const std::vector<Candidate> candidates = candidates_of(p, arch);
      EXPECT_LE(candidates.size(), large || serves_winograd(p) ? 160U : 100U)
          << describe(p) << " on " << arch;
      for (const Candidate& candidate : candidates) note(offered, candidate.config);
    }
  }
  EXPECT_EQ(offered, declared_values(families));
}

TEST(CpuSpace, DefaultKeepsAllConstraintsOnEveryTarget) {
  std::mt19937_64 random(10);
  for (int i = 0; i < 400; ++i) {
    Problem p = random_problem(random);
    if (i % 2 == 1) enlarge(p);
    if (i % 4 >= 2) make_winograd(p);
    if (i % 10 == 4) make_head(p);
    for (const char* arch : {"AVX3", "AVX3+AMX", "AVX3+BF16", "AVX2", "NEON", "SCALAR"}) {
      const DeviceProperties device = device_of(arch);
      for (const Family* family : families) {
        if (!families_for(p, arch).contains(family)) continue;
        const Constraint* broken =
            broken_constraint(*family, p, family->default_config(p, device), device);
        EXPECT_THAT(broken, IsNull()) << broken->name << " " << describe(p) << " on " << arch;
      }
    }
  }
}

TEST(CpuSpace, DefaultReadsLongRowsFromMemoryInLongBlocks) {
  Problem p;
  make_head(p);
  EXPECT_EQ(cpu_length().default_config(p, device_of("AVX3")).at("block_l"), 16384);
  p.length = 100'000;  // too few blocks for two threads
  EXPECT_EQ(cpu_length().default_config(p, device_of("AVX3")).at("block_l"), 1024);
}

TEST(CpuSpace, RefusesAConfigThatHasNoCode) {
  const Problem p = {.length = 9, .in_channels = 2, .out_channels = 3, .kernel_size = 1};
  const float weight[6] = {};
  Config config = cpu_direct().default_config(p, device_of(cpu_target()));
  config.settings[1].value = 5;
  EXPECT_THAT(
      refusal([&] { cpu_direct().cpu->prepare(p, config, weight, nullptr); }, Status::failed),
      HasSubstr("tile_c=5"));
  const Config depthwise =
      parse_config("cpu_depthwise{tile_l=1,tile_c=1,block_l=64,block_c=128,far=0}");
  EXPECT_THAT(
      refusal([&] { cpu_depthwise().cpu->prepare(p, depthwise, weight, nullptr); }, Status::failed),
      HasSubstr("cpu_depthwise"));
  const Problem taps = {.length = 5000,
                        .in_channels = 16,
                        .out_channels = 16,
                        .kernel_size = 3,
                        .math = Math::winograd};
  const Config task = parse_config("cpu_winograd{outputs=4,rows=12,columns=32,block=1024}");
  const std::vector<float> of_taps(3 * 16 * 16);
  EXPECT_THAT(refusal([&] { cpu_winograd().cpu->prepare(taps, task, of_taps.data(), nullptr); },
                      Status::failed),
              HasSubstr("block=1024"));
  const Problem strided = {.length = 60'000,
                           .in_channels = 1,
                           .out_channels = 1,
                           .kernel_size = 1,
                           .stride = 3,
                           .layout = Layout::NCL};
  const Config long_block =
      parse_config("cpu_length{tile_l=16,tile_c=1,block_l=16384,window=8192,far=0}");
  EXPECT_THAT(refusal([&] { cpu_length().cpu->prepare(strided, long_block, weight, nullptr); },
                      Status::failed),
              HasSubstr("block_l=16384"));
  // Stores past the caches: of large arrays, the rows of which are whole cache lines.
  for (const std::int64_t length : {far_bytes + 1, std::int64_t{16}}) {
    const Problem rows = {.length = length,
                          .in_channels = 2,
                          .out_channels = 3,
                          .kernel_size = 1,
                          .layout = Layout::NCL};
    const Config far = parse_config("cpu_length{tile_l=16,tile_c=2,block_l=64,window=0,far=1}");
    EXPECT_THAT(
        refusal([&] { cpu_length().cpu->prepare(rows, far, weight, nullptr); }, Status::failed),
        HasSubstr("far=1"));
  }
}

TEST(CpuCost, CountsTheTapsThatReadInsideX) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 200; ++i) {
    Problem p = random_problem(random);
    p.out_channels = p.num_groups * 16;
    std::int64_t taps = 0;
    for (std::int64_t t = 0; t < output_length(p); ++t) {
      for (std::int64_t k = 0; k < p.kernel_size; ++k) {
        const std::int64_t position = t * p.stride + k * p.dilation - p.padding.left;
        taps += position >= 0 && position < p.length;
      }
    }
    const Config config = {
        "cpu_direct",
        {{"tile_l", 4}, {"tile_c", 16}, {"block_l", 48}, {"block_c", 0}, {"channels_first", 0}}};
    const Cost cost = cpu_direct().cost(p, config, {});
    EXPECT_EQ(cost.flops, 2.0 * static_cast<double>(p.batch * taps * p.out_channels *
                                                    in_channels_per_group(p)));
    EXPECT_GE(cost.bytes,
              static_cast<double>(compulsory_bytes(p)) - 4.0 * static_cast<double>(p.out_channels));
  }
}

}  // namespace
}  // namespace convtune

#include "tests/kernels/cpu/simd_targets.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "tests/kernels/cpu/convolution_run.hpp"
#include "tests/kernels/cpu/offered.hpp"

namespace convtune {
namespace {

using testing::Each;
using testing::SizeIs;

std::set<const Family*> families_of(const std::vector<Candidate>& candidates) {
  std::set<const Family*> offered;
  for (const Candidate& candidate : candidates) offered.insert(candidate.family);
  return offered;
}

// Shapes at the edges of tiles and blocks; every one runs in all dtypes and layouts.
std::vector<Problem> edge_shapes() {
  const Problem base = {.length = 20,
                        .in_channels = 5,
                        .out_channels = 7,
                        .kernel_size = 3,
                        .padding = {1, 1},
                        .has_bias = true};
  std::vector<Problem> shapes;
  const auto add = [&](auto change) {
    Problem p = base;
    change(p);
    shapes.push_back(p);
  };
  for (const std::int64_t length : {1, 3, 4, 5, 12, 13, 47, 48, 49, 193}) {
    add([&](Problem& p) { p.length = length; });
    add([&](Problem& p) { p.length = length, p.num_groups = p.in_channels = p.out_channels = 5; });
  }
  for (const std::int64_t length : {1, 2, 3, 4, 6, 7}) {
    add([&](Problem& p) { p.length = length, p.num_groups = p.in_channels = p.out_channels = 37; });
  }
  for (const std::int64_t channels : {1, 4, 15, 16, 17, 31, 33, 48, 65}) {
    add([&](Problem& p) { p.out_channels = channels; });
    add([&](Problem& p) { p.num_groups = p.in_channels = p.out_channels = channels; });
  }
  add([](Problem& p) { p.in_channels = 130, p.batch = 2; });
  add([](Problem& p) { p.num_groups = 3, p.in_channels = 12, p.out_channels = 60; });
  add([](Problem& p) { p.num_groups = p.in_channels = 4, p.out_channels = 12, p.stride = 2; });
  add([](Problem& p) {
    p.num_groups = p.in_channels = 70, p.out_channels = 210, p.length = 4, p.batch = 2;
  });
  add([](Problem& p) { p.stride = 3, p.dilation = 4, p.length = 60; });
  add([](Problem& p) { p.padding = {9, 0}, p.dilation = 5; });
  add([](Problem& p) { p.padding = {0, 40}, p.kernel_size = 2; });
  add([](Problem& p) { p.padding = {30, 30}, p.num_groups = p.in_channels = p.out_channels = 5; });
  add([](Problem& p) { p.kernel_size = 40, p.padding = {39, 39}; });
  add([](Problem& p) { p.kernel_size = 10, p.stride = 5, p.length = 400; });
  add([](Problem& p) { p.kernel_size = 40, p.stride = 8, p.dilation = 3, p.length = 700; });
  add([](Problem& p) { p.dilation = 1100, p.padding = {1100, 1100}, p.length = 1200; });
  add([](Problem& p) { p.has_bias = false, p.activation = Activation::relu; });
  for (const std::int64_t length : {17, 100}) {
    add([&](Problem& p) { p.in_channels = p.out_channels = 1, p.length = length, p.batch = 2; });
  }
  // Few taps, the weights of which cpu_depthwise keeps in registers.
  for (std::int64_t taps = 2; taps <= 9; ++taps) {
    add([&](Problem& p) {
      p.num_groups = p.in_channels = p.out_channels = 66, p.kernel_size = taps, p.length = 40;
    });
  }
  // Short batch rows, of which one task of cpu_direct takes some in each pass, the last one fewer.
  for (const std::int64_t length : {3, 28}) {
    add([&](Problem& p) {
      p.batch = 323, p.length = length, p.in_channels = 70, p.out_channels = 20, p.kernel_size = 5;
      p.stride = 3, p.padding = {3, 2};
    });
  }
  // Rows of NCL that cpu_depthwise turns in parts.
  for (const std::int64_t stride : {1, 3}) {
    for (const std::int64_t taps : {9, 26}) {
      add([&](Problem& p) {
        p.num_groups = p.in_channels = 34, p.out_channels = 34 * stride, p.kernel_size = taps;
        p.stride = stride, p.dilation = 3, p.padding = {30, 5}, p.length = 900, p.batch = 2;
      });
    }
  }
  // Batch rows, some of which are one in NLC.
  for (const auto& taps_and_stride :
       {std::pair<std::int64_t, std::int64_t>{1, 2}, {1, 1}, {3, 5}, {3, 4}, {12, 1}, {11, 40}}) {
    for (const std::int64_t groups : {1, 37}) {
      add([&](Problem& p) {
        p.batch = 9, p.length = 12, p.padding = {};
        std::tie(p.kernel_size, p.stride) = taps_and_stride;
        p.num_groups = groups, p.in_channels = p.out_channels = 37;
      });
    }
  }
  // Dilations as long as what is turned at once, and more than one.
  for (const std::int64_t dilation : {24, 100}) {
    add([&](Problem& p) {
      p.num_groups = p.in_channels = p.out_channels = 34, p.kernel_size = dilation == 24 ? 9 : 3;
      p.dilation = dilation, p.padding = {90, 100}, p.length = dilation == 24 ? 900 : 250;
    });
  }
  // Few weights and a large x, rows of which cpu_length takes in turn.
  add([](Problem& p) {
    p.batch = p.num_groups = 2, p.in_channels = 40, p.out_channels = 6, p.length = 7100;
    p.kernel_size = 2, p.activation = Activation::relu;
  });
  add([](Problem& p) { p.in_channels = 20, p.out_channels = 1, p.length = 27000; });
  // Windows of cpu_direct that do not hold all channels, or all taps.
  add([](Problem& p) { p.in_channels = 1500, p.length = 60; });
  add([](Problem& p) { p.in_channels = 64, p.kernel_size = 30, p.dilation = 40, p.length = 1260; });
  // cpu_bf16: its tiles of 16, chunks of 32 inputs, and windows in several passes.
  for (const std::int64_t length : {15, 16, 17, 32, 65, 257}) {
    add([&](Problem& p) { p.length = length, p.in_channels = 64, p.out_channels = 33; });
  }
  for (const std::int64_t channels : {31, 32, 33, 96}) {
    add([&](Problem& p) { p.in_channels = channels, p.out_channels = 65, p.length = 40; });
  }
  for (const std::int64_t stride : {2, 3, 5}) {
    add([&](Problem& p) {
      p.stride = stride, p.kernel_size = 5, p.padding = {2, 2}, p.length = 150, p.out_channels = 24;
    });
  }
  for (const std::int64_t channels : {64, 33}) {
    add([&](Problem& p) {
      p.activation = Activation::relu, p.in_channels = channels, p.out_channels = 65,
      p.length = 150;
    });
  }
  add([](Problem& p) { p.in_channels = 3, p.out_channels = 16, p.length = 100; });
  add([](Problem& p) { p.in_channels = 1, p.kernel_size = 9, p.out_channels = 8, p.length = 100; });
  add([](Problem& p) { p.in_channels = 1100, p.length = 70, p.out_channels = 10; });
  add([](Problem& p) { p.in_channels = 32, p.out_channels = 300, p.length = 70; });
  add([](Problem& p) {
    p.in_channels = 64, p.out_channels = 16, p.dilation = 500, p.length = 1100;
  });
  add([](Problem& p) { p.in_channels = 96, p.out_channels = 96, p.num_groups = 3, p.stride = 2; });
  return shapes;
}

void expect_exact(ConvolutionRun& run, const Problem& p, const std::vector<Candidate>& candidates,
                  ThreadPool& pool) {
  for (const Candidate& candidate : candidates) {
    EXPECT_EQ(run.inexact(run.run(*candidate.family, candidate.config, pool)), 0)
        << describe(p) << "\n"
        << to_text(candidate.config);
  }
}

class CpuFamilies : public testing::TestWithParam<Variant> {};

TEST_P(CpuFamilies, AreExactOnIntegers) {
  const auto [target, dtype, layout] = GetParam();
  const ForcedTarget forced(target);
  ThreadPool pool(2);
  for (Problem p : edge_shapes()) {
    p.dtype = dtype;
    p.layout = layout;
    ConvolutionRun run(p, 1, Data::integers);
    const std::vector<Candidate> candidates = candidates_of(p, cpu_target());
    EXPECT_EQ(families_of(candidates), families_for(p, cpu_target()));
    expect_exact(run, p, candidates, pool);
  }
}

INSTANTIATE_TEST_SUITE_P(, CpuFamilies, every_variant(), name_of_variant);

// One output reads the first position of x at its last tap; what comes before x may not be read.
TEST(CpuLimits, MeetTheLongestStridesAndDilations) {
  constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();
  ThreadPool pool(1);
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    for (const std::int64_t groups : {1, 20}) {
      for (const std::int64_t taps : {1, 3}) {
        const Problem p = {.length = 3,
                           .in_channels = 20,
                           .out_channels = 20,
                           .kernel_size = taps,
                           .stride = longest,
                           .padding = {taps - 1, 0},
                           .dilation = taps == 1 ? longest : 1,
                           .num_groups = groups,
                           .layout = layout};
        ASSERT_EQ(output_length(p), 1);
        ConvolutionRun run(p, 4, Data::integers);
        expect_exact(run, p, candidates_of(p, cpu_target()), pool);
      }
    }
  }
}

TEST(CpuLimits, MeetTheLongestPadding) {
  constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();
  ThreadPool pool(1);
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    const Problem p = {.length = 1,
                       .in_channels = 1,
                       .out_channels = 1,
                       .kernel_size = 2,
                       .padding = {longest - 1, 0},
                       .dilation = longest - 41,
                       .layout = layout};
    ASSERT_EQ(output_length(p), 41);
    ConvolutionRun run(p, 5, Data::integers);
    expect_exact(run, p, candidates_of(p, cpu_target()), pool);
  }
}

class CpuTargets : public testing::TestWithParam<std::int64_t> {};

// Of each problem the default, three more candidates, and any that has a value not yet run.
TEST_P(CpuTargets, StayWithinToleranceOnRandomProblems) {
  const ForcedTarget forced(GetParam());
  ThreadPool pool(2);
  std::mt19937_64 random(7);
  Values run_values, offered_values;
  for (int i = 0; i < 200; ++i) {
    const Problem p = random_problem(random);
    ConvolutionRun run(p, random(), Data::random);
    for (const Candidate& candidate : candidates_of(p, cpu_target())) {
      note(offered_values, candidate.config);
      const Values before = run_values;
      Values with = run_values;
      note(with, candidate.config);
      const bool is_default =
          candidate.config == candidate.family->default_config(p, device_of(cpu_target()));
      if (!is_default && with == before && random() % 8 != 0) continue;
      run_values = with;
      const CheckResult result = run.check(run.run(*candidate.family, candidate.config, pool));
      EXPECT_EQ(result.wrong, 0) << describe(p) << "\n"
                                 << to_text(candidate.config) << " worst " << result.worst_ratio;
    }
  }
  EXPECT_EQ(run_values, offered_values);
}

TEST_P(CpuTargets, GiveTheSameBytesForAnyNumberOfThreads) {
  const ForcedTarget forced(GetParam());
  std::mt19937_64 random(8);
  ThreadPool one(1), two(2), three(3);
  for (int i = 0; i < 12; ++i) {
    const Problem p = random_problem(random);
    const ConvolutionRun run(p, random(), Data::random);
    for (const Candidate& candidate : candidates_of(p, cpu_target())) {
      const auto y = run.run(*candidate.family, candidate.config, one);
      EXPECT_EQ(y, run.run(*candidate.family, candidate.config, two)) << describe(p);
      EXPECT_EQ(y, run.run(*candidate.family, candidate.config, three)) << describe(p);
    }
  }
}

// Every activation at special values and over its whole range, through a convolution that changes
// nothing else.
TEST_P(CpuTargets, ActivateAccurately) {
  const ForcedTarget forced(GetParam());
  ThreadPool pool(1);
  std::vector<float> inputs = {0.0F, -0.0F, 1e-40F, 3e38F, -3e38F, 1e20F, -1e20F};
  for (float x = -120; x < 120; x += 0.037F) inputs.push_back(x);
  for (const float x :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    inputs.insert(inputs.end(), {x, -x});
  }
  for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu,
                                      Activation::gelu_tanh, Activation::silu, Activation::tanh}) {
    const Problem p = {.length = static_cast<std::int64_t>(inputs.size()),
                       .in_channels = 1,
                       .out_channels = 1,
                       .kernel_size = 1,
                       .activation = activation};
    ConvolutionRun run(p, 1, Data::integers);
    run.set_weight(0, 1);
    for (std::size_t i = 0; i < inputs.size(); ++i)
      run.set_x(static_cast<std::int64_t>(i), inputs[i]);
    const Config config = cpu_direct().default_config(p, device_of(cpu_target()));
    const std::vector<std::byte> y = run.run(cpu_direct(), config, pool);
    EXPECT_EQ(run.check(y).wrong, 0)
        << name(activation) << " at input " << run.check(y).worst_index;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const double expected = activate(activation, inputs[i]);
      if (!std::isfinite(expected)) continue;
      const float got = load_element(y.data(), p.dtype, static_cast<std::int64_t>(i));
      const double scale = std::min<double>(std::abs(inputs[i]), 100) + std::abs(expected);
      EXPECT_NEAR(got, expected, 4 * 0x1p-23 * scale + 1e-44) << name(activation) << inputs[i];
    }
  }
}

// An infinite weight reaches only the outputs whose window has an input for it.
TEST_P(CpuTargets, KeepInfinitiesOutOfThePadding) {
  const ForcedTarget forced(GetParam());
  ThreadPool pool(1);
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    for (const std::int64_t groups : {1, 20}) {
      for (const std::int64_t stride : {1, 3}) {
        const Problem p = {.length = 30,
                           .in_channels = 20,
                           .out_channels = 20,
                           .kernel_size = 5,
                           .stride = stride,
                           .padding = {3, 4},
                           .num_groups = groups,
                           .layout = layout};
        ConvolutionRun run(p, 3, Data::random);
        run.set_weight(0, std::numeric_limits<float>::infinity());
        run.set_weight(weight_elements(p) - 1, -std::numeric_limits<float>::infinity());
        run.set_x(7, std::numeric_limits<float>::quiet_NaN());
        for (const Candidate& candidate : candidates_of(p, cpu_target())) {
          EXPECT_EQ(run.check(run.run(*candidate.family, candidate.config, pool)).wrong, 0)
              << describe(p) << " " << to_text(candidate.config);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, CpuTargets, testing::ValuesIn(runnable_targets()),
                         [](const auto& param_info) { return hwy::TargetName(param_info.param); });

TEST(CpuTarget, EachThatIsCompiledIsTestedHere) {
  for (const std::int64_t target : {HWY_AVX3, HWY_AVX2, HWY_NEON}) {
    if ((HWY_TARGETS & target & ~hwy::SupportedTargets()) != 0) {
      GTEST_SKIP() << "this CPU does not run " << hwy::TargetName(target);
    }
  }
}

TEST(CpuDigest, DiffersBetweenFamilies) {
  const Problem p = {
      .length = 9, .in_channels = 2, .out_channels = 2, .kernel_size = 1, .num_groups = 2};
  std::set<std::string> digests;
  for (const Family* family : families) {
    const DeviceProperties device = device_of(cpu_target());
    digests.insert(source_digest(*family, p, family->default_config(p, device), device));
  }
  EXPECT_THAT(digests, SizeIs(families.size()));
  EXPECT_THAT(digests, Each(SizeIs(32)));
}

}  // namespace
}  // namespace convtune

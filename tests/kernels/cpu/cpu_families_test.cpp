#include "tests/kernels/cpu/simd_targets.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <map>
#include <set>
#include <string>

#include "generator/candidates.hpp"
#include "kernels/cpu/cache.hpp"
#include "kernels/cpu/families.hpp"
#include "tests/kernels/cpu/convolution_run.hpp"
#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsNull;
using testing::SizeIs;

const std::vector<const Family*> families = {&cpu_bf16(), &cpu_depthwise(), &cpu_direct(),
                                             &cpu_length()};

DeviceProperties device_of(std::string_view arch) {
  DeviceProperties device;
  device.arch = arch;
  device.units = 2;
  return device;
}

std::vector<Candidate> candidates_of(const Problem& problem, std::string_view arch) {
  return enumerate(problem, device_of(arch), families).candidates;
}

std::set<const Family*> families_of(const std::vector<Candidate>& candidates) {
  std::set<const Family*> offered;
  for (const Candidate& candidate : candidates) offered.insert(candidate.family);
  return offered;
}

std::set<const Family*> families_for(const Problem& problem, std::string_view arch) {
  std::set<const Family*> serving = {&cpu_direct()};
  const std::int64_t channels = out_channels_per_group(problem);
  const Bf16Unit unit = bf16_unit_of(arch);
  const bool is_bf16 = problem.dtype == DType::bfloat16;
  const std::int64_t products = in_channels_per_group(problem) * problem.kernel_size;
  const bool by_tiles = unit == Bf16Unit::tiles && products >= 16;
  const bool by_vectors = unit == Bf16Unit::vectors && is_bf16 && products >= 8;
  if (channels >= 8 && (by_tiles || by_vectors)) {
    serving.insert(&cpu_bf16());
  }
  const bool is_short = std::max(problem.length, output_length(problem)) <= 6144 / 128;
  if (is_depthwise(problem) && (problem.layout == Layout::NLC || is_short)) {
    serving.insert(&cpu_depthwise());
  }
  const bool one_channel = problem.in_channels == 1 && problem.out_channels == 1;
  if ((problem.layout == Layout::NCL || one_channel) &&
      2 * output_length(problem) >= std::min<std::int64_t>(channels, lanes_of(arch))) {
    serving.insert(&cpu_length());
  }
  return serving;
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

class CpuFamilies : public testing::TestWithParam<std::tuple<std::int64_t, DType, Layout>> {};

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
    for (const Candidate& candidate : candidates) {
      EXPECT_EQ(run.inexact(run.run(*candidate.family, candidate.config, pool)), 0)
          << describe(p) << "\n"
          << to_text(candidate.config);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, CpuFamilies,
                         testing::Combine(testing::ValuesIn(runnable_targets()),
                                          testing::Values(DType::float32, DType::float16,
                                                          DType::bfloat16),
                                          testing::Values(Layout::NLC, Layout::NCL)),
                         [](const auto& param_info) {
                           return std::string(hwy::TargetName(std::get<0>(param_info.param))) +
                                  "_" + std::string(name(std::get<1>(param_info.param))) + "_" +
                                  std::string(name(std::get<2>(param_info.param)));
                         });

class CpuTargets : public testing::TestWithParam<std::int64_t> {};

using Values = std::map<std::string, std::set<std::int64_t>>;

void note(Values& values, const Config& config) {
  for (const Setting& s : config.settings) values[config.family + "." + s.name].insert(s.value);
}

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

// So that y may be stored past the caches: its rows are whole lines.
void enlarge(Problem& p) {
  p.batch = far_bytes;
  p.stride = p.dilation = 1;
  p.padding = {};
  p.length = 2 * cache_line + p.kernel_size - 1;
}

TEST(CpuSpace, OffersEveryValueAndAModestNumberOfConfigs) {
  std::mt19937_64 random(9);
  Values offered, declared;
  for (const Family* family : families) {
    for (const Parameter& parameter : family->parameters) {
      declared[std::string(family->name) + "." + std::string(parameter.name)].insert(
          parameter.values.begin(), parameter.values.end());
    }
  }
  for (int i = 0; i < 400; ++i) {
    Problem p = random_problem(random);
    if (i % 10 == 0) p.out_channels = 300 * p.num_groups;
    const bool large = i % 10 == 5;
    if (large) enlarge(p);
    for (const char* arch : {"AVX3", "AVX3+AMX", "AVX3+BF16", "AVX2", "NEON", "SCALAR"}) {
      const std::vector<Candidate> candidates = candidates_of(p, arch);
      EXPECT_LE(candidates.size(), large ? 160U : 100U) << describe(p) << " on " << arch;
      for (const Candidate& candidate : candidates) note(offered, candidate.config);
    }
  }
  EXPECT_EQ(offered, declared);
}

TEST(CpuSpace, DefaultKeepsAllConstraintsOnEveryTarget) {
  std::mt19937_64 random(10);
  for (int i = 0; i < 400; ++i) {
    Problem p = random_problem(random);
    if (i % 2 == 1) enlarge(p);
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
        {{"tile_l", 4}, {"tile_c", 16}, {"block_l", 48}, {"block_c", 0}, {"taps_inside", 0}}};
    const Cost cost = cpu_direct().cost(p, config, {});
    EXPECT_EQ(cost.flops, 2.0 * static_cast<double>(p.batch * taps * p.out_channels *
                                                    in_channels_per_group(p)));
    EXPECT_GE(cost.bytes,
              static_cast<double>(compulsory_bytes(p)) - 4.0 * static_cast<double>(p.out_channels));
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

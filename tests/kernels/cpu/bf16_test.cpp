#include "kernels/cpu/targets.hpp"  // before all of Highway

#include "kernels/cpu/bf16.hpp"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "generator/candidates.hpp"
#include "kernels/cpu/bf16_unit.hpp"
#include "kernels/cpu/families.hpp"
#include "tests/kernels/cpu/convolution_run.hpp"
#include "tests/kernels/cpu/offered.hpp"
#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const Problem dense = {.length = 100,
                       .in_channels = 64,
                       .out_channels = 48,
                       .kernel_size = 3,
                       .padding = {1, 1},
                       .has_bias = true,
                       .dtype = DType::bfloat16};

CandidateSpace space_of(const Problem& problem, std::string_view arch) {
  const Family* const alone[] = {&cpu_bf16()};
  return enumerate(problem, device_of(arch), alone);
}

// A problem in both layouts and all types.
std::vector<Problem> variants(Problem problem) {
  std::vector<Problem> all;
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
      problem.layout = layout;
      problem.dtype = dtype;
      all.push_back(problem);
    }
  }
  return all;
}

TEST(Bf16Space, IsEmptyWithoutInstructionsAndSaysWhy) {
  const CandidateSpace space = space_of(dense, "AVX3");
  EXPECT_THAT(space.candidates, IsEmpty());
  ASSERT_THAT(space.exclusions, SizeIs(1));
  EXPECT_EQ(space.exclusions[0].constraint, "has_unit");
  EXPECT_THAT(space.exclusions[0].rule, HasSubstr("the CPU has AVX512-BF16"));
}

TEST(Bf16Space, LeavesSumsOfPartsToTiles) {
  for (const Problem& p : variants(dense)) {
    const CandidateSpace space = space_of(p, "AVX3+BF16");
    EXPECT_EQ(space.candidates.empty(), p.dtype != DType::bfloat16) << describe(p);
    if (p.dtype == DType::bfloat16) continue;
    ASSERT_THAT(space.exclusions, SizeIs(1));
    EXPECT_EQ(space.exclusions[0].constraint, "is_worth_parts");
  }
}

TEST(Bf16Space, ReadsBfloat16AloneInPlace) {
  for (const Problem& p : variants(dense)) {
    const std::vector<Candidate> candidates = space_of(p, "AVX3+AMX").candidates;
    EXPECT_THAT(candidates, Not(IsEmpty()));
    const bool in_place = std::any_of(candidates.begin(), candidates.end(),
                                      [](const auto& c) { return c.config.at("window") == 0; });
    EXPECT_EQ(in_place, p.dtype == DType::bfloat16 && p.layout == Layout::NLC) << describe(p);
  }
}

TEST(Bf16Space, LeavesSumsThatSmallPartsAreLostToToOthers) {
  for (const Problem& p :
       variants({.length = 100, .in_channels = 8192, .out_channels = 8, .kernel_size = 65})) {
    const bool is_empty = space_of(p, "AVX3+AMX").candidates.empty();
    EXPECT_EQ(is_empty, p.dtype != DType::bfloat16) << describe(p);
  }
}

double flops_of(const Problem& problem, std::int64_t window, std::string_view arch) {
  const Config config = {
      "cpu_bf16",
      {{"tile_l", 32}, {"tile_c", 32}, {"block_l", 64}, {"block_c", 64}, {"window", window}}};
  const Cost cost = cpu_bf16().cost(problem, config, device_of(arch));
  EXPECT_EQ(cost.arithmetic, Arithmetic::cpu_bf16);
  EXPECT_GE(cost.bytes, static_cast<double>(compulsory_bytes(problem)) - 2.0 * 48);
  return cost.flops;
}

double executed(std::int64_t length, std::int64_t out, std::int64_t reduction) {
  return 2.0 * static_cast<double>(length * out * reduction);
}

TEST(Bf16Cost, IsThatOfWholeTilesByAmx) {
  Problem p = dense;
  p.length = 96;
  p.padding = {2, 2};
  p.kernel_size = 5;
  EXPECT_EQ(flops_of(p, 0, "AVX3+AMX"), 2.0 * static_cast<double>(multiply_adds(p)));
  p.length = 97;
  p.out_channels = 49;
  p.in_channels = 33;
  EXPECT_EQ(flops_of(p, 1, "AVX3+AMX"), executed(112, 64, 5 * 64));
  EXPECT_EQ(flops_of(p, 2, "AVX3+AMX"), executed(112, 64, 192));  // 165 in one row
  p.dtype = DType::float16;
  EXPECT_EQ(flops_of(p, 2, "AVX3+AMX"), executed(112, 64, 192) * 2 * 2);  // all pairs of parts
  p.dtype = DType::float32;
  EXPECT_EQ(flops_of(p, 2, "AVX3+AMX"), executed(112, 64, 192) * (3 + 2 + 1));
}

TEST(Bf16Cost, IsThatOfPairsAndEightRowsByVectors) {
  Problem p = dense;
  p.length = 97;
  p.out_channels = 50;
  p.in_channels = 3;
  EXPECT_EQ(flops_of(p, 1, "AVX3+BF16"), executed(104, 64, 3 * 4));
  EXPECT_EQ(flops_of(p, 2, "AVX3+BF16"), executed(104, 64, 10));  // 9 in one row
  p.layout = Layout::NCL;
  EXPECT_EQ(flops_of(p, 1, "AVX3+BF16"), executed(112, 56, 3 * 4));
}

// What needs the instructions themselves.
class Bf16 : public testing::Test {
 protected:
  void SetUp() override {
    if (bf16_unit() == Bf16Unit::none) GTEST_SKIP() << "this CPU has no products of bfloat16";
  }

  // The variants that these instructions are for.
  static std::vector<Problem> served(const Problem& problem) {
    std::vector<Problem> all = variants(problem);
    std::erase_if(all, [](const Problem& p) {
      return bf16_unit() == Bf16Unit::vectors && p.dtype != DType::bfloat16;
    });
    return all;
  }
};

TEST_F(Bf16, RefusesAConfigThatBreaksARule) {
  const std::vector<Bits16> weight(static_cast<std::size_t>(weight_elements(dense)));
  Config config = cpu_bf16().default_config(dense, device_of(cpu_target()));
  config.settings[0].value = 64;
  config.settings[1].value = 64;
  EXPECT_THAT(refusal([&] { cpu_bf16().cpu->prepare(dense, config, weight.data(), nullptr); },
                      Status::failed),
              HasSubstr("tile_l=64"));
}

// Zeros stand for the padding, and the instruction flushes subnormals: neither may be seen.
TEST_F(Bf16, KeepsToTheDefinitionWithWeightsThatItCannotMultiply) {
  ThreadPool pool(2);
  for (const float special : {std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::quiet_NaN(), 1e-39F, 1.2345678e-33F}) {
    for (Problem p : served(dense)) {
      p.has_bias = false;
      ConvolutionRun run(p, 3, Data::random);
      for (std::int64_t i = 0; i < weight_elements(p); ++i) run.set_weight(i, 0);
      run.set_weight(0, special);
      run.set_weight(weight_elements(p) - 1, -special);
      for (const Candidate& candidate : space_of(p, cpu_target()).candidates) {
        EXPECT_EQ(run.check(run.run(cpu_bf16(), candidate.config, pool)).wrong, 0)
            << describe(p) << " " << to_text(candidate.config) << " with " << special;
      }
    }
  }
}

// An infinite or NaN x reaches the outputs whose window has it, of its own group, and no other.
TEST_F(Bf16, KeepsSpecialInputsInTheirWindows) {
  ThreadPool pool(1);
  for (Problem p : served(dense)) {
    for (const std::int64_t in_channels : {66, 128}) {
      p.num_groups = 2;
      p.in_channels = in_channels;
      ConvolutionRun run(p, 4, Data::random);
      run.set_x(0, std::numeric_limits<float>::infinity());
      run.set_x(input_elements(p) / 2, std::numeric_limits<float>::quiet_NaN());
      run.set_x(input_elements(p) - 1, -std::numeric_limits<float>::infinity());
      for (const Candidate& candidate : space_of(p, cpu_target()).candidates) {
        EXPECT_EQ(run.check(run.run(cpu_bf16(), candidate.config, pool)).wrong, 0)
            << describe(p) << " " << to_text(candidate.config);
      }
    }
  }
}

// Some parts of such numbers are subnormal, and would be taken for 0.
TEST_F(Bf16, IsAsExactWithTinyInputs) {
  if (bf16_unit() != Bf16Unit::tiles) GTEST_SKIP() << "these instructions take no sums of parts";
  ThreadPool pool(1);
  for (Problem p : served(dense)) {
    if (p.dtype == DType::bfloat16) continue;  // sums below 2⁻¹²⁶ become 0
    p.has_bias = false;
    ConvolutionRun run(p, 6, Data::random);
    for (std::int64_t i = 0; i < input_elements(p); ++i) {
      run.set_x(i, std::ldexp(1 + static_cast<float>(i % 97) / 97, -118));
    }
    for (const Candidate& candidate : space_of(p, cpu_target()).candidates) {
      EXPECT_EQ(run.check(run.run(cpu_bf16(), candidate.config, pool)).wrong, 0)
          << describe(p) << " " << to_text(candidate.config);
    }
  }
}

// As bf16.hpp says: x is not searched for them. Each product would be 2⁻³⁰.
TEST_F(Bf16, TakesTinyInputsForZeroInBfloat16Alone) {
  ThreadPool pool(1);
  for (Problem p : served(dense)) {
    if (p.dtype == DType::float16) continue;  // has no such numbers
    p.has_bias = false;
    ConvolutionRun run(p, 7, Data::random);
    for (std::int64_t i = 0; i < input_elements(p); ++i) run.set_x(i, std::ldexp(1.0F, -130));
    for (std::int64_t i = 0; i < weight_elements(p); ++i) run.set_weight(i, std::ldexp(1.0F, 100));
    for (const Candidate& candidate : space_of(p, cpu_target()).candidates) {
      const std::vector<std::byte> y = run.run(cpu_bf16(), candidate.config, pool);
      if (p.dtype == DType::bfloat16) {
        EXPECT_THAT(y, Each(std::byte{0})) << describe(p) << " " << to_text(candidate.config);
      } else {
        EXPECT_EQ(run.check(y).wrong, 0) << describe(p) << " " << to_text(candidate.config);
      }
    }
  }
}

// Nothing cancels in such sums: small parts of products are lost to them the more the longer they
// are.
TEST_F(Bf16, KeepsToTheToleranceInLongSumsOfOneSign) {
  ThreadPool pool(2);
  std::mt19937_64 random(9);
  std::uniform_real_distribution<float> positive(0.1F, 1);
  for (const std::int64_t taps : {4, 64}) {
    for (const Problem& p :
         served({.length = taps, .in_channels = 8192, .out_channels = 8, .kernel_size = taps})) {
      ConvolutionRun run(p, 9, Data::random);
      for (std::int64_t i = 0; i < input_elements(p); ++i) run.set_x(i, positive(random) / 64);
      for (std::int64_t i = 0; i < weight_elements(p); ++i) run.set_weight(i, positive(random));
      const std::vector<Candidate> candidates = space_of(p, cpu_target()).candidates;
      EXPECT_THAT(candidates, Not(IsEmpty()));
      for (const Candidate& candidate : candidates) {
        const CheckResult result = run.check(run.run(cpu_bf16(), candidate.config, pool));
        EXPECT_EQ(result.wrong, 0)
            << describe(p) << " " << to_text(candidate.config) << " worst " << result.worst_ratio;
      }
    }
  }
}

// The tiles read whole chunks of a window on the stack, where the run before left NaN.
TEST_F(Bf16, ReadsNothingThatAnotherRunLeft) {
  ThreadPool pool(1);
  for (const Problem& before : served(dense)) {
    ConvolutionRun leaves_nans(before, 5, Data::random);
    for (std::int64_t i = 0; i < input_elements(before); ++i) {
      leaves_nans.set_x(i, std::numeric_limits<float>::quiet_NaN());
    }
    Problem p = before;
    p.in_channels = 33;
    ConvolutionRun run(p, 6, Data::random);
    for (const Candidate& candidate : space_of(p, cpu_target()).candidates) {
      leaves_nans.run(cpu_bf16(), cpu_bf16().default_config(before, device_of(cpu_target())), pool);
      EXPECT_EQ(run.check(run.run(cpu_bf16(), candidate.config, pool)).wrong, 0)
          << describe(p) << " " << to_text(candidate.config);
    }
  }
}

// Numbers are sums of parts: identical weights give x, a single 1 in each x gives the weights, to
// the last bit.
TEST_F(Bf16, CarriesEveryBitOfXAndOfTheWeights) {
  ThreadPool pool(1);
  constexpr std::int64_t channels = 40;
  for (const Problem& p : served({.length = channels,
                          .in_channels = channels,
                          .out_channels = channels,
                          .kernel_size = 1})) {
    ConvolutionRun passes_x(p, 7, Data::random), passes_weights(p, 8, Data::random);
    for (std::int64_t i = 0; i < channels * channels; ++i) {
      const float identity = i / channels == i % channels ? 1 : 0;
      passes_x.set_weight(i, identity);
      passes_weights.set_x(i, identity);
    }
    for (const Candidate& candidate : space_of(p, cpu_target()).candidates) {
      for (ConvolutionRun* run : {&passes_x, &passes_weights}) {
        EXPECT_EQ(run->inexact(run->run(cpu_bf16(), candidate.config, pool)), 0)
            << describe(p) << " " << to_text(candidate.config);
      }
    }
  }
}

// An array between two pages that may not be touched, at the end or the start of its own.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    inner_ = (bytes + page_ - 1) / page_ * page_;
    memory_ = static_cast<std::byte*>(
        mmap(nullptr, inner_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(mprotect(memory_ + page_, inner_, PROT_READ | PROT_WRITE), 0);
  }
  ~Guarded() { munmap(memory_, inner_ + 2 * page_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  std::byte* first() { return memory_ + page_; }
  std::byte* last(std::size_t bytes) { return memory_ + page_ + inner_ - bytes; }

 private:
  std::size_t page_, inner_ = 0;
  std::byte* memory_ = nullptr;
};

// No sanitizer sees what the tile instructions read.
TEST_F(Bf16, ReadsNothingOutsideX) {
  ThreadPool pool(1);
  for (Problem p : served(dense)) {
    const auto array_of = [&](std::int64_t count, float value) {
      std::vector<std::byte> array(static_cast<std::size_t>(count) * size_of(p.dtype));
      for (std::int64_t i = 0; i < count; ++i) store_element(array.data(), p.dtype, i, value);
      return array;
    };
    using Way = std::pair<std::int64_t, std::int64_t>;
    for (const auto& [stride, padding] : {Way(1, 0), Way(1, 1), Way(2, 1), Way(3, 0)}) {
      for (const std::int64_t length : {66, 130, 147}) {
        p.length = length;
        p.stride = stride;
        p.padding = {padding, padding};
        const std::vector<std::byte> x = array_of(input_elements(p), 1);
        const std::vector<std::byte> weight = array_of(weight_elements(p), 0.5F);
        const std::vector<std::byte> bias = array_of(48, 0);
        Guarded memory(x.size());
        for (const Candidate& candidate : space_of(p, cpu_target()).candidates) {
          const auto plan =
              cpu_bf16().cpu->prepare(p, candidate.config, weight.data(), bias.data());
          for (std::byte* at : {memory.first(), memory.last(x.size())}) {
            std::copy(x.begin(), x.end(), at);
            std::vector<std::byte> y = array_of(output_elements(p), 0);
            cpu_bf16().cpu->run(plan.get(), at, y.data(), pool);
            const std::int64_t last = output_length(p) - 2;  // of the windows without padding
            const std::int64_t index = p.layout == Layout::NLC ? last * 48 : last;
            EXPECT_EQ(load_element(y.data(), p.dtype, index), 96) << to_text(candidate.config);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace convtune

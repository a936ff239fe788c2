#include "kernels/tolerance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/cpu/thread_pool.hpp"
#include "tests/kernels/cpu/simd_targets.hpp"

namespace convtune {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// n = 3 · 12 / 2 = 18 products.
Problem problem_of_18_products() {
  return {.length = 8, .in_channels = 12, .out_channels = 4, .kernel_size = 3, .num_groups = 2};
}

TEST(Tolerance, IsTheFormulaOfTheHeader) {
  const ReferenceValue value{.value = -3, .magnitude = 10};
  const double sums = (4 * std::sqrt(18.0) + 4) * std::pow(2, -24) * 10;
  Problem problem = problem_of_18_products();
  EXPECT_NEAR(tolerance(problem, value), sums + 3 * std::pow(2, -24), 1e-20);
  problem.dtype = DType::float16;
  EXPECT_NEAR(tolerance(problem, value), sums + 3 * std::pow(2, -11) + std::pow(2, -25), 1e-20);
  problem.dtype = DType::bfloat16;
  EXPECT_NEAR(tolerance(problem, value), sums + 3 * std::pow(2, -8), 1e-20);
}

TEST(Tolerance, OfTf32IsTwoRoundingsAProduct) {
  const ReferenceValue value{.value = 0, .magnitude = 10};
  Problem problem = problem_of_18_products();
  const double ieee = tolerance(problem, value);
  problem.math = Math::tf32;
  EXPECT_NEAR(tolerance(problem, value) - ieee, 2 * std::pow(2, -11) * 10, 1e-15);
  problem.math = Math::tf32x3;
  EXPECT_NEAR(tolerance(problem, value) - ieee, 12 * std::pow(2, -24) * 10, 1e-15);
}

TEST(Tolerance, GivesAnActivationEightRoundings) {
  const ReferenceValue value{.value = 0, .magnitude = 10};
  Problem problem = problem_of_18_products();
  const double without = tolerance(problem, value);
  problem.activation = Activation::tanh;
  EXPECT_NEAR(tolerance(problem, value) - without, 8 * std::pow(2, -24) * 10, 1e-15);
}

// The factors of the formula are bounds of the steepest slope, and no needlessly wide ones.
TEST(Tolerance, AmplifiesByTheSteepestSlopeOfTheActivation) {
  Problem problem = problem_of_18_products();
  const ReferenceValue value{.value = 0, .magnitude = 1};
  problem.activation = Activation::relu;
  const double flat = tolerance(problem, value);
  for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::silu,
                                      Activation::tanh, Activation::relu}) {
    double steepest = 0;
    constexpr double step = 1e-4;
    for (double at = -8; at < 8; at += step) {
      const double rise = activate(activation, at + step) - activate(activation, at);
      steepest = std::max(steepest, std::abs(rise / step));
    }
    problem.activation = activation;
    const double factor = tolerance(problem, value) / flat;
    EXPECT_GE(factor * (1 + 1e-9), steepest) << name(activation);
    EXPECT_LE(factor, 1.01 * steepest) << name(activation);
  }
}

struct Verdict {
  float y;
  ReferenceValue reference;
  bool accepted;
};

CheckResult check_one(const Problem& problem, const Verdict& verdict) {
  std::vector<std::byte> y(size_of(problem.dtype));
  store_element(y.data(), problem.dtype, 0, verdict.y);
  const std::vector<std::int64_t> indices = {0};
  return compare(problem, y.data(), indices, std::vector{verdict.reference});
}

TEST(Compare, JudgesValuesThatAreNotFinite) {
  constexpr auto inf = std::numeric_limits<float>::infinity();
  constexpr auto not_a_number = std::numeric_limits<float>::quiet_NaN();
  Problem problem = problem_of_18_products();
  problem.dtype = DType::float16;
  const std::vector<Verdict> verdicts = {
      {not_a_number, {nan, nan}, true},
      {0, {nan, nan}, false},
      {inf, {nan, infinity}, false},
      {inf, {infinity, infinity}, true},
      {-inf, {infinity, infinity}, false},
      {not_a_number, {infinity, infinity}, false},
      {65504, {infinity, infinity}, false},
      {not_a_number, {1, 1}, false},
      {inf, {1, 1}, false},
      {inf, {65520, 65520}, true},
      {-inf, {65520, 65520}, false},
      {inf, {65504, 65504}, false},
      {65504, {65600, 65600}, false},
      {65504, {65510, 65510}, true},
      {not_a_number, {65520, 65520}, false},
      {not_a_number, {1, 4e38}, true},
      {5, {1, 1}, false},
      {0, {0, infinity}, true},
      {1, {0, infinity}, false},
      {not_a_number, {0, infinity}, false},
  };
  for (const Verdict& verdict : verdicts) {
    const CheckResult result = check_one(problem, verdict);
    EXPECT_EQ(result.wrong == 0, verdict.accepted)
        << verdict.y << " for " << verdict.reference.value;
    EXPECT_EQ(result.worst_ratio <= 1, verdict.accepted) << verdict.y;
    EXPECT_TRUE(std::isfinite(result.worst_ratio));
  }
}

TEST(Compare, AcceptsNaNForInfinityOnlyWithThreeTf32Products) {
  Problem problem = problem_of_18_products();
  const Verdict verdict{std::numeric_limits<float>::quiet_NaN(), {infinity, infinity}, true};
  for (const Math math : {Math::ieee, Math::tf32, Math::tf32x3}) {
    problem.math = math;
    EXPECT_EQ(check_one(problem, verdict).wrong == 0, math == Math::tf32x3) << name(math);
  }
}

TEST(Compare, AcceptsAnythingWhereNeighboursAreNotFiniteOnlyWithWinograd) {
  Problem problem = problem_of_18_products();
  const auto accepts = [&](Math math, double magnitude) {
    problem.math = math;
    return check_one(problem, {std::numeric_limits<float>::quiet_NaN(), {1, magnitude}, true})
               .wrong == 0;
  };
  EXPECT_FALSE(accepts(Math::ieee, infinity));
  EXPECT_TRUE(accepts(Math::winograd, infinity));
  EXPECT_TRUE(accepts(Math::winograd, nan));
  EXPECT_FALSE(accepts(Math::winograd, 1));
  problem.stride = 2;
  EXPECT_FALSE(accepts(Math::winograd, infinity));
}

TEST(Compare, FindsTheWorstOfTheOutputsAskedFor) {
  const Problem problem = problem_of_18_products();
  const double allowed = tolerance(problem, {.value = 1, .magnitude = 64});
  std::vector<float> y(static_cast<std::size_t>(output_elements(problem)), 1);
  const std::vector<std::int64_t> indices = {3, 5, 9};
  const std::vector<ReferenceValue> expected(3, {.value = 1, .magnitude = 64});
  EXPECT_EQ(compare(problem, y.data(), indices, expected).worst_ratio, 0);

  y[0] = 1e6F;  // not asked for
  y[5] = static_cast<float>(1 + 0.5 * allowed);
  y[9] = static_cast<float>(1 - 1.5 * allowed);
  const CheckResult result = compare(problem, y.data(), indices, expected);
  EXPECT_EQ(result.checked, 3);
  EXPECT_EQ(result.wrong, 1);
  EXPECT_EQ(result.worst_index, 9);
  EXPECT_NEAR(result.worst_ratio, 1.5, 0.05);
}

/// More outputs than one task and one block of compare() take, and some left over.
constexpr std::int64_t many_outputs = 2 * (1 << 18) + 3 * 256 + 77;

struct Many {
  Problem problem = {.length = many_outputs, .in_channels = 1, .out_channels = 1, .kernel_size = 1};
  std::vector<std::int64_t> indices = std::vector<std::int64_t>(many_outputs);
  std::vector<ReferenceValue> expected;
  std::vector<std::byte> y;

  explicit Many(DType dtype) : expected(many_outputs, {.value = 1, .magnitude = 64}) {
    problem.dtype = dtype;
    std::iota(indices.begin(), indices.end(), 0);
    y.resize(many_outputs * size_of(dtype));
    for (const std::int64_t i : indices) set(i, 1);
  }
  void set(std::int64_t i, double value) {
    store_element(y.data(), problem.dtype, i, static_cast<float>(value));
  }
  CheckResult compared() const {
    ThreadPool threads(3);
    return compare(problem, y.data(), indices, expected, threads);
  }
};

constexpr auto all_dtypes = {DType::float32, DType::float16, DType::bfloat16};

class CompareMany : public testing::TestWithParam<std::int64_t> {
  ForcedTarget forced_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(, CompareMany, testing::ValuesIn(runnable_targets()),
                         [](const auto& target) { return hwy::TargetName(target.param); });

TEST_P(CompareMany, FindsTheOnlyWrongOneWhereverItIs) {
  for (const DType dtype : all_dtypes) {
    Many many(dtype);
    for (const std::int64_t at : {0, 255, 256, 511, 1000, (1 << 18) - 1, 1 << 18, (2 << 18) + 767,
                                  static_cast<int>(many_outputs) - 1}) {
      for (const double wrong : {1.1, -infinity, nan}) {
        many.set(at, wrong);
        const CheckResult result = many.compared();
        EXPECT_EQ(result.checked, many_outputs);
        EXPECT_EQ(result.wrong, 1) << name(dtype) << " at " << at << ": " << wrong;
        EXPECT_EQ(result.worst_index, at) << name(dtype) << ": " << wrong;
      }
      many.set(at, 1);
    }
  }
}

TEST(Compare, NamesTheFirstOfThoseAlike) {
  Many many(DType::float32);
  EXPECT_EQ(many.compared().worst_index, 0);
  for (const std::int64_t at : {(2 << 18) + 1, (1 << 18) + 300, 700, 600}) {
    many.set(at, 1.1);
    EXPECT_EQ(many.compared().worst_index, at);
  }
  EXPECT_EQ(many.compared().wrong, 4);
}

TEST(Compare, TellsApartWhatIsAlmostAlike) {
  Many many(DType::float32);
  many.expected[300].value = 1 + 1e-6;
  many.expected[900].value = 1 + 1e-6 * (1 + 1e-7);
  EXPECT_EQ(many.compared().worst_index, 900);
}

// As many as a block, but with one in between that was not asked for and that alone would be right.
TEST(Compare, TakesNoOtherOutputForOneOfMany) {
  Many many(DType::float16);
  many.indices.erase(many.indices.begin() + 600);
  many.expected.pop_back();
  many.expected[600].value = 2;  // of output 601
  many.set(600, 2);
  const CheckResult result = many.compared();
  EXPECT_EQ(result.wrong, 1);
  EXPECT_EQ(result.worst_index, 601);
}

TEST_P(CompareMany, MeasuresThemByTheToleranceOfEach) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (const DType dtype : all_dtypes) {
    Many many(dtype);
    double worst = 0;
    std::int64_t wrong = 0;
    for (const std::int64_t i : many.indices) {
      ReferenceValue& expected = many.expected[static_cast<std::size_t>(i)];
      const double value = normal(random);
      expected = {.value = value, .magnitude = 9 * std::abs(normal(random))};
      if (i % 1000 == 999) expected.magnitude = infinity;  // which allows no error of a sum
      many.set(i, value + 0.25 * tolerance(many.problem, expected) * normal(random));
      const double y = load_element(many.y.data(), dtype, i);
      const double ratio = std::abs(y - value) / tolerance(many.problem, expected);
      worst = std::max(worst, ratio);
      wrong += ratio > 1 ? 1 : 0;
    }
    const CheckResult result = many.compared();
    EXPECT_EQ(result.worst_ratio, worst) << name(dtype);
    EXPECT_EQ(result.wrong, wrong) << name(dtype);
    EXPECT_GT(wrong, 0);
  }
}

using Spectrum = std::vector<std::complex<double>>;

Spectrum transformed(const Spectrum& values, double direction) {
  const auto size = static_cast<double>(values.size());
  Spectrum sums(values.size());
  for (std::size_t f = 0; f < values.size(); ++f) {
    for (std::size_t t = 0; t < values.size(); ++t) {
      const double turns = direction * static_cast<double>(f * t % values.size()) / size;
      sums[f] += values[t] * std::polar(1.0, 2 * std::numbers::pi * turns);
    }
  }
  return sums;
}

std::complex<double> rounded_to_float(std::complex<double> value) {
  const std::complex<float> rounded(value);
  return rounded;
}

/// y of one channel, whose transforms are exact but for one rounding of each value to float32.
std::vector<float> by_transforms(const std::vector<float>& x, const std::vector<float>& w) {
  Spectrum signal(x.begin(), x.end()), taps(w.begin(), w.end());
  taps.resize(x.size());
  signal = transformed(signal, -1);
  taps = transformed(taps, -1);
  for (std::size_t f = 0; f < signal.size(); ++f)
    signal[f] =
        rounded_to_float(rounded_to_float(signal[f]) * std::conj(rounded_to_float(taps[f])));
  signal = transformed(signal, 1);
  std::vector<float> y(x.size() - w.size() + 1);
  for (std::size_t t = 0; t < y.size(); ++t)
    y[t] = static_cast<float>(signal[t].real() / static_cast<double>(x.size()));
  return y;
}

// Why there is no family of them: what is loud in a block drowns what is not.
TEST(Compare, RejectsTheNoiseOfFourierTransforms) {
  const Problem problem = {.length = 128, .in_channels = 1, .out_channels = 1, .kernel_size = 16};
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(128), w(16);
  for (float& value : w) value = normal(random);
  for (std::size_t i = 64; i < 128; ++i) x[i] = normal(random);  // behind silence

  std::vector<std::int64_t> indices(113);
  std::iota(indices.begin(), indices.end(), 0);
  const auto expected = reference_at(problem, x.data(), w.data(), nullptr, indices);
  const std::vector<float> y = by_transforms(x, w);
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i].value, 1e-5);
  EXPECT_GT(compare(problem, y.data(), indices, expected).wrong, 40);  // of 49 that are 0

  std::vector<float> direct(113);
  for (std::size_t t = 0; t < direct.size(); ++t) {
    for (std::size_t k = 0; k < w.size(); ++k) direct[t] += x[t + k] * w[k];
  }
  EXPECT_EQ(compare(problem, direct.data(), indices, expected).wrong, 0);
}

}  // namespace
}  // namespace convtune

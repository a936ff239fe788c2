#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "kernels/reference.hpp"
#include "tests/emulator/cases/arithmetic.cuh"
#include "tests/emulator/cases/convert.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

unsigned bits(float value) { return __builtin_bit_cast(unsigned, value); }
float number(unsigned word) { return __builtin_bit_cast(float, word); }

/// A binary format by its definition: a sign, an exponent, and the digits behind the leading one.
struct Format {
  int exponent_bits;
  int digits;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  /// The number nearest to `value`, of two the even one; infinity where that has no exponent.
  double nearest(double value) const {
    if (value == 0 || std::isinf(value)) return value;
    const int exponent = std::max(std::ilogb(value), 1 - bias());
    const double unit = std::ldexp(1.0, exponent - digits);
    const double rounded = std::nearbyint(value / unit) * unit;
    const bool overflows = std::abs(rounded) >= std::ldexp(1.0, bias() + 1);
    return overflows ? std::copysign(std::numeric_limits<double>::infinity(), value) : rounded;
  }
  double decoded(unsigned word) const {
    const unsigned fraction = word & ((1U << digits) - 1);
    const auto exponent = static_cast<int>(word >> digits & ((1U << exponent_bits) - 1));
    const double sign = (word >> (exponent_bits + digits) & 1) != 0 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
      return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
    const unsigned leading = exponent == 0 ? 0 : 1U << digits;
    return sign * std::ldexp(leading + fraction, std::max(exponent, 1) - bias() - digits);
  }
};

/// Expects the conversions of `dtype` to be those of `format`.
template <DType dtype>
void expect_conversions(const Format& format) {
  std::vector<unsigned> in;
  const double ulp = std::ldexp(1.0, -format.digits);
  for (const int exponent : {0, 5, 1 - format.bias(), -format.bias() - 3, format.bias()}) {
    for (const double last : {0.0, 0.5, 1.0, 1.5, 2.5, 2.50001, 1 / ulp - 0.5, 1 / ulp - 0.501})
      in.push_back(bits(static_cast<float>(std::ldexp(1 + last * ulp, exponent))));
  }
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  in.insert(in.end(), {bits(0.0F), bits(-0.0F), bits(-1.0F), 0x7f800000U, 0xff800000U});
  while (in.size() < 128) in.push_back(bits(normal(random) * 100));
  const std::vector<unsigned> out = run_case(convert_case<dtype>, one_block(64), in, 320);
  for (unsigned i = 0; i < 128; ++i) {
    const unsigned* const of_thread = &out[i / 2 * 5];
    const unsigned element = of_thread[0] >> i % 2 * 16 & 0xffffU;
    const double expected = format.nearest(number(in[i]));
    EXPECT_EQ(format.decoded(element), expected) << number(in[i]);
    EXPECT_EQ(element >> 15, in[i] >> 31) << "the sign of " << number(in[i]);
    EXPECT_EQ(number(of_thread[2 + i % 2]), expected) << number(in[i]);
    if (i % 2 == 0) continue;
    EXPECT_EQ(of_thread[1], element);
    EXPECT_EQ(number(of_thread[4]), expected);
  }
}

TEST(Conversions, AreThoseOfTheFormats) {
  expect_conversions<DType::float16>({.exponent_bits = 5, .digits = 10});
  expect_conversions<DType::bfloat16>({.exponent_bits = 8, .digits = 7});
}

TEST(MultiplyAdd, RoundsOnce) {
  // Products of factors in [1, 2) have 47 digits behind the point, and so have the sums in double.
  std::mt19937 random(4);
  std::uniform_real_distribution<float> factor(1, 2), addend(-4, -1);
  std::vector<unsigned> in, expected;
  for (int i = 0; i < 64; ++i) {
    const float a = i == 0 ? 0x1.001p0F : factor(random), b = i == 0 ? a : factor(random);
    const float c = i == 0 ? -0x1.002p0F : addend(random);  // leaves 2^-24 of the square
    in.insert(in.end(), {bits(a), bits(b), bits(c)});
    expected.push_back(bits(static_cast<float>(double{a} * b + c)));
  }
  EXPECT_EQ(expected[0], bits(0x1p-24F));
  EXPECT_EQ(run_case(multiply_add_case, one_block(64), in, 64), expected);
}

template <Activation activation>
void expect_activation() {
  std::vector<unsigned> in;
  for (int i = 0; i < 62; ++i) in.push_back(bits(static_cast<float>(i - 31) * 0.37F));
  in.insert(in.end(), {bits(-200.0F), bits(200.0F)});
  const std::vector<unsigned> out = run_case(activation_case<activation>, one_block(64), in, 64);
  for (unsigned i = 0; i < 64; ++i) {
    const double value = number(in[i]), expected = convtune::activate(activation, value);
    EXPECT_NEAR(number(out[i]), expected, 0x1p-21 * std::max(1.0, std::abs(value)))
        << name(activation) << " of " << value;
  }
}

TEST(Activations, AreTheirFormulas) {
  expect_activation<Activation::none>();
  expect_activation<Activation::relu>();
  expect_activation<Activation::gelu>();
  expect_activation<Activation::gelu_tanh>();
  expect_activation<Activation::silu>();
  expect_activation<Activation::tanh>();
}

}  // namespace
}  // namespace convtune::cuda

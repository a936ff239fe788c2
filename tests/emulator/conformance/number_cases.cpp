#include "tests/emulator/conformance/number_cases.hpp"

#include <algorithm>
#include <utility>

#include "tests/emulator/cases/arithmetic.cuh"
#include "tests/emulator/cases/convert.cuh"
#include "tests/emulator/cases/vector.cuh"
#include "tests/emulator/conformance/case_parts.hpp"

namespace convtune {
namespace {

using namespace cuda;

using Data = std::vector<unsigned>;

Data bits_of(const std::vector<float>& values) {
  Data bits(values.size());
  std::ranges::transform(values, bits.begin(),
                         [](float value) { return __builtin_bit_cast(unsigned, value); });
  return bits;
}

/// Numbers where 16-bit types round to even, to zero and to infinity, or have few digits; then some
/// of all sizes, every other of one that float16 has.
Data numbers_to_round() {
  Data bits = bits_of({0.0F,      -0.0F,     1.0F,       65504.0F,     65519.0F,  65520.0F,
                       -65520.0F, 0x1p-14F,  0x1p-24F,   0x1p-25F,     0x3p-26F,  0x3p-25F,
                       0x1.01p0F, 0x1.03p0F, 0x1.001p0F, 0x1.003p0F,   0x1p-126F, 0x1p-133F,
                       0x1p-134F, 0x3p-134F, -0x1p-140F, 0x1.ffffp127F});
  bits.insert(bits.end(), {0x7f800000U, 0xff800000U});  // infinities
  for (const unsigned word : finite_words(128 - bits.size())) {
    const unsigned exponent = 127 - 16 + (word >> 23 & 31);
    bits.push_back(bits.size() % 2 == 0 ? word : (word & 0x807fffffU) | exponent << 23);
  }
  return bits;
}

ConformanceCase activation_input(ConformanceCase test) {
  test.header = "arithmetic.cuh";
  test.geometry = one_block(64);
  std::vector<float> values;
  for (int i = 0; i < 64; ++i) values.push_back(static_cast<float>(i - 32) * 0.3F);
  test.in = bits_of(values);
  test.out_words = 64;
  return test;
}

/// By functions whose last digits are the library's own.
ConformanceCase inexact(ConformanceCase test) {
  test.tolerance = 0x1p-20F;
  return activation_input(std::move(test));
}

}  // namespace

std::vector<ConformanceCase> number_cases() {
  return {{CONVTUNE_KERNEL(vector_case), .header = "vector.cuh", .geometry = one_block(32),
           .in = random_words(240), .out_words = 240},
          {CONVTUNE_KERNEL(convert_case<DType::float16>), .header = "convert.cuh",
           .geometry = one_block(64), .in = numbers_to_round(), .out_words = 320},
          {CONVTUNE_KERNEL(convert_case<DType::bfloat16>), .header = "convert.cuh",
           .geometry = one_block(64), .in = numbers_to_round(), .out_words = 320},
          {CONVTUNE_KERNEL(multiply_add_case), .header = "arithmetic.cuh",
           .geometry = one_block(64), .in = finite_words(192), .out_words = 64},
          activation_input({CONVTUNE_KERNEL(activation_case<Activation::none>)}),
          activation_input({CONVTUNE_KERNEL(activation_case<Activation::relu>)}),
          inexact({CONVTUNE_KERNEL(activation_case<Activation::gelu>)}),
          inexact({CONVTUNE_KERNEL(activation_case<Activation::gelu_tanh>)}),
          inexact({CONVTUNE_KERNEL(activation_case<Activation::silu>)}),
          inexact({CONVTUNE_KERNEL(activation_case<Activation::tanh>)})};
}

}  // namespace convtune

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/enums.hpp"

namespace convtune {

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) { return dtype == DType::float32 ? 4 : 2; }

/// Unit round-off of a result stored in `dtype`: 2⁻²⁴, 2⁻¹¹, 2⁻⁸.
double epsilon(DType dtype);

/// "float32", "float16", "bfloat16".
std::string_view name(DType dtype);

/// Bits of an IEEE binary16 or a bfloat16 value.
using Bits16 = std::uint16_t;

/// Exact widening of 16-bit values.
float float_from_float16(Bits16 bits);
constexpr float float_from_bfloat16(Bits16 bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// Rounding to nearest, ties to even; overflow gives infinity, NaN stays a (quiet) NaN.
Bits16 float16_from_float(float value);
Bits16 bfloat16_from_float(float value);

/// Element `index` of an array of `dtype`, widened; and its inverse, rounded.
float load_element(const void* array, DType dtype, std::int64_t index);
void store_element(void* array, DType dtype, std::int64_t index, float value);

}  // namespace convtune

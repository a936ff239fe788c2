#include "kernels/dtype.hpp"

#include <cstring>

namespace convtune {
namespace {

constexpr std::uint32_t abs_mask = 0x7fffffff;
constexpr std::uint32_t float_infinity = 0x7f800000;

template <typename T>
T read(const void* array, std::int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(array) + index * std::int64_t{sizeof(T)},
              sizeof(T));
  return value;
}

template <typename T>
void write(void* array, std::int64_t index, T value) {
  std::memcpy(static_cast<std::byte*>(array) + index * std::int64_t{sizeof(T)}, &value, sizeof(T));
}

// Adds half a unit of the bits to be dropped, less one where the kept part is even: ties go to
// even. A carry out of the mantissa raises the exponent, which is the right result.
constexpr std::uint32_t round_off(std::uint32_t bits, int dropped) {
  const std::uint32_t odd = (bits >> dropped) & 1;
  return (bits + ((1U << (dropped - 1)) - 1) + odd) >> dropped;
}

}  // namespace

double epsilon(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 0x1p-24;
    case DType::float16:
      return 0x1p-11;
    case DType::bfloat16:
      return 0x1p-8;
  }
  return 0;
}

std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::float16:
      return "float16";
    case DType::bfloat16:
      return "bfloat16";
  }
  return "";
}

float float_from_float16(Bits16 bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t magnitude = bits & 0x7fffU;
  if (magnitude >= 0x7c00U) {
    return std::bit_cast<float>(sign | float_infinity | (magnitude & 0x3ffU) << 13);
  }
  if (magnitude < 0x0400U) {
    const float subnormal = static_cast<float>(magnitude) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(subnormal));
  }
  constexpr std::uint32_t bias_difference = (127U - 15U) << 23;
  return std::bit_cast<float>(sign | ((magnitude << 13) + bias_difference));
}

Bits16 float16_from_float(float value) {
  constexpr std::uint32_t overflow = 0x477ff000;      // 65520: halfway between 65504 and 65536
  constexpr std::uint32_t least_normal = 0x38800000;  // 2⁻¹⁴
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & abs_mask;
  if (magnitude > float_infinity) {
    return static_cast<Bits16>(sign | 0x7e00U | ((magnitude >> 13) & 0x3ffU));
  }
  if (magnitude >= overflow) return static_cast<Bits16>(sign | 0x7c00U);
  if (magnitude < least_normal) {
    // Between ½ and 1 a float's last bit is worth 2⁻²⁴, float16's least subnormal: the addition
    // rounds as float16 must.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<Bits16>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U));
  }
  constexpr std::uint32_t bias_difference = (127U - 15U) << 23;
  return static_cast<Bits16>(sign | round_off(magnitude - bias_difference, 13));
}

Bits16 bfloat16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & abs_mask) > float_infinity) return static_cast<Bits16>((bits >> 16) | 0x0040U);
  return static_cast<Bits16>(round_off(bits, 16));
}

float load_element(const void* array, DType dtype, std::int64_t index) {
  switch (dtype) {
    case DType::float32:
      return read<float>(array, index);
    case DType::float16:
      return float_from_float16(read<Bits16>(array, index));
    case DType::bfloat16:
      return float_from_bfloat16(read<Bits16>(array, index));
  }
  return 0;
}

void store_element(void* array, DType dtype, std::int64_t index, float value) {
  switch (dtype) {
    case DType::float32:
      return write(array, index, value);
    case DType::float16:
      return write(array, index, float16_from_float(value));
    case DType::bfloat16:
      return write(array, index, bfloat16_from_float(value));
  }
}

}  // namespace convtune

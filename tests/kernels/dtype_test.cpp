#include "kernels/dtype.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace convtune {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// The value of sign, exponent and fraction by the definition of an IEEE-like binary format.
double value_by_definition(unsigned bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int fraction = static_cast<int>(bits & ((1U << fraction_bits) - 1));
  const int exponent = static_cast<int>((bits >> fraction_bits) & ((1U << exponent_bits) - 1));
  const double sign = bits >> (exponent_bits + fraction_bits) ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? NAN : sign * INFINITY;
  const int hidden = exponent == 0 ? 0 : 1 << fraction_bits;
  return sign * std::ldexp(hidden + fraction, std::max(exponent, 1) - bias - fraction_bits);
}

struct Format {
  const char* name;
  int exponent_bits;
  int fraction_bits;
  float (*widen)(Bits16);
  Bits16 (*round)(float);
};

void PrintTo(const Format& format, std::ostream* out) { *out << format.name; }

class SixteenBits : public testing::TestWithParam<Format> {};

TEST_P(SixteenBits, WidenAsDefinedForEveryPattern) {
  const Format& format = GetParam();
  for (unsigned bits = 0; bits <= 0xffff; ++bits) {
    const double expected = value_by_definition(bits, format.exponent_bits, format.fraction_bits);
    const float actual = format.widen(static_cast<Bits16>(bits));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual)) << std::hex << bits;
    } else {
      ASSERT_EQ(actual, expected) << std::hex << bits;
      ASSERT_EQ(std::signbit(actual), bits >> 15 != 0) << std::hex << bits;
    }
  }
}

TEST_P(SixteenBits, RoundTripKeepsEveryPattern) {
  const Format& format = GetParam();
  for (unsigned bits = 0; bits <= 0xffff; ++bits) {
    const float wide = format.widen(static_cast<Bits16>(bits));
    const unsigned quiet_bit = std::isnan(wide) ? 1U << (format.fraction_bits - 1) : 0;
    ASSERT_EQ(format.round(wide), bits | quiet_bit) << std::hex << bits;
  }
}

// Between two neighbours the midpoint goes to the even one and the floats beside it to the nearer.
// Past the largest finite value the next neighbour would be infinity's bit pattern read as a
// number.
TEST_P(SixteenBits, MidpointsGoToEven) {
  const Format& format = GetParam();
  const unsigned infinity_bits = ((1U << format.exponent_bits) - 1) << format.fraction_bits;
  for (unsigned lower = 0; lower < infinity_bits; ++lower) {
    const double low = value_by_definition(lower, format.exponent_bits, format.fraction_bits);
    const double high =
        lower + 1 == infinity_bits
            ? std::ldexp(1.0, 1 << (format.exponent_bits - 1))
            : value_by_definition(lower + 1, format.exponent_bits, format.fraction_bits);
    const auto middle = static_cast<float>((low + high) / 2);
    const unsigned even = lower + (lower & 1);
    ASSERT_EQ(format.round(middle), even) << std::hex << lower;
    ASSERT_EQ(format.round(-middle), even | 0x8000) << std::hex << lower;
    ASSERT_EQ(format.round(std::nextafter(middle, 0.0F)), lower) << std::hex << lower;
    ASSERT_EQ(format.round(std::nextafter(middle, infinity)), lower + 1) << std::hex << lower;
  }
}

TEST_P(SixteenBits, KeepInfinitiesAndQuietNaNs) {
  const Format& format = GetParam();
  EXPECT_EQ(format.widen(format.round(infinity)), infinity);
  EXPECT_EQ(format.widen(format.round(-infinity)), -infinity);
  // A signalling NaN whose payload lies only in bits that rounding drops must not become infinity.
  for (const std::uint32_t bits :
       {0x7fc00000U, 0xffc00000U, 0x7f800001U, 0xff800001U, 0x7fffffffU}) {
    const Bits16 rounded = format.round(std::bit_cast<float>(bits));
    EXPECT_TRUE(std::isnan(format.widen(rounded))) << std::hex << bits;
    EXPECT_TRUE(rounded >> (format.fraction_bits - 1) & 1) << std::hex << bits;
    EXPECT_EQ(rounded >> 15, bits >> 31) << std::hex << bits;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , SixteenBits,
    testing::Values(Format{"float16", 5, 10, float_from_float16, float16_from_float},
                    Format{"bfloat16", 8, 7, float_from_bfloat16, bfloat16_from_float}),
    [](const auto& test) { return test.param.name; });

struct Golden {
  std::uint32_t input;
  Bits16 output;
};

// numpy.float32(x).astype(numpy.float16), as bits: random values and the borders of the format.
constexpr Golden numpy_float16[] = {
    {0xbc06edbf, 0xa037}, {0xbd12ef1b, 0xa897}, {0x42c5c4f2, 0x562e}, {0xc768e987, 0xfb47},
    {0x3188d581, 0x0000}, {0xb45775f2, 0x8003}, {0xc461371b, 0xe30a}, {0x4764bf97, 0x7b26},
    {0xb6efc9cc, 0x8078}, {0x381886e1, 0x0262}, {0x45471370, 0x6a39}, {0xbae6b3de, 0x9736},
    {0x372dd2dc, 0x00ae}, {0xc4187d4d, 0xe0c4}, {0x373d5fe4, 0x00bd}, {0x3a8a7050, 0x1454},
    {0x401c28f0, 0x40e1}, {0xbded7813, 0xaf6c}, {0x335574cd, 0x0001}, {0xb1ee3e89, 0x8000},
    {0x456b8586, 0x6b5c}, {0xc2f0325e, 0xd782}, {0xc4a7bfd9, 0xe53e}, {0xbdbc6789, 0xade3},
    {0x444f0794, 0x6278}, {0x38a31404, 0x0519}, {0xbbf5b019, 0x9fae}, {0xc380e862, 0xdc07},
    {0xb3eb4b30, 0x8002}, {0x3852a6fb, 0x034b}, {0x33a06e0c, 0x0001}, {0x3bdc25fd, 0x1ee1},
    {0x47b4dde1, 0x7c00}, {0xb46af3ee, 0x8004}, {0xba7fc669, 0x93fe}, {0xba241492, 0x9121},
    {0x463c2a0b, 0x71e1}, {0xb59b8c44, 0x8013}, {0xbcd8a530, 0xa6c5}, {0x3751d59c, 0x00d2},
    {0x316c1a57, 0x0000}, {0xc2e70c09, 0xd738}, {0xb27d0bdf, 0x8000}, {0xb7fb5991, 0x81f7},
    {0xbcf28c32, 0xa794}, {0xbc134465, 0xa09a}, {0xb3856708, 0x8001}, {0xc83db922, 0xfc00},
    {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x00000001, 0x0000}, {0x33000000, 0x0000},
    {0x33000001, 0x0001}, {0x33800000, 0x0001}, {0x33c00000, 0x0002}, {0x387fc000, 0x03ff},
    {0x387fe000, 0x0400}, {0x387fdfff, 0x03ff}, {0x38800000, 0x0400}, {0x477fe000, 0x7bff},
    {0x477fefff, 0x7bff}, {0x477ff000, 0x7c00}, {0x7f7fffff, 0x7c00}, {0x7f800000, 0x7c00},
};

// torch.tensor(x, dtype=torch.float32).bfloat16(), as bits.
constexpr Golden torch_bfloat16[] = {
    {0x585271b0, 0x5852}, {0xe50c1947, 0xe50c}, {0xcc0385ca, 0xcc04}, {0x6c372cda, 0x6c37},
    {0x9357203a, 0x9357}, {0x96e99b6d, 0x96ea}, {0xe4109e5c, 0xe411}, {0x06450562, 0x0645},
    {0x7d5e84da, 0x7d5f}, {0xac67ddfe, 0xac68}, {0x73fb2d31, 0x73fb}, {0xeb49644b, 0xeb49},
    {0xf35689e1, 0xf357}, {0xd3aad325, 0xd3ab}, {0x76e4295e, 0x76e4}, {0xe2b174c9, 0xe2b1},
    {0x12c2b186, 0x12c3}, {0xa90d0cdb, 0xa90d}, {0x44a2361e, 0x44a2}, {0x3edc836d, 0x3edd},
    {0xadf2765e, 0xadf2}, {0xc4bd87b0, 0xc4be}, {0xe37325dd, 0xe373}, {0x363050e0, 0x3630},
    {0xdf25a3aa, 0xdf26}, {0xd4ce6d74, 0xd4ce}, {0x5083baa0, 0x5084}, {0x100e4822, 0x100e},
    {0xc5997e44, 0xc599}, {0xd3532b59, 0xd353}, {0x75eb5bc0, 0x75eb}, {0x2a1d25f1, 0x2a1d},
    {0x254cd727, 0x254d}, {0x6009a231, 0x600a}, {0xc1d56a21, 0xc1d5}, {0x5115c0a2, 0x5116},
    {0x08103026, 0x0810}, {0xb0fb76c5, 0xb0fb}, {0xbe8576c2, 0xbe85}, {0x2db6e2f8, 0x2db7},
    {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x00000001, 0x0000}, {0x00007fff, 0x0000},
    {0x00008000, 0x0000}, {0x00008001, 0x0001}, {0x00018000, 0x0002}, {0x3f808000, 0x3f80},
    {0x3f818000, 0x3f82}, {0x3f7fffff, 0x3f80}, {0x7f7f7fff, 0x7f7f}, {0x7f7f8000, 0x7f80},
    {0x7f7fffff, 0x7f80}, {0xff800000, 0xff80},
};

TEST(Float16, RoundsAsNumpyDoes) {
  for (const auto& [input, output] : numpy_float16) {
    EXPECT_EQ(float16_from_float(std::bit_cast<float>(input)), output) << std::hex << input;
  }
}

TEST(BFloat16, RoundsAsTorchDoes) {
  for (const auto& [input, output] : torch_bfloat16) {
    EXPECT_EQ(bfloat16_from_float(std::bit_cast<float>(input)), output) << std::hex << input;
  }
}

TEST(DType, EpsilonIsHalfTheGapAboveOne) {
  EXPECT_EQ(1 + 2 * epsilon(DType::float32), std::nextafter(1.0F, 2.0F));
  EXPECT_EQ(1 + 2 * epsilon(DType::float16), float_from_float16(float16_from_float(1) + 1));
  EXPECT_EQ(1 + 2 * epsilon(DType::bfloat16), float_from_bfloat16(bfloat16_from_float(1) + 1));
}

TEST(DType, StoredElementsLoadBackRounded) {
  const float third = 1.0F / 3;
  const std::array expected = {std::pair{DType::float32, third},
                               std::pair{DType::float16, 0x1.554p-2F},
                               std::pair{DType::bfloat16, 0x1.56p-2F}};
  for (const auto& [dtype, rounded] : expected) {
    std::vector<std::byte> array(3 * size_of(dtype), std::byte{0});
    store_element(array.data(), dtype, 1, third);
    EXPECT_EQ(load_element(array.data(), dtype, 0), 0) << name(dtype);
    EXPECT_EQ(load_element(array.data(), dtype, 1), rounded) << name(dtype);
    EXPECT_EQ(load_element(array.data(), dtype, 2), 0) << name(dtype);
  }
}

TEST(DType, NamesAreThoseOfTheCommandLine) {
  EXPECT_EQ(name(DType::float32), "float32");
  EXPECT_EQ(name(DType::float16), "float16");
  EXPECT_EQ(name(DType::bfloat16), "bfloat16");
}

}  // namespace
}  // namespace convtune

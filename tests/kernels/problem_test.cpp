#include "kernels/problem.hpp"

#include <gmock/gmock.h>

#include <utility>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

Problem whisper() {
  return {.batch = 1,
          .length = 3000,
          .in_channels = 80,
          .out_channels = 384,
          .kernel_size = 3,
          .padding = {1, 1}};
}

/// Counts the windows that fit, from the definition: window t covers [t·s, t·s + d·(K−1)] of the
/// padded length.
std::int64_t counted_output_length(const Problem& p) {
  const std::int64_t padded = p.length + p.padding.left + p.padding.right;
  std::int64_t windows = 0;
  while (windows * p.stride + p.dilation * (p.kernel_size - 1) < padded) ++windows;
  return windows;
}

TEST(Problem, OutputLengthCountsTheWindowsThatFit) {
  for (std::int64_t length = 1; length < 24; ++length) {
    for (std::int64_t kernel = 1; kernel < 6; ++kernel) {
      for (std::int64_t stride = 1; stride < 4; ++stride) {
        for (std::int64_t dilation = 1; dilation < 4; ++dilation) {
          Problem p = whisper();
          p.length = length, p.kernel_size = kernel, p.stride = stride, p.dilation = dilation;
          p.padding = {2, 1};
          const std::int64_t counted = counted_output_length(p);
          if (counted == 0) {
            EXPECT_THAT(refusal([&] { validate(p); }), HasSubstr("output length"));
          } else {
            validate(p);
            EXPECT_EQ(output_length(p), counted) << describe(p);
          }
        }
      }
    }
  }
}

TEST(Problem, SizesFollowTheShape) {
  Problem p = whisper();
  p.num_groups = 4, p.has_bias = true, p.dtype = DType::bfloat16;
  EXPECT_EQ(input_elements(p), 3000 * 80);
  EXPECT_EQ(weight_elements(p), 3 * 20 * 384);
  EXPECT_EQ(output_elements(p), 3000 * 384);
  EXPECT_EQ(multiply_adds(p), 3000 * 384 * 3 * 20);
  EXPECT_EQ(compulsory_bytes(p), 2 * (3000 * 80 + 3 * 20 * 384 + 3000 * 384 + 384));
}

TEST(Problem, RefusalsNameFieldValueAndRule) {
  const auto message = [](auto change) {
    Problem p = whisper();
    change(p);
    return refusal([&] { validate(p); });
  };
  EXPECT_EQ(message([](Problem& p) { p.stride = 0; }), "stride is 0; it must be at least 1");
  EXPECT_EQ(message([](Problem& p) { p.batch = -1; }), "batch is -1; it must be at least 1");
  EXPECT_EQ(message([](Problem& p) { p.padding.right = -2; }),
            "padding (right) is -2; it must be at least 0");
  EXPECT_EQ(message([](Problem& p) { p.num_groups = 3; }),
            "in_channels is 80; it must be a multiple of num_groups, which is 3");
  EXPECT_EQ(message([](Problem& p) { p.in_channels = 90, p.num_groups = 9; }),
            "out_channels is 384; it must be a multiple of num_groups, which is 9");
  EXPECT_THAT(message([](Problem& p) { p.math = Math::tf32, p.dtype = DType::float16; }),
              HasSubstr("math is tf32; with dtype float16 it must be ieee or winograd"));
}

TEST(Problem, WinogradIsIeeeWhereItAllowsNoMore) {
  Problem p = whisper();
  p.math = Math::winograd;
  EXPECT_TRUE(serves_winograd(p));
  EXPECT_EQ(canonical(p), p);
  const auto is_ieee = [&](auto change) {
    Problem other = p;
    change(other);
    const Math math = std::exchange(other.math, Math::ieee);
    EXPECT_EQ(math, Math::winograd);
    const Problem ieee = other;
    other.math = math;
    EXPECT_EQ(canonical(other), ieee);
  };
  is_ieee([](Problem& other) { other.kernel_size = 5; });
  is_ieee([](Problem& other) { other.stride = 2; });
  is_ieee([](Problem& other) { other.dilation = 1 << 24; });
  p.math = Math::tf32;
  p.stride = 2;
  EXPECT_EQ(canonical(p), p);
}

TEST(Problem, SizesBeyond64BitsAreRefused) {
  const auto message = [](auto change) {
    Problem p = whisper();
    change(p);
    return refusal([&] { validate(p); });
  };
  constexpr std::int64_t huge = std::int64_t{1} << 62;
  EXPECT_EQ(message([](Problem& p) { p.length = INT64_MAX; }),
            "length 9223372036854775807 with its padding 1,1 does not fit a signed 64-bit integer; "
            "make the problem smaller");
  EXPECT_THAT(message([](Problem& p) { p.dilation = huge; }),
              HasSubstr("dilation 4611686018427387904 * (kernel_size 3 - 1) does not"));
  EXPECT_THAT(message([](Problem& p) { p.length = huge; }),
              HasSubstr("size of x in bytes (batch 1 * length 4611686018427387904 * in_channels"));
  EXPECT_THAT(message([](Problem& p) { p.out_channels = huge; }),
              HasSubstr("size of weight in bytes (kernel_size 3 * in_channels / num_groups 80 * "
                        "out_channels 4611686018427387904 * 4)"));
  EXPECT_THAT(message([](Problem& p) { p.batch = huge >> 13, p.in_channels = 1; }),
              HasSubstr("size of y in bytes (batch 562949953421312 * output length 3000 *"));
  EXPECT_THAT(message([](Problem& p) { p.batch = huge >> 22; }),
              HasSubstr("number of operations (2 * batch 1099511627776 * output length 3000 *"));
}

TEST(Problem, Above32BitsIsServed) {
  Problem p = whisper();
  p.length = std::int64_t{1} << 33;
  validate(p);
  EXPECT_EQ(output_length(p), p.length);
  EXPECT_EQ(input_elements(p), p.length * 80);
}

}  // namespace
}  // namespace convtune

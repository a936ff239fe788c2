#include "tests/emulator/matrix.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "kernels/dtype.hpp"
#include "tests/emulator/cases/matrix.cuh"
#include "tests/emulator/cases/tf32.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

TEST(LoadMatrix, GivesEachLaneItsElements) {
  // Element (row, column) of matrix m is 256 m + 16 row + column.
  const auto element = [](unsigned m, unsigned row, unsigned column) {
    return 256 * m + 16 * row + column;
  };
  std::vector<unsigned> in, straight, transposed;
  for (unsigned i = 0; i < 128; ++i) {
    const unsigned low = element(i / 32, i / 4 % 8, i % 4 * 2);
    in.push_back(low | (low + 1) << 16);
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned g = lane / 4, t = lane % 4;
    for (const unsigned count : {4U, 2U, 1U}) {
      for (unsigned m = 0; m < count; ++m) {
        straight.push_back(element(m, g, 2 * t) | element(m, g, 2 * t + 1) << 16);
        transposed.push_back(element(m, 2 * t, g) | element(m, 2 * t + 1, g) << 16);
      }
    }
  }
  EXPECT_EQ(run_case(load_matrix_case<false>, one_block(32, 512), in, 224), straight);
  EXPECT_EQ(run_case(load_matrix_case<true>, one_block(32, 512), in, 224), transposed);
}

// The places of the PTX documentation, element by element, independent of the emulator's formulas.
// 16-bit A (m16n8k16): row = group for a0, a1, a4, a5, else group + 8; column = 2t + (i & 1), + 8
// for i >= 4. B: row = 2t + (i & 1), + 8 for i >= 2; column = group.
// TF32 (m16n8k8) A: row = group for a0, a2, else group + 8; column = t for a0, a1, else t + 4. B:
// row = t for b0, t + 4 for b1; column = group.
struct Fragments {
  unsigned a_row[8], a_column[8], b_row[4];
};
Fragments fragments(DType dtype, unsigned group, unsigned t) {
  const unsigned g = group;
  if (dtype == DType::float32) return {{g, g + 8, g, g + 8}, {t, t, t + 4, t + 4}, {t, t + 4}};
  const unsigned c = 2 * t;
  return {{g, g, g + 8, g + 8, g, g, g + 8, g + 8},
          {c, c + 1, c, c + 1, c + 8, c + 9, c + 8, c + 9},
          {c, c + 1, c + 8, c + 9}};
}

unsigned bits_of(DType dtype, float value) {
  unsigned bits = 0;
  store_element(&bits, dtype, 0, value);
  return bits;
}

template <DType dtype>
void expect_product() {
  std::mt19937 random(1);
  const unsigned depth = mma_depth(dtype), per_register = dtype == DType::float32 ? 1 : 2;
  int a[16][16], b[16][8], d[16][8];
  const auto draw = [&](auto& matrix) {
    for (auto& row : matrix)
      for (int& value : row) value = static_cast<int>(random() % 17) - 8;
  };
  draw(a), draw(b), draw(d);
  std::vector<unsigned> in, expected;
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned g = lane / 4, t = lane % 4;
    const Fragments places = fragments(dtype, g, t);
    unsigned registers[6] = {};
    for (unsigned i = 0; i < 4 * per_register; ++i) {
      const int value = a[places.a_row[i]][places.a_column[i]];
      registers[i / per_register] |= bits_of(dtype, static_cast<float>(value))
                                     << i % per_register * 16;
    }
    for (unsigned i = 0; i < 2 * per_register; ++i)
      registers[4 + i / per_register] |= bits_of(dtype, static_cast<float>(b[places.b_row[i]][g]))
                                         << i % per_register * 16;
    in.insert(in.end(), registers, registers + 6);
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = g + (i < 2 ? 0 : 8), column = 2 * t + (i & 1);
      int sum = d[row][column];
      in.push_back(__builtin_bit_cast(unsigned, static_cast<float>(sum)));
      for (unsigned k = 0; k < depth; ++k) sum += a[row][k] * b[k][column];
      expected.push_back(__builtin_bit_cast(unsigned, static_cast<float>(sum)));
    }
  }
  EXPECT_EQ(run_case(mma_case<dtype>, one_block(32), in, 128), expected);
}

TEST(Mma, MultipliesAsTheDocumentationSays) {
  expect_product<DType::float16>();
  expect_product<DType::bfloat16>();
  expect_product<DType::float32>();
}

TEST(Mma, IgnoresWhatTf32DoesNotHave) {
  std::vector<unsigned> in(320, 0);
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 6; ++i) in[lane * 10 + i] = 0x3f800000U | 0x1fffU;  // 1 and a little
  }
  const std::vector<unsigned> out = run_case(mma_case<DType::float32>, one_block(32), in, 128);
  EXPECT_THAT(out, testing::Each(__builtin_bit_cast(unsigned, 8.0F)));
}

TEST(Mma, CountsItsMultiplyAdds) {
  const std::vector<unsigned> in(640);
  std::vector<unsigned> out(256);
  const CaseArgs args = {.in = in.data(), .out = out.data()};
  const auto counted = [&](void (*kernel)(const CaseArgs&)) {
    return launch(one_block(64), [&] { kernel(args); }).counts.multiply_adds;
  };
  EXPECT_EQ(counted(mma_case<DType::float16>), 2 * 16 * 8 * 16U);
  EXPECT_EQ(counted(mma_case<DType::float32>), 2 * 16 * 8 * 8U);
}

TEST(Tf32, RoundsToNearestTiesAwayAndSplitsAlmostExactly) {
  std::mt19937 random(2);
  std::vector<unsigned> in = {0x3f801000U, 0x3f800fffU, 0x3f803000U, 0xbf801000U,
                              0x7f800000U, 0x00000000U, 0x80000000U, 0x7f7fffffU};
  const std::vector<unsigned> rounded = {0x3f802000U, 0x3f800000U, 0x3f804000U, 0xbf802000U,
                                         0x7f800000U, 0x00000000U, 0x80000000U, 0x7f800000U};
  std::normal_distribution<float> normal;
  while (in.size() < 64) in.push_back(__builtin_bit_cast(unsigned, normal(random)));
  const std::vector<unsigned> out = run_case(tf32_case, one_block(64), in, 128);
  for (unsigned i = 0; i < rounded.size(); ++i) EXPECT_EQ(out[2 * i], rounded[i]) << i;
  for (unsigned i = 8; i < 64; ++i) {
    const double value = __builtin_bit_cast(float, in[i]);
    const double big = __builtin_bit_cast(float, out[2 * i]);
    const double small = __builtin_bit_cast(float, out[2 * i + 1]);
    EXPECT_LE(std::abs(big - value), std::abs(value) * 0x1p-11) << value;
    EXPECT_LE(std::abs(big + small - value), std::abs(value) * 0x1p-21) << value;
    EXPECT_EQ(out[2 * i] & 0x1fffU, 0U);
    EXPECT_EQ(out[2 * i + 1] & 0x1fffU, 0U);
  }
}

/// Planted bugs: three ways to hand a warp's matrices over.
TEST(LoadMatrix, CatchesPlantedBugs) {
  const auto rows = [] { return shared_address(shared_memory()) + 16 * thread_index(); };
  expect_caught(
      one_block(32, 512),
      [&] {
        unsigned m[4];
        load_matrix(m, rows() + 8);
      },
      "not aligned");
  expect_caught(
      one_block(32, 512),
      [&] {
        unsigned m[4];
        load_matrix(m, rows() + 512);
      },
      "outside the 512");
  expect_caught(
      one_block(32, 512),
      [&] {
        unsigned m[4];
        if (thread_index() < 31) load_matrix(m, rows());
      },
      "deadlock");
  if (!detects_races()) return;
  expect_caught(
      one_block(32, 512),
      [&] {
        unsigned m[4];
        store_shared(reinterpret_cast<unsigned*>(shared_memory()) + 4 * thread_index(),
                     Vector<unsigned, 4>{});
        load_matrix(m, rows());
      },
      "race");
}

}  // namespace
}  // namespace convtune::cuda

#include "kernels/cpu/bf16_tile.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/bf16_unit.hpp"
#include "kernels/dtype.hpp"

namespace convtune {
namespace {

constexpr std::int64_t chunks = 3, taps = 2, most_parts = 3, most_tiles = 4;
constexpr std::int64_t left_row = 40;  // bfloat16 from one row to the next, 32 of which count
constexpr std::int64_t most_rows = 16 * most_tiles;
constexpr std::int64_t y_row = 70;
constexpr float untouched = -1000;

struct TileCase {
  std::int64_t left_tiles, right_tiles, parts;
  std::int64_t left_rows = 16 * left_tiles;
  std::int64_t last_pairs = 16;
  std::int64_t right_columns = 16 * right_tiles;
  float rest = 0;  // what the other pairs of the last chunk, and the other rows, hold
};

// Small integers, whose sums are exact in whatever order: left [chunk][tap][part][row][32 of 40],
// right [chunk][tap][part][tile][pair][16][2].
class Tiles {
 public:
  explicit Tiles(const TileCase& c) : case_(c) {
    for (Bits16& number : left_) number = bfloat16_from_float(next());
    for (Bits16& number : right_) number = bfloat16_from_float(next());
    for (float& number : start_) number = next();
    for (std::int64_t slot = 0; slot < slots; ++slot) {
      for (std::int64_t row = 0; row < most_rows; ++row) {
        for (std::int64_t k = 0; k < 32; ++k) {
          if (!counts(slot, row, k)) left_[left_index(slot, row, k)] = bfloat16_from_float(c.rest);
        }
      }
      for (std::int64_t j = 0; j < 16 * most_tiles; ++j) {
        for (std::int64_t k = 0; k < 32; ++k) {
          if (!counts(slot, 0, k)) right_[right_index(slot, j, k)] = bfloat16_from_float(c.rest);
        }
      }
    }
  }

  /// Summed into `sums`, or into `y` if it is not null.
  Bf16Tile tile(float* sums, Bits16* y) const {
    const std::int64_t columns = 16 * case_.right_tiles;
    return {.left = {left_.data(), 2 * left_row, 32 * left_row,
                     2 * taps * most_parts * most_rows * left_row,
                     2 * most_parts * most_rows * left_row, 2 * most_rows * left_row},
            .right = {right_.data(), 64, 1024, 1024 * taps * most_parts * most_tiles,
                      1024 * most_parts * most_tiles, 1024 * most_tiles},
            .left_tiles = case_.left_tiles,
            .right_tiles = case_.right_tiles,
            .left_rows = case_.left_rows,
            .chunks = chunks,
            .taps = taps,
            .parts = case_.parts,
            .last_pairs = case_.last_pairs,
            .start = start_.data(),
            .start_row = 4 * columns,
            .start_left = 64 * columns,
            .start_right = 64,
            .sums = sums,
            .y = y,
            .y_row = y_row,
            .right_columns = case_.right_columns};
  }

  float expected(std::int64_t row, std::int64_t column) const {
    float sum = start_[static_cast<std::size_t>(row * 16 * case_.right_tiles + column)];
    for (std::int64_t slot = 0; slot < slots; ++slot) {
      const std::int64_t a = slot % most_parts, step = slot - a;
      for (std::int64_t b = 0; a < case_.parts && b < std::min(case_.parts, 3 - a); ++b) {
        for (std::int64_t k = 0; k < 32; ++k) {
          if (!counts(slot, row, k)) continue;
          sum += float_from_bfloat16(left_[left_index(slot, row, k)]) *
                 float_from_bfloat16(right_[right_index(step + b, column, k)]);
        }
      }
    }
    return sum;
  }

 private:
  static constexpr std::int64_t slots = chunks * taps * most_parts;

  float next() { return static_cast<float>(small_(random_)); }

  bool counts(std::int64_t slot, std::int64_t row, std::int64_t k) const {
    const bool last = slot / (taps * most_parts) == chunks - 1;
    return row < case_.left_rows && (!last || k / 2 < case_.last_pairs);
  }

  static std::size_t left_index(std::int64_t slot, std::int64_t row, std::int64_t k) {
    return static_cast<std::size_t>((slot * most_rows + row) * left_row + k);
  }

  static std::size_t right_index(std::int64_t slot, std::int64_t column, std::int64_t k) {
    return static_cast<std::size_t>((slot * most_tiles + column / 16) * 512 + k / 2 * 32 +
                                    column % 16 * 2 + k % 2);
  }

  TileCase case_;
  std::mt19937_64 random_{11};
  std::uniform_int_distribution<int> small_{-8, 8};
  std::vector<Bits16> left_ = std::vector<Bits16>(std::size_t{slots} * most_rows * left_row);
  std::vector<Bits16> right_ = std::vector<Bits16>(std::size_t{slots} * most_tiles * 512);
  std::vector<float> start_ = std::vector<float>(std::size_t{most_rows} * most_rows);
};

void expect_exact_sums(const TileCase& c, void (*multiply)(const Bf16Tile&)) {
  SCOPED_TRACE(testing::Message() << c.left_tiles << " x " << c.right_tiles << " tiles, " << c.parts
                                  << " parts, " << c.left_rows << " rows, " << c.last_pairs
                                  << " pairs");
  const Tiles tiles(c);
  std::vector<float> sums(std::size_t{most_rows} * most_rows + 1, untouched);
  multiply(tiles.tile(sums.data(), nullptr));
  const std::int64_t columns = 16 * c.right_tiles;
  for (std::int64_t row = 0; row < c.left_rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      ASSERT_EQ(sums[static_cast<std::size_t>(row * columns + column)], tiles.expected(row, column))
          << row << ", " << column;
    }
  }
  const std::int64_t last = (c.left_rows + 7) / 8 * 8;
  if (multiply == multiply_by_avx512) {
    EXPECT_EQ(sums[static_cast<std::size_t>(last * columns)], untouched);
  }
  EXPECT_EQ(sums[static_cast<std::size_t>(16 * c.left_tiles * columns)], untouched);
}

TEST(Bf16TileTest, IsSummedByVectors) {
  if (bf16_unit() == Bf16Unit::none) GTEST_SKIP() << "this CPU has no AVX512-BF16";
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::int64_t left : {1, 2, 3, 4}) {
    for (const std::int64_t right : {1, 2, 3, 4}) {
      expect_exact_sums({.left_tiles = left, .right_tiles = right, .parts = 1}, multiply_by_avx512);
      for (const std::int64_t pairs : {1, 5, 16}) {
        expect_exact_sums({.left_tiles = left,
                           .right_tiles = right,
                           .parts = 1,
                           .left_rows = 16 * left - (pairs == 5 ? 3 : 11),
                           .last_pairs = pairs,
                           .rest = nan},
                          multiply_by_avx512);
      }
    }
  }
}

// Rounded, the wanted rows and columns alone.
TEST(Bf16TileTest, IsStoredByVectors) {
  if (bf16_unit() == Bf16Unit::none) GTEST_SKIP() << "this CPU has no AVX512-BF16";
  const Bits16 kept = bfloat16_from_float(untouched);
  for (const std::int64_t tiles : {1, 2, 3, 4}) {
    for (const std::int64_t fewer : {0, 5, 15}) {
      const TileCase c = {.left_tiles = 5 - tiles,
                          .right_tiles = tiles,
                          .parts = 1,
                          .left_rows = 16 * (5 - tiles) - fewer,
                          .last_pairs = 7,
                          .right_columns = 16 * tiles - (15 - fewer)};
      const Tiles operands(c);
      std::vector<Bits16> y(std::size_t{most_rows} * y_row, kept);
      multiply_by_avx512(operands.tile(nullptr, y.data()));
      for (std::int64_t i = 0; i < most_rows * y_row; ++i) {
        const std::int64_t row = i / y_row, column = i % y_row;
        const bool wanted = row < c.left_rows && column < c.right_columns;
        ASSERT_EQ(y[static_cast<std::size_t>(i)],
                  wanted ? bfloat16_from_float(operands.expected(row, column)) : kept)
            << row << ", " << column;
      }
    }
  }
}

TEST(Bf16TileTest, IsSummedByAmx) {
  if (bf16_unit() != Bf16Unit::tiles) GTEST_SKIP() << "this CPU has no AMX";
  const AmxShapes shapes(true);
  for (const std::int64_t left : {1, 2, 3, 4}) {
    for (std::int64_t right = 1; left * right <= 4; ++right) {
      for (const std::int64_t parts : {1, 2, 3}) {
        for (const std::int64_t pairs : {16, 5}) {
          expect_exact_sums(
              {.left_tiles = left, .right_tiles = right, .parts = parts, .last_pairs = pairs},
              multiply_by_amx);
        }
      }
    }
  }
}

}  // namespace
}  // namespace convtune

#include "kernels/cuda/cuda_kernel.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace convtune {
namespace {

/// Positions of x that some tap of some output reads.
std::set<std::int64_t> positions_read(const Problem& p) {
  std::set<std::int64_t> positions;
  for (std::int64_t t = 0; t < output_length(p); ++t) {
    for (std::int64_t k = 0; k < p.kernel_size; ++k) {
      const std::int64_t position = t * p.stride + k * p.dilation - p.padding.left;
      if (position >= 0 && position < p.length) positions.insert(position);
    }
  }
  return positions;
}

TEST(MainMemoryBytes, AreThoseOfThePositionsThatTapsRead) {
  std::mt19937 random(1);
  const auto draw = [&](unsigned most) { return static_cast<std::int64_t>(random() % (most + 1)); };
  for (int i = 0; i < 2000; ++i) {
    // A position is a sector.
    Problem p = {.batch = 1 + draw(2), .length = 1 + draw(60), .in_channels = 8, .out_channels = 8};
    p.kernel_size = 1 + draw(6);
    p.stride = 1 + draw(7);
    p.dilation = 1 + draw(30);
    p.padding = {draw(40), draw(40)};
    if (p.length + p.padding.left + p.padding.right <= p.dilation * (p.kernel_size - 1)) continue;
    const auto x =
        static_cast<double>(positions_read(p).size()) * static_cast<double>(p.batch) * 32;
    EXPECT_EQ(main_memory_bytes(p, 100), x + 4.0 * static_cast<double>(output_elements(p)) + 100)
        << describe(p);
  }
}

TEST(MainMemoryBytes, AreThoseOfWholeSectors) {
  Problem p = {.length = 800, .in_channels = 64, .out_channels = 64, .kernel_size = 1};
  const auto x = [&] {
    return main_memory_bytes(p, 0) - 4.0 * static_cast<double>(output_elements(p));
  };
  p.stride = 4;
  EXPECT_EQ(x(), 800 * 64 * 4 / 4);
  p.layout = Layout::NCL;
  EXPECT_EQ(x(), 800 * 64 * 4);  // eight positions a sector
  p.stride = 16;
  EXPECT_EQ(x(), 800 * 64 * 4 / 2);
  p.layout = Layout::NLC;
  p.in_channels = 1;
  EXPECT_EQ(x(), 800 * 4 / 2);
}

}  // namespace
}  // namespace convtune

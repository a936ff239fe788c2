#include "kernels/cuda/matrix_descriptor.hpp"

#include <gtest/gtest.h>

namespace convtune::cuda {
namespace {

// Worked out by hand from the table "Matrix Descriptor Format" of the PTX documentation for wgmma:
// bits 0-13 address, 16-29 leading bytes, 32-45 stride bytes, each shifted right by 4; bits 62-63
// swizzle, 0 none, 1 128 bytes, 2 64 bytes, 3 32 bytes.
static_assert(matrix_descriptor(0, 0, 0, Swizzle::none) == 0);
static_assert(matrix_descriptor(0x400, 0, 1024, Swizzle::bytes_128) == 0x4000'0040'0000'0040);
static_assert(matrix_descriptor(0x420, 0, 1024, Swizzle::bytes_128) == 0x4000'0040'0000'0042);
static_assert(matrix_descriptor(0x400, 16, 512, Swizzle::bytes_64) == 0x8000'0020'0001'0040);
static_assert(matrix_descriptor(0x400, 2048, 256, Swizzle::bytes_32) == 0xc000'0010'0080'0040);
static_assert(matrix_descriptor(0x10, 128, 256, Swizzle::none) == 0x0000'0010'0008'0001);
static_assert(matrix_descriptor(0x3fff0, 0x3fff0, 0x3fff0, Swizzle::none) == 0x0000'3fff'3fff'3fff);

TEST(MatrixDescriptor, KeepsFieldsApart) {
  const auto filled = [](unsigned address, int leading, int stride) {
    return matrix_descriptor(address, leading, stride, Swizzle::none);
  };
  EXPECT_EQ(filled(0x3fff0, 0, 0), 0x3fffULL);
  EXPECT_EQ(filled(0, 0x3fff0, 0), 0x3fffULL << 16);
  EXPECT_EQ(filled(0, 0, 0x3fff0), 0x3fffULL << 32);
  EXPECT_EQ(filled(0x40000, 0x40000, 0x40000), 0ULL);  // bits above the field
}

}  // namespace
}  // namespace convtune::cuda

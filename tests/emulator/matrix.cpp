#include "tests/emulator/matrix.hpp"

#include <array>
#include <cstring>

#include "kernels/dtype.hpp"
#include "tests/emulator/block.hpp"
#include "tests/emulator/primitives.hpp"

namespace convtune::emulator {

float matrix_element(DType dtype, const void* at) {
  if (dtype == DType::float32) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, at, 4);
    return __builtin_bit_cast(float, bits & 0xffffe000U);
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, 2);
  return dtype == DType::float16 ? float_from_float16(bits)
                                 : __builtin_bit_cast(float, std::uint32_t{bits} << 16);
}

Place place_in_a(DType dtype, unsigned lane, unsigned i) {
  if (dtype == DType::float32) return {lane / 4 + i % 2 * 8, lane % 4 + i / 2 * 4};
  return {lane / 4 + i / 2 % 2 * 8, lane % 4 * 2 + i % 2 + i / 4 * 8};
}

Place place_in_b(DType dtype, unsigned lane, unsigned i) {
  if (dtype == DType::float32) return {lane % 4 + i * 4, lane / 4};
  return {lane % 4 * 2 + i % 2 + i / 2 * 8, lane / 4};
}

Place place_in_d(unsigned lane, unsigned i) {
  return {lane / 4 + i / 2 % 2 * 8, lane % 4 * 2 + i % 2 + i / 4 * 8};
}

void multiply_add_matrices(unsigned m, unsigned n, unsigned k, const float* a, const float* b,
                           float* d) {
  for (unsigned row = 0; row < m; ++row) {
    for (unsigned i = 0; i < k; ++i) {
      const float factor = a[row * k + i];
      for (unsigned column = 0; column < n; ++column)
        d[row * n + column] += factor * b[i * n + column];
    }
  }
  counts.multiply_adds += std::uint64_t{m} * n * k;
}

void load_matrix(unsigned* registers, unsigned count, bool transposed, unsigned row, Location at) {
  struct Load {
    unsigned* registers;
    unsigned row;
  };
  Block& block = *current_block;
  Load mine = {registers, row};
  block.warps.execute(block, "for the warp's load_matrix", mine, at, [&](auto lane) {
    const unsigned first = running.agent - running.thread % 32;
    for (unsigned matrix = 0; matrix < count; ++matrix) {
      const char* rows[8];
      for (unsigned i = 0; i < 8; ++i) rows[i] = shared_bytes(block, lane(matrix * 8 + i).row, 16);
      for (unsigned i = 0; i < 64; ++i) {
        const unsigned to = i / 2;
        const char* from =
            transposed ? rows[i % 8] + i / 8 * 2 : rows[i / 8] + i % 8 * 2;  // one element
        if (block.races) block.races->read(first + to, *block.shared.offset(from, 2), 2);
        std::memcpy(reinterpret_cast<char*>(lane(to).registers + matrix) + i % 2 * 2, from, 2);
      }
    }
  });
}

void multiply_matrices(DType dtype, float* d, const unsigned* a, const unsigned* b, Location at) {
  struct Product {
    float* d;
    const unsigned* a;
    const unsigned* b;
  };
  Block& block = *current_block;
  Product mine = {d, a, b};
  block.warps.execute(block, "for the warp's mma", mine, at, [&](auto lane) {
    const unsigned k = depth(dtype);
    const unsigned per_lane = k / 2;  // elements of A, twice those of B
    const unsigned bytes = dtype == DType::float32 ? 4 : 2;
    std::array<float, 16 * 16> left;
    std::array<float, 16 * 8> right;
    std::array<float, 16 * 8> sums;
    for (unsigned l = 0; l < 32; ++l) {
      const auto* a_bytes = reinterpret_cast<const char*>(lane(l).a);
      const auto* b_bytes = reinterpret_cast<const char*>(lane(l).b);
      for (unsigned i = 0; i < per_lane; ++i) {
        const Place at_a = place_in_a(dtype, l, i);
        left[at_a.row * k + at_a.column] = matrix_element(dtype, a_bytes + i * bytes);
      }
      for (unsigned i = 0; i < per_lane / 2; ++i) {
        const Place at_b = place_in_b(dtype, l, i);
        right[at_b.row * 8 + at_b.column] = matrix_element(dtype, b_bytes + i * bytes);
      }
      for (unsigned i = 0; i < 4; ++i) {
        const Place at_d = place_in_d(l, i);
        sums[at_d.row * 8 + at_d.column] = lane(l).d[i];
      }
    }
    multiply_add_matrices(16, 8, k, left.data(), right.data(), sums.data());
    for (unsigned l = 0; l < 32; ++l) {
      for (unsigned i = 0; i < 4; ++i) {
        const Place at_d = place_in_d(l, i);
        lane(l).d[i] = sums[at_d.row * 8 + at_d.column];
      }
    }
  });
}

}  // namespace convtune::emulator

#pragma once

#include <hwy/aligned_allocator.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/cpu/bf16_tile.hpp"
#include "kernels/cpu/packed.hpp"
#include "kernels/cpu/window.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// How x is read: Bf16Config::window.
enum Bf16Window : std::int64_t { in_place, positions, taps_in_turn };

/// cpu_bf16: products of pairs of bfloat16, by AMX or AVX512-BF16. y in register tiles of tile_l
/// positions × tile_c output channels, both multiples of a tile's 16; the reduction over taps and
/// input channels in steps of 32. In NLC the rows of a tile of sums are positions, x is the left
/// factor and, in bfloat16, lies in memory as the instructions want it; in NCL they are output
/// channels, x is the right factor, pairs of channels interleaved. By AVX512-BF16 a register tile
/// is 8 × 32 sums, and tile_l × tile_c what is summed in turn over one part of the weights. By AMX,
/// which is fast enough for it, other numbers are exact sums of bfloat16, each the leading 8 bits
/// of what those before it left: a float16 of two, a float32 of three. All products of float16's
/// parts are summed, and of float32's all but the three least: below 2⁻²¹ of the whole, where the
/// tolerance is 2⁻²⁰ or more. The instructions take numbers below 2⁻¹²⁶ for 0. Sums and x in
/// bfloat16 become 0 by it; weights, and the x of other types, with such parts are summed without
/// the instructions. Kernel in bf16_kernel.cpp, space of
/// configs in bf16.cpp.
struct Bf16Config {
  std::int64_t tile_l = 0;   ///< output positions of a register tile
  std::int64_t tile_c = 0;   ///< output channels of a register tile
  std::int64_t block_l = 0;  ///< output positions of a task
  std::int64_t block_c = 0;  ///< output channels of a task; 0: all of a group
  std::int64_t window = 0;   ///< 0: x is read where it lies; 1: its positions are copied, for all
                             ///< taps; 2: what each output reads is copied, taps in turn
};

/// On a task's stack: elements of x laid out at once, and floats of sums.
inline constexpr std::int64_t bf16_max_window = 65536;
inline constexpr std::int64_t bf16_max_sums = 32768;

/// bfloat16 of which a number of `dtype` is the sum.
constexpr std::int64_t bf16_parts(DType dtype) {
  return dtype == DType::bfloat16 ? 1 : dtype == DType::float16 ? 2 : bf16_max_parts;
}

/// The least float32 but 0 whose three parts are 2⁻¹²⁶ or more: the last bit is 23 below the first.
inline constexpr float bf16_least_float = 0x1p-103F;

/// What is left of a number whose parts are taken one by one: 0 in the end, or NaN of an infinity
/// or NaN.
struct Bf16Rest {
  float left;
  Bits16 take() {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(left) & 0xFFFF0000U;
    left -= std::bit_cast<float>(bits);
    return static_cast<Bits16>(bits >> 16U);
  }
};

/// A problem made ready. Of G groups, weights are [G][tiles_c][chunks][taps][parts] tiles, for NLC
/// of [16 pairs of inputs][16 outputs][2], for NCL of [16 outputs][32 inputs]. An input is a
/// channel, or where the window has the taps in turn (then `taps` is 1) tap · Cin/G + channel. Bias
/// is [G][tiles_c][16], in NCL each 16 times in turn. What pads either is 0.
struct Bf16Plan {
  using Task = void (*)(const Bf16Plan&, const void* x, void* y, std::int64_t task);

  Problem problem;
  Bf16Config config;
  std::int64_t length_out = 0;
  std::int64_t group_in = 0, group_out = 0;  ///< channels of one group in x and in y
  std::int64_t inputs = 0;                   ///< of the reduction for one tap
  std::int64_t taps = 0, chunks = 0;         ///< steps of it: taps · chunks
  std::int64_t pass_chunks = 0;              ///< that the window holds at once
  std::int64_t parts = 0;                    ///< of a number, in weights and window
  bool by_tiles = false;                     ///< by AMX, else by AVX512-BF16
  std::int64_t window_row = 0;   ///< elements: NLC of a position, NCL of a pair of inputs
  std::int64_t window_part = 0;  ///< elements of all rows of one part
  std::int64_t tiles_c = 0, blocks_l = 0, blocks_c = 0;
  hwy::AlignedFreeUniquePtr<Bits16[]> weights;
  PackedFloats bias;
  Task task = nullptr;
  /// cpu_direct's plan, in place of all of the above: where a weight is infinite, NaN or too small,
  /// which 0 in the padding and the instruction would not do justice to.
  std::shared_ptr<const void> direct;
};

/// The code on the SIMD target in use.
Bf16Plan::Task bf16_task(DType dtype);

/// Element (input, out) of a tile of weights.
constexpr std::int64_t bf16_tile_index(Layout layout, std::int64_t input, std::int64_t out) {
  return layout == Layout::NLC ? input / 2 * bf16_inputs + 2 * out + input % 2
                               : out * bf16_inputs + input;
}

/// Fills a plan's weights and bias; false if some weight is infinite, NaN or too small.
bool pack(Bf16Plan& plan, const void* weight, const void* bias);

/// Digest of bf16_kernel.cpp and the CPU headers that it includes.
std::string bf16_digest();

}  // namespace convtune

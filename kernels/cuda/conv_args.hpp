#pragma once

// Seen by host and device: no standard header.

namespace convtune::cuda {

using Int32 = int;
using Int64 = long long;

/// The type of positions and offsets: 32 bits where the tensors permit.
template <int bits>
struct IndexOfBits {
  using Type = Int64;
};
template <>
struct IndexOfBits<32> {
  using Type = Int32;
};
template <int bits>
using IndexOf = typename IndexOfBits<bits>::Type;

/// The run-time arguments of every generated kernel: its only parameter, passed by value.
struct ConvArgs {
  const void* x = nullptr;       ///< as the problem's layout has it
  const void* packed = nullptr;  ///< weights and bias in the family's own order
  void* y = nullptr;

  Int64 batch = 0;
  Int64 length = 0;
  Int64 out_length = 0;
  Int64 groups = 0;
  Int64 in_channels = 0;   ///< of one group
  Int64 out_channels = 0;  ///< of one group
  Int64 taps = 0;
  Int64 stride = 0;
  Int64 dilation = 0;
  Int64 pad_left = 0;
};

constexpr Int64 divide_up(Int64 value, Int64 by) { return (value + by - 1) / by; }

}  // namespace convtune::cuda

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

/// Unsigned division takes fewer instructions, and an unsigned comparison also sees what is
/// negative.
constexpr unsigned as_unsigned(Int32 value) { return static_cast<unsigned>(value); }
constexpr unsigned long long as_unsigned(Int64 value) {
  return static_cast<unsigned long long>(value);
}

/// Whether 0 <= position < length.
template <class Index>
constexpr bool is_inside(Index position, Index length) {
  return as_unsigned(position) < as_unsigned(length);
}

/// The sizes of a problem, in the width that a kernel computes with.
template <class Index>
struct ConvShape {
  Index batch = 0;
  Index length = 0;
  Index out_length = 0;
  Index groups = 0;
  Index in_channels = 0;   ///< of one group
  Index out_channels = 0;  ///< of one group
  Index taps = 0;
  Index stride = 0;
  Index dilation = 0;
  Index pad_left = 0;
};

/// The run-time arguments of every generated kernel, passed by value.
struct ConvArgs {
  const void* x = nullptr;       ///< as the problem's layout has it
  const void* packed = nullptr;  ///< weights and bias in the family's own order
  void* y = nullptr;
  ConvShape<Int64> shape = {};
};

template <class Index>
constexpr ConvShape<Index> shape_as(const ConvShape<Int64>& s) {
  return {static_cast<Index>(s.batch),       static_cast<Index>(s.length),
          static_cast<Index>(s.out_length),  static_cast<Index>(s.groups),
          static_cast<Index>(s.in_channels), static_cast<Index>(s.out_channels),
          static_cast<Index>(s.taps),        static_cast<Index>(s.stride),
          static_cast<Index>(s.dilation),    static_cast<Index>(s.pad_left)};
}

template <class Index>
constexpr Index smaller(Index a, Index b) {
  return a < b ? a : b;
}
template <class Index>
constexpr Index divide_up(Index value, Index by) {
  return (value + by - 1) / by;
}

/// The smallest power of two that is not below `count`, at most `most`.
constexpr int lanes_for(Int64 count, int most) {
  int lanes = 1;
  while (lanes < count && lanes < most) lanes *= 2;
  return lanes;
}

}  // namespace convtune::cuda
